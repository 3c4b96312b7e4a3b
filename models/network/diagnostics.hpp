#pragma once
/// What the theory of wide networks speaks of, measured along a training.

#include <raphson/models/two_layer_relu.hpp>

#include <functional>
#include <limits>
#include <vector>

namespace raphson {

/// Figures of one point W, beside what Theorem 4.1 of Brand et al. (2021) asks of them. NaN: not known.
struct NetworkHealth {
  Index iteration = 0;
  double residual = 0;           ///< ‖f − y‖₂
  double contraction = 0;        ///< ‖f_t − y‖/‖f_{t−1} − y‖; the theorem: ≤ ½. NaN at the start
  double lambda_min_gram = 0;    ///< λmin(JJᵀ); the proof: ≥ λ/2. NaN for more points than parameters
  double lambda_min_kernel = 0;  ///< λ = λmin(K), of the data alone (ReLU)
  double largest_move = 0;       ///< max_r ‖w_r − w_r(0)‖₂
  double allowed_move = 0;       ///< R/√m with the R = n/λ of the proof, constants and logarithms left out
  double flipped = 0;            ///< share of the n·m activations 1{⟨w_r,x_i⟩ ≥ 0} that differ from those at the start (ReLU)
  double width_asked = 0;        ///< max(λ⁻⁴n⁴, λ⁻²n²d log(16n/δ)), δ = 0.1, constants left out
};

/// Measures points of `model` against the start W0. n³/3 flops for each λmin (Cholesky, then Lanczos on the inverse; an eigenvalue
/// decomposition where the Gram matrix is numerically singular), one linearization, and n·m comparisons. 8n² bytes for a while.
class NetworkDiagnostics {
 public:
  NetworkDiagnostics(TwoLayerRelu model, Vec W0);
  /// `previous` is ‖f − y‖ of the step before; NaN: none.
  NetworkHealth at(const Vec& W, double previous = std::numeric_limits<double>::quiet_NaN()) const;

 private:
  TwoLayerRelu model_;
  Vec W0_;
  double lambda_, width_asked_;
};

/// A network that remembers the point linearized last: what a callback, which sees no parameters, can measure. Trains as `model` does.
///
///     WatchedNetwork net(model);
///     options.callback = net.recorder(W0, rows);      // a NetworkHealth for every iteration
///     minimize(net, solver, W, options);
class WatchedNetwork : public Model {
 public:
  explicit WatchedNetwork(TwoLayerRelu model);
  std::string name() const override;
  std::string formula() const override;
  Index parameters() const override;
  double value(const Vec& W) const override;
  std::unique_ptr<Linearization> linearize(const Vec& W) const override;
  Criterion criterion() const override;
  double gradient_scale() const override;
  std::vector<std::string> notes() const override;

  /// A callback for Options that appends to `out`, which the caller keeps alive, as does this object.
  std::function<Action(const Iteration&)> recorder(const Vec& W0, std::vector<NetworkHealth>& out) const;

 private:
  TwoLayerRelu model_;
  mutable Vec latest_;
};

/// Smallest eigenvalue of a symmetric G, which is destroyed: Lanczos on the inverse when a Cholesky factorization succeeds (relative
/// accuracy about 1e-6), else an eigenvalue decomposition. NaN when G is not finite.
double smallest_eigenvalue(arma::mat& G);

}  // namespace raphson
