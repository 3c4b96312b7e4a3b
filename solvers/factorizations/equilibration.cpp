#include <raphson/solvers/factorizations/equilibration.hpp>

#include <cmath>
#include <limits>

namespace raphson {

Vec equilibrating_scale(const Vec& diagonal) {
  Vec t(diagonal.n_elem);
  for (Index j = 0; j < t.n_elem; ++j) {
    int exponent = 0;
    const double value = diagonal(j);
    if (value > 0 && std::isfinite(value)) std::frexp(value, &exponent);  // value ∈ [½, 1)·2^exponent
    // The even exponent at or below: halving it is exact.
    t(j) = value > 0 ? std::ldexp(1.0, -((exponent - (exponent & 1)) / 2)) : 1.0;
  }
  return t;
}

template <class Real>
Real pivot_floor(Index k) {
  return Real(8) * std::sqrt(static_cast<Real>(k)) * std::numeric_limits<Real>::epsilon();
}

template <class Real>
void scale_symmetric(Mat<Real>& G, const Vec& t) {
  for (Index j = 0; j < G.n_cols; ++j) {
    Real* column = G.colptr(j);
    for (Index i = 0; i < G.n_rows; ++i) column[i] *= static_cast<Real>(t(i)) * static_cast<Real>(t(j));
  }
}

template float pivot_floor<float>(Index);
template double pivot_floor<double>(Index);
template void scale_symmetric(Mat<float>&, const Vec&);
template void scale_symmetric(Mat<double>&, const Vec&);

}  // namespace raphson
