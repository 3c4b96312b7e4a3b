#pragma once
#include <raphson/core/linear_solver.hpp>
#include <raphson/core/sketch.hpp>

namespace raphson {

/// f16: IEEE binary16, eleven bits, sums in single precision. i8: eight-bit integers, in single precision where the machine has no
/// instructions for their products.
enum class Precision { f64, f32, f16, i8 };
enum class SketchFactor { automatic, cholesky, qr };  ///< automatic: Cholesky of the sketched Gram, QR when that breaks down

/// How solvers sketch. The defaults choose for themselves.
struct SketchOptions {
  std::shared_ptr<const SketchKind> kind = {};  ///< null: count_sketch for dense rows, sparse_sign else
  Index size = 0;                               ///< rows s of the sketch, k ≤ s ≤ N; 0: 4k (sketch-and-solve: 8k), at most N
  Precision precision = Precision::f64;         ///< f32 forms and factors the sketched Gram matrix in single precision; i8 forms
                                                ///< it from numbers rounded to eight bits and factors it in single precision
  Precision products = Precision::f16;  ///< of the products with A in iterations, where precision is not f64: f32 and f16 multiply from a
                                        ///< copy of A, f16 where A has one and the factor is far from singular, else f64. Half and a
                                        ///< quarter of the traffic an iteration, half and a quarter as much memory again
  SketchFactor factor = SketchFactor::automatic;
};

/// The sketch size in force for an N × k system. Throws InputError for a size that is given and < k or > N.
Index sketch_size(const SketchOptions& options, Index N, Index k, Index default_factor);

}  // namespace raphson
