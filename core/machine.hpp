#pragma once
/// Speed of this machine, for cost estimates.

#include <raphson/core/types.hpp>

#include <array>

namespace raphson {

/// Rates per second with all threads of the current scope. The defaults are those of two cores with AVX2.
///
/// Matrices of k columns fill registers and caches the better the wider they are: a rate r at k = 512 with half width h stands for
/// r·(1 + h/512)·k/(k + h) flop/s; Gram matrices gain nothing beyond 512.
struct Machine {
  double gemm = 70e9;  ///< f64 matrix multiplication by BLAS, flop/s
  double gemm_single = 130e9;
  double gram = 80e9, gram_half = 120;  ///< f64 Gram matrix of rows by our own kernels, flop/s at k = 512, and half width
  double gram_single = 160e9, gram_single_half = 200;
  double gram_rounded = 0;                  ///< of numbers rounded to eight bits, operations/s at k = 512; 0: no instructions for it
  double factor = 45e9, factor_half = 450;  ///< f64 Cholesky, the same
  double factor_single = 90e9, factor_single_half = 550;
  double bandwidth = 25e9;                                   ///< reading memory, bytes/s
  std::array<double, 4> cached = {100e9, 90e9, 60e9, 30e9};  ///< the same for 4, 8, 16, 32 MiB that are read again and again
  double row = 4e-9;                                         ///< seconds that a row of a pass costs beside its bytes
  double touch = 3e9;                                        ///< writing memory for the first time, bytes/s
  double dispatch = 1e-5;                                    ///< seconds that a parallel sum of vectors takes to begin and end
  double sparse = 1.2e9;                                     ///< sparse multiply-adds, flop/s

  double gram_rate(Index k, bool single) const;    ///< flop/s of the Gram matrix of rows of k > 0 numbers
  double gram_rounded_rate(Index k) const;         ///< the same of numbers rounded to eight bits
  double factor_rate(Index k, bool single) const;  ///< flop/s of a k × k Cholesky factorization
  double reading(double bytes) const;              ///< bytes/s of repeated passes over that much data: from cache where it fits

  /// Typical rates of two cores with the vector instructions of this machine. What they decide is the same in every run, for any number
  /// of threads and however busy the machine is.
  static const Machine& nominal();

  /// Calibrated once per process and thread count (less than 0.2 s), then remembered.
  static const Machine& measured();
};

}  // namespace raphson
