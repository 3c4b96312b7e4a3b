#include <raphson/core/error.hpp>
#include <raphson/solvers/sketch_options.hpp>

#include <fmt/format.h>
#include <algorithm>

namespace raphson {

Index sketch_size(const SketchOptions& options, Index N, Index k, Index default_factor) {
  if (options.size == 0) return std::min(default_factor * k, N);
  if (options.size < k || options.size > N) {
    throw InputError(fmt::format("sketch size {} for a {} x {} matrix: it must lie between {} and {}. 0 chooses {}.", options.size, N, k, k,
                                 std::max(N, k), std::min(default_factor * k, N)));
  }
  return options.size;
}

}  // namespace raphson
