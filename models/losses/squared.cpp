#include <raphson/models/losses.hpp>

namespace raphson {

std::shared_ptr<const Loss> squared_loss() { return make_loss(Squared{}, "squared", "½(zᵢ − yᵢ)²"); }

}  // namespace raphson
