// Real regression data, a quarter of the rows kept back for a test: a wide two-layer ReLU network, stopped where rows to validate on stop
// improving, beside ridge regression and kernel ridge regression with the kernel that the network tends to as it widens.
//
//     network_regression [FILE [WIDTH [SEED]]]     the target is the last column of FILE; one line a method, RMSE in units of the target
#include <raphson/raphson.hpp>

#include <cstdio>
#include <string>

using raphson::DataMatrix;
using raphson::Index;
using raphson::Vec;

namespace {

struct Rows {
  DataMatrix X;  // as the models see it: standardized, a constant appended, rows of norm 1
  Vec y;         // standardized
};

double rmse(const Vec& fitted, const Vec& y) { return arma::norm(fitted - y) / std::sqrt(static_cast<double>(y.n_elem)); }

Vec elements(const Vec& v, const std::vector<Index>& index) { return v.elem(arma::conv_to<arma::uvec>::from(index)); }

Rows stacked(const Rows& a, const Rows& b) {
  return {DataMatrix::from_rows(arma::mat(arma::join_rows(a.X.dense(), b.X.dense()))), arma::join_cols(a.y, b.y)};
}

// Ridge: the penalty is the one of a path that is best on the rows to validate on; the fit is then made on both.
Vec ridge(const Rows& fit, const Rows& validate, const DataMatrix& test, double& l2) {
  raphson::Auto solver;
  raphson::LinearModel model(fit.X, fit.y, raphson::squared_loss());
  double least = std::numeric_limits<double>::infinity();
  for (const raphson::PathPoint& point : raphson::fit_path(model, solver, raphson::l2_grid(1e3, 1e-6, 30))) {
    const double error = rmse(model.predict(validate.X, point.theta), validate.y);
    if (error < least) least = error, l2 = point.l2;
  }
  const Rows both = stacked(fit, validate);
  raphson::LinearModel whole(both.X, both.y, raphson::squared_loss(), {.l2 = l2});
  Vec theta(whole.parameters(), arma::fill::zeros);
  raphson::minimize(whole, solver, theta);
  return whole.predict(test, theta);
}

// f(x) = k(x)ᵀ(K + λI)⁻¹y with K(x, x′) = ⟨x,x′⟩(π − ∠(x,x′))/2π.
Vec kernel_fit(const arma::mat& K, Index fitted, const Vec& y, double lambda) {
  const arma::mat inner = K.submat(0, 0, fitted - 1, fitted - 1) + lambda * arma::eye(fitted, fitted);
  return K.tail_rows(K.n_rows - fitted).eval().head_cols(fitted) * arma::solve(inner, y, arma::solve_opts::likely_sympd);
}

Vec kernel_ridge(const Rows& fit, const Rows& validate, const DataMatrix& test, double& lambda) {
  const arma::mat K = raphson::relu_kernel(stacked(fit, validate).X);
  double least = std::numeric_limits<double>::infinity();
  for (const double candidate : raphson::l2_grid(1e3, 1e-6, 30)) {
    const double error = rmse(kernel_fit(K, fit.X.rows(), fit.y, candidate), validate.y);
    if (error < least) least = error, lambda = candidate;
  }
  const Rows both = stacked(fit, validate);
  return kernel_fit(raphson::relu_kernel(stacked(both, {test, {}}).X), both.X.rows(), both.y, lambda);
}

struct Trained {
  raphson::Summary summary;
  Vec test;
};

// The network, trained to the end (patience 0) or to the step after which the rows to validate on get no better.
Trained network(const Rows& fit, const Rows& validate, const DataMatrix& test, Index width, std::uint64_t seed, Index patience) {
  raphson::TwoLayerRelu net(fit.X, fit.y, {.width = width, .seed = seed});
  raphson::EarlyStopping watch([&](const Vec& W) { return rmse(net.predict(validate.X, W), validate.y); }, patience);
  raphson::TrainOptions options;
  if (patience > 0) {  // undamped steps are at the noise at once: damped ones pass the good points slowly
    options.globalization = raphson::Globalization::levenberg_marquardt;
    options.initial_damping = 100;
  }
  options.callback = watch.callback();
  raphson::Auto solver;
  Vec W = net.initial_weights();
  Trained trained;
  trained.summary = raphson::train_network(net, solver, W, options);
  watch.finish(net, W, trained.summary);
  trained.test = net.predict(test, W);
  return trained;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string file = argc > 1 ? argv[1] : "examples/data/diabetes.csv";
  const Index width = argc > 2 ? std::stoul(argv[2]) : 1024;
  const std::uint64_t seed = argc > 3 ? std::stoul(argv[3]) : 1;
  const raphson::Dataset data = raphson::read(file);
  const Index n = data.features.rows(), d = data.features.cols();

  std::vector<Index> order(n);  // rows in random order: half to fit, a quarter to validate, a quarter to test
  for (Index i = 0; i < n; ++i) order[i] = i;
  const raphson::Seed draw = raphson::Seed(seed).split(raphson::Purpose::shuffle);
  for (Index i = n; i > 1; --i) std::swap(order[i - 1], order[draw.below(i, i)]);
  const auto part = [&](Index from, Index to) { return std::vector<Index>(order.begin() + long(from), order.begin() + long(to)); };
  const std::vector<Index> to_fit = part(0, n / 2), to_validate = part(n / 2, n / 4 * 3), to_test = part(n / 4 * 3, n);

  raphson::Standardization scaling;  // learned from the rows to fit alone
  scaling.fit(data.features.select_rows(to_fit), elements(data.target, to_fit));
  const auto rows = [&](const std::vector<Index>& index) {
    return Rows{scaling.features(data.features.select_rows(index)), scaling.targets(elements(data.target, index))};
  };
  const Rows fit = rows(to_fit), validate = rows(to_validate), test = rows(to_test);
  const auto test_rmse = [&](const Vec& f) { return rmse(scaling.undo_targets(f), elements(data.target, to_test)); };

  std::printf("%s: %zu rows to fit, %zu to validate, %zu to test, %zu features; seed %zu\n\n", file.c_str(), to_fit.size(),
              to_validate.size(), to_test.size(), d, static_cast<std::size_t>(seed));
  double l2 = 0, lambda = 0;
  const double mean = test_rmse(Vec(to_test.size(), arma::fill::zeros));
  const double of_ridge = test_rmse(ridge(fit, validate, test.X, l2));
  const double of_kernel = test_rmse(kernel_ridge(fit, validate, test.X, lambda));
  const Trained stopped = network(fit, validate, test.X, width, seed, 15), whole = network(fit, validate, test.X, width, seed, 0);
  std::printf("%-34s %12s\n", "method", "test RMSE");
  std::printf("%-34s %12.5g\n", "mean of the target", mean);
  std::printf("%-34s %12.5g   l2 = %.2g by the path\n", "ridge", of_ridge, l2);
  std::printf("%-34s %12.5g   lambda = %.2g\n", "kernel ridge, NTK of Eq. (5)", of_kernel, lambda);
  std::printf("%-34s %12.5g   %s\n", "network, early stopping", test_rmse(stopped.test), stopped.summary.message.c_str());
  std::printf("%-34s %12.5g   %s\n", "network, to the end", test_rmse(whole.test), whole.summary.message.c_str());
  return test_rmse(stopped.test) < mean && of_ridge < mean && of_kernel < mean ? 0 : 1;
}
