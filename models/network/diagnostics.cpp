#include <raphson/core/dense.hpp>
#include <raphson/core/error.hpp>
#include <raphson/core/seed.hpp>
#include <raphson/core/threads.hpp>
#include <raphson/models/network/diagnostics.hpp>
#include <raphson/models/network/jacobian.hpp>

#include <algorithm>
#include <cmath>
#include <span>

namespace raphson {
namespace {

constexpr double not_known = std::numeric_limits<double>::quiet_NaN();
constexpr double failure_probability = 0.1;

/// Largest eigenvalue of (LLᵀ)⁻¹ by Lanczos with full reorthogonalization.
double largest_of_inverse(const arma::mat& L) {
  const Index n = L.n_rows, steps = std::min<Index>(n, 60);
  arma::mat Q(n, steps);
  Vec alpha(steps), beta(steps), q(n);
  Seed(1).split(Purpose::probe).normal(0, std::span<double>(q.memptr(), n));
  q /= arma::norm(q);
  double smallest = 0, largest = 0;
  for (Index j = 0; j < steps; ++j) {
    Q.col(j) = q;
    Vec next = q;
    cholesky_solve(L, next);
    alpha[j] = arma::dot(q, next);
    for (int twice = 0; twice < 2; ++twice) {
      for (Index i = 0; i <= j; ++i) next -= arma::dot(Q.col(i), next) * Q.col(i);
    }
    beta[j] = arma::norm(next);
    const double before = largest;
    if (!tridiagonal_extremes(alpha.head(j + 1), j > 0 ? Vec(beta.head(j)) : Vec(), smallest, largest)) return not_known;
    if (!(beta[j] > 1e-14 * largest) || (j > 5 && std::abs(largest - before) <= 1e-8 * largest)) break;
    q = next / beta[j];
  }
  return largest;
}

/// Share of activations that differ.
double flipped_share(const ActivationPattern& a, const ActivationPattern& b) {
  const Index n = a.points(), m = a.neurons();
  std::vector<double> flips(n, 0.0);
  parallel_for(n, [&](Index i) {
    std::vector<double> one(tile_neurons), other(tile_neurons);
    for (Index first = 0; first < m; first += tile_neurons) {
      const Index count = std::min(tile_neurons, m - first);
      a.expand(first, count, i, 1, one.data());
      b.expand(first, count, i, 1, other.data());
      for (Index r = 0; r < count; ++r) flips[i] += one[r] != other[r] ? 1 : 0;
    }
  });
  double sum = 0;
  for (const double f : flips) sum += f;
  return sum / (static_cast<double>(n) * static_cast<double>(m));
}

ActivationPattern pattern_at(const TwoLayerRelu& model, const Vec& W) {
  ActivationPattern pattern(model.data().rows(), model.width(), model.activation());
  forward(model.data(), model.output_signs(), model.activation(), W.memptr(), &pattern);
  return pattern;
}

}  // namespace

double smallest_eigenvalue(arma::mat& G) {
  const SingleThreadedBlas blas;
  if (!all_finite(G)) return not_known;
  arma::mat L = G;
  if (cholesky(L)) {
    const double largest = largest_of_inverse(L);
    if (largest > 0 && std::isfinite(largest)) return 1 / largest;
  }
  Vec values;
  return symmetric_eigen(G, values, false) ? values[0] : not_known;
}

NetworkDiagnostics::NetworkDiagnostics(TwoLayerRelu model, Vec W0) : model_(std::move(model)), W0_(std::move(W0)) {
  require_size(W0_.n_elem, model_.parameters(), "W0", "width x columns of X");
  arma::mat K = relu_kernel(model_.data(), 1, model_.output_trained());
  lambda_ = smallest_eigenvalue(K);
  const double n = static_cast<double>(model_.data().rows()), d = static_cast<double>(model_.data().cols());
  const double ratio = n / lambda_;
  width_asked_ = std::max(std::pow(ratio, 4), ratio * ratio * d * std::log(16 * n / failure_probability));
}

NetworkHealth NetworkDiagnostics::at(const Vec& W, double previous) const {
  NetworkHealth health;
  const auto here = model_.linearize(W);
  health.residual = arma::norm(arma::vectorise(model_.predict(model_.data(), W) - model_.target()));
  health.contraction = health.residual / previous;
  health.lambda_min_kernel = lambda_;
  health.width_asked = width_asked_;
  const double n = static_cast<double>(model_.data().rows()), m = static_cast<double>(model_.width());
  health.allowed_move = n / lambda_ / std::sqrt(m);
  health.lambda_min_gram = not_known;
  if (here->step_form() == StepForm::adjoint) {
    arma::mat G;
    here->matrix()->gram(G);
    health.lambda_min_gram = smallest_eigenvalue(G);
  }
  const Index d = model_.data().cols();
  for (Index r = 0; r < model_.width(); ++r) {
    double square = 0;
    for (Index k = r * d; k < (r + 1) * d; ++k) square += (W[k] - W0_[k]) * (W[k] - W0_[k]);
    health.largest_move = std::max(health.largest_move, std::sqrt(square));
  }
  const bool relu = model_.activation().kind == Activation::Kind::relu;
  health.flipped = relu ? flipped_share(pattern_at(model_, W0_), pattern_at(model_, W)) : not_known;
  return health;
}

WatchedNetwork::WatchedNetwork(TwoLayerRelu model) : model_(std::move(model)) {}
std::string WatchedNetwork::name() const { return model_.name(); }
std::string WatchedNetwork::formula() const { return model_.formula(); }
Index WatchedNetwork::parameters() const { return model_.parameters(); }
double WatchedNetwork::value(const Vec& W) const { return model_.value(W); }
Criterion WatchedNetwork::criterion() const { return model_.criterion(); }
double WatchedNetwork::gradient_scale() const { return model_.gradient_scale(); }
std::vector<std::string> WatchedNetwork::notes() const { return model_.notes(); }

std::unique_ptr<Linearization> WatchedNetwork::linearize(const Vec& W) const {
  latest_ = W;
  return model_.linearize(W);
}

std::function<Action(const Iteration&)> WatchedNetwork::recorder(const Vec& W0, std::vector<NetworkHealth>& out) const {
  const auto diagnostics = std::make_shared<const NetworkDiagnostics>(model_, W0);
  return [this, diagnostics, &out](const Iteration& iteration) {
    out.push_back(diagnostics->at(latest_, out.empty() ? not_known : out.back().residual));
    out.back().iteration = iteration.iteration;
    return Action::proceed;
  };
}

}  // namespace raphson
