#pragma once
/// Speed of this machine, for cost estimates.

namespace raphson {

/// Rates per second with all threads of the current scope. The defaults are those of two cores with AVX2.
struct Machine {
  double gemm = 70e9;  ///< f64 matrix multiplication by BLAS, flop/s
  double gemm_single = 130e9;
  double gram = 80e9;  ///< f64 Gram matrix of rows by our own kernels, flop/s
  double gram_single = 160e9;
  double gram_rounded = 0;  ///< of numbers rounded to eight bits, operations/s; 0: no instructions for it
  double factor = 45e9;  ///< f64 Cholesky, flop/s
  double factor_single = 90e9;
  double bandwidth = 25e9;  ///< reading memory, bytes/s
  double sparse = 1.2e9;    ///< sparse multiply-adds, flop/s

  /// Typical rates of two cores with the vector instructions of this machine. What they decide is the same in every run, for any number
  /// of threads and however busy the machine is.
  static const Machine& nominal();

  /// Calibrated once per process and thread count (less than 0.2 s), then remembered.
  static const Machine& measured();
};

}  // namespace raphson
