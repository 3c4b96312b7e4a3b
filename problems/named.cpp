#include <raphson/core/error.hpp>
#include <raphson/models/linear_model.hpp>
#include <raphson/models/two_layer_relu.hpp>
#include <raphson/problems/generators.hpp>
#include <raphson/problems/named.hpp>
#include <raphson/problems/rosenbrock.hpp>

#include <algorithm>
#include <cmath>

namespace raphson {
namespace {

// n × d, for building; the problems are small.
arma::mat columns_of(const DataMatrix& C) { return C.dense().t(); }

NamedProblem linear(DataMatrix C, const Vec& y, std::shared_ptr<const Loss> loss, Vec optimum, double optimal_value, Vec weights = {}) {
  LinearModelOptions options;
  options.intercept = false;
  options.weights = std::move(weights);
  NamedProblem problem;
  problem.start.zeros(C.cols());
  problem.model = std::make_shared<LinearModel>(std::move(C), y, std::move(loss), std::move(options));
  problem.optimum = std::move(optimum);
  problem.optimal_value = optimal_value;
  return problem;
}

NamedProblem least_squares(Index rows, Index columns, double condition, double residual) {
  const Generated p = generate_least_squares(rows, columns, condition, residual, Seed(11));
  return linear(p.C, p.y, squared_loss(), p.truth, 0.5 * residual * residual);
}

// C = C₀ (I T): two columns more, combinations of the others. Of all x with (I T) x = x₀ the least is (I T)ᵀ ((I T)(I T)ᵀ)⁻¹ x₀.
NamedProblem rank_deficient() {
  const Generated p = generate_least_squares(100, 8, 10, 1, Seed(12));
  arma::mat T(8, 2, arma::fill::zeros);
  T(0, 0) = 1;
  T(1, 1) = T(2, 1) = -1;
  const arma::mat M = arma::join_rows(arma::mat(8, 8, arma::fill::eye), T);
  return linear(DataMatrix(arma::mat(columns_of(p.C) * M)), p.y, squared_loss(), M.t() * arma::solve(M * M.t(), p.truth), 0.5);
}

// Each row with both labels, weighted by their probabilities π = 1/(1+exp(−⟨c,x*⟩)) and 1 − π: the two pulls cancel at x*, and what is
// left of the objective is the entropy of the labels.
NamedProblem logistic() {
  const Generated p = generate_classification({.rows = 200, .columns = 10, .scale_span = 100, .correlation = 0.5, .seed = 13});
  const Vec z = p.C.multiply(p.truth);
  const Vec probability = 1 / (1 + arma::exp(-z)), other = 1 / (1 + arma::exp(z)), ones(z.n_elem, arma::fill::ones);
  const double entropy = arma::accu(probability % arma::log1p(arma::exp(-z)) + other % arma::log1p(arma::exp(z)));
  return linear(DataMatrix(arma::join_cols(columns_of(p.C), columns_of(p.C))), arma::join_cols(ones, -ones), logistic_loss(), p.truth,
                entropy, arma::join_cols(probability, other));
}

NamedProblem separable() {
  const Generated p = generate_classification({.rows = 100, .columns = 5, .seed = 14});
  return linear(p.C, arma::sign(p.C.multiply(p.truth)), logistic_loss(), {}, 0);
}

// Counts that are their own expectation: yᵢ = λᵢ = exp⟨cᵢ,x*⟩, value Σ λᵢ (1 − log λᵢ).
NamedProblem poisson(const DataMatrix& C, const Vec& truth) {
  const Vec z = C.multiply(truth), rate = arma::exp(z);
  return linear(C, rate, poisson_loss(), truth, arma::accu(rate % (1 - z)));
}

NamedProblem poisson() {
  const Generated p = generate_counts({.rows = 300, .columns = 12, .scale_span = 1000, .correlation = 0.7, .seed = 15});
  return poisson(p.C, p.truth);
}

NamedProblem coherent() {
  const Generated p = generate_counts({.rows = 2000, .columns = 20, .coherence = 0.01, .seed = 16});
  return poisson(p.C, p.truth);
}

// Exact targets, and every tenth row twice more with targets 10 too large and 10 too small: outliers whose bounded pulls cancel.
NamedProblem huber() {
  constexpr double delta = 1.345, far = 10;
  const Generated p = generate_regression({.rows = 200, .columns = 8, .noise = 0, .seed = 17});
  const arma::uvec tenth = arma::regspace<arma::uvec>(0, 10, 199);
  const arma::mat C = columns_of(p.C), C_far = C.rows(tenth);
  const Vec z = C * p.truth, z_far = C_far * p.truth;
  const double value = 2 * static_cast<double>(tenth.n_elem) * delta * (far - delta / 2);
  return linear(DataMatrix(arma::join_cols(C, C_far, C_far)), arma::join_cols(z, z_far + far, z_far - far), huber_loss(delta), p.truth,
                value);
}

// Three rows for each window of three neighbouring columns: CᵀC has five diagonals, its graph treewidth 2.
NamedProblem band() {
  constexpr Index d = 300, windows = d - 2;
  const Seed seed(18);
  Vec values(9 * windows), truth(d);
  seed.split(Purpose::data, 0).normal(0, {values.memptr(), values.n_elem});
  seed.split(Purpose::data, 1).normal(0, {truth.memptr(), d});
  truth *= 0.5;
  arma::uvec column(9 * windows), begin = arma::regspace<arma::uvec>(0, 3, 9 * windows);
  for (Index e = 0; e < column.n_elem; ++e) column(e) = e / 9 + e % 3;
  return poisson(DataMatrix::from_rows(arma::sp_mat(column, begin, values, d, 3 * windows)), truth);
}

NamedProblem rosenbrock() { return {.model = std::make_shared<Rosenbrock>(), .start = {-1.2, 1}, .optimum = {1, 1}, .optimal_value = 0}; }

NamedProblem relu_sphere() {
  const Generated p = generate_sphere(30, 6, Seed(19));
  const auto model = std::make_shared<TwoLayerRelu>(p.C, p.y, TwoLayerReluOptions{.width = 512});
  return {.model = model, .start = model->initial_weights(), .optimal_value = 0};
}

struct Entry {
  const char* name;
  const char* description;
  NamedProblem (*make)();
};

const Entry table[] = {
    {"least-squares", "200 x 10, condition number 100, residual norm 2", [] { return least_squares(200, 10, 100, 2); }},
    {"ill-conditioned", "least squares 300 x 20, condition number 1e8, residual norm 1e-6",
     [] { return least_squares(300, 20, 1e8, 1e-6); }},
    {"rank-deficient", "least squares 100 x 10 of rank 8; the optimum is the minimizer of least norm", rank_deficient},
    {"logistic", "weighted logistic regression 400 x 10 on columns of scales 1 to 0.01, correlated", logistic},
    {"separable", "logistic regression 100 x 5 on separable classes: the infimum 0 is not attained", separable},
    {"poisson", "Poisson regression 300 x 12 on columns of scales 1 to 0.001, correlated", poisson},
    {"coherent", "Poisson regression 2000 x 20; 20 rows have leverage near 1, so that sampling rows uniformly misses them", coherent},
    {"huber", "Huber regression 240 x 8 with 40 outliers", huber},
    {"band", "sparse Poisson regression 894 x 300; CᵀC has five diagonals, treewidth 2", band},
    {"rosenbrock", "nonlinear least squares in 2 variables, a curved valley", rosenbrock},
    {"relu-sphere", "two-layer ReLU network of width 512 on 30 points of the unit sphere in R^6; fits exactly", relu_sphere},
};

}  // namespace

std::vector<std::string> named_problems() {
  std::vector<std::string> names;
  for (const Entry& entry : table) names.emplace_back(entry.name);
  return names;
}

NamedProblem named_problem(const std::string& name) {
  const auto entry = std::find_if(std::begin(table), std::end(table), [&](const Entry& each) { return each.name == name; });
  if (entry == std::end(table)) {
    std::string known;
    for (const std::string& each : named_problems()) known += (known.empty() ? "" : ", ") + each;
    throw InputError("there is no problem named \"" + name + "\"; there are " + known + ".");
  }
  NamedProblem problem = entry->make();
  problem.name = entry->name;
  problem.description = entry->description;
  return problem;
}

}  // namespace raphson
