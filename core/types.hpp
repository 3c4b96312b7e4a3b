#pragma once
/// Names for sizes and matrices used throughout.

#include <armadillo>
#include <cstddef>

namespace raphson {

/// Every size and position; 64 bits wide.
using Index = std::size_t;
static_assert(sizeof(Index) == 8 && sizeof(arma::uword) == 8, "Raphson needs 64-bit sizes");

/// Column-major matrix and vectors. Data are n × d, one row per observation; how they are stored is DataMatrix's affair.
template <class Real>
using Mat = arma::Mat<Real>;
template <class Real>
using Col = arma::Col<Real>;
using Vec = arma::vec;

}  // namespace raphson
