#pragma once
/// Circular convolutions by FFTW. Internal to the sketches.

#include <raphson/core/types.hpp>

#include <memory>

namespace raphson {

/// out(i) = Σⱼ a(j) b(i − j mod s). Three transforms of length s, about 7.5 s log₂ s flops; safe to call from several threads at once.
/// Plans are estimated, never timed: the same bits, always. Real is float or double.
template <class Real>
class CircularConvolution {
 public:
  /// Null in a build without FFTW.
  static std::unique_ptr<const CircularConvolution> make(Index s);
  virtual ~CircularConvolution() = default;
  virtual void operator()(const Real* a, const Real* b, Real* out) const = 0;
};

}  // namespace raphson
