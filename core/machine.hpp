#pragma once
/// Speed of this machine, for cost estimates.

namespace raphson {

/// Rates per second with all threads of the current scope. The defaults are those of a two-core AVX2 machine; `measure`
/// replaces them by a calibration.
struct Machine {
  double gemm = 70e9;  ///< f64 matrix multiplication, flop/s
  double gemm_single = 130e9;
  double factor = 45e9;  ///< f64 Cholesky, flop/s
  double factor_single = 90e9;
  double bandwidth = 25e9;  ///< reading memory, bytes/s
  double sparse = 1.2e9;    ///< sparse multiply-adds, flop/s

  /// Calibrated once per process and thread count (less than 0.2 s), then remembered.
  static const Machine& measured();
};

}  // namespace raphson
