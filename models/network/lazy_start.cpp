#include <raphson/core/error.hpp>
#include <raphson/models/network/lazy_start.hpp>

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace raphson {
namespace {

/// Neurons that no other cancels: small beside the rest, and not zero, where their activations would all agree.
constexpr double unpaired_scale = 1e-3;

}  // namespace

Vec lazy_start(const TwoLayerRelu& net, double scale) {
  if (!(scale > 0 && std::isfinite(scale)))
    throw InputError(fmt::format("lazy_start: scale is {}. It must be positive and finite.", scale));
  Vec weights = net.initial_weights();
  if (net.output_trained()) scale = std::sqrt(scale);  // of both layers: f is as large as with fixed outputs
  if (net.outputs() > 1) return scale * weights;
  arma::mat W(weights.memptr(), net.data().cols(), net.width(), false, true);
  const arma::uvec positive = arma::find(net.output_signs() > 0), negative = arma::find(net.output_signs() < 0);
  const Index pairs = std::min(positive.n_elem, negative.n_elem);
  for (Index k = 0; k < pairs; ++k) W.col(negative[k]) = W.col(positive[k]);
  const arma::uvec& more = positive.n_elem > pairs ? positive : negative;
  for (Index k = pairs; k < more.n_elem; ++k) W.col(more[k]) *= unpaired_scale;
  return scale * weights;
}

}  // namespace raphson
