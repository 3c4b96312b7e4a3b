#pragma once
#include <raphson/core/types.hpp>

#include <functional>

namespace raphson {

/// LQ factorization diag(t) B = [L 0] Qᵀ of a wide B ∈ R^{k×s}, s ≥ k: that is QR of Bᵀdiag(t), by Householder reflectors in panels.
/// B is destroyed. L (k×k) is lower triangular, its diagonal of either sign. w (s, or empty) is replaced by the first k elements of
/// Qᵀw, so that R = Lᵀ, R y = w solves min ‖Bᵀdiag(t) y − w‖.
///
/// Panels of 64 columns are factored recursively; what lies below is updated in parallel by tiles of fixed shape, so that
/// the bits do not depend on the number of threads. 2sk² − ⅔k³ flops; 8(64 s + k²) bytes. `stop` (null: never) is asked once a panel;
/// false when it says so or when anything is not finite. Elmroth, Gustavson (2000) for the recursion; Schreiber, Van Loan (1989).
[[nodiscard]] bool blocked_lq(Mat<double>& B, const Vec& t, Vec& w, Mat<double>& L, const std::function<bool()>& stop = {});

}  // namespace raphson
