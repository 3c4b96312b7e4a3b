/// Ceres on the network of benchmarks/nets/run: Levenberg-Marquardt with conjugate gradients on the normal equations (CGNR), the only of
/// its solvers that needs no matrix of parameters by parameters. One residual block of n residuals; one parameter block of d numbers for
/// each neuron, so that its Jacobi preconditioner has d × d blocks. Ceres stores J: 8·n·m·d bytes.
///
///     bench-nets-ceres FOLDER OUT SECONDS THREADS TOLERANCE MEMORY     prints one line of JSON

#include "benchmarks/convex/npy.hpp"
#include "benchmarks/support/report.hpp"

#include <raphson/core/interrupt.hpp>

#include <ceres/ceres.h>
#include <fmt/format.h>

#include <cmath>
#include <iostream>

namespace {

using namespace raphson;
using namespace raphson::bench;

/// rᵢ = m^{-1/2} Σᵣ aᵣ max(⟨wᵣ,xᵢ⟩, 0) − yᵢ.
class Network final : public ceres::CostFunction {
 public:
  Network(const arma::mat& X, const Vec& y, const Vec& signs) : X_(X), y_(y), signs_(signs / std::sqrt(double(signs.n_elem))) {
    set_num_residuals(static_cast<int>(X.n_cols));
    mutable_parameter_block_sizes()->assign(signs.n_elem, static_cast<std::int32_t>(X.n_rows));
  }

  bool Evaluate(double const* const* W, double* residuals, double** jacobians) const override {
    const Index n = X_.n_cols, d = X_.n_rows;
    Vec r = -y_;
    Vec z(n);
    for (Index k = 0; k < signs_.n_elem; ++k) {
      z = X_.t() * Vec(const_cast<double*>(W[k]), d, false, true);
      for (Index i = 0; i < n; ++i) {
        const double slope = z(i) >= 0 ? signs_(k) : 0.0;
        r(i) += slope * z(i);
        if (!jacobians || !jacobians[k]) continue;
        for (Index j = 0; j < d; ++j) jacobians[k][i * d + j] = slope * X_(j, i);
      }
    }
    std::copy(r.begin(), r.end(), residuals);
    return true;
  }

 private:
  const arma::mat& X_;
  const Vec& y_;
  const Vec signs_;  ///< a/√m
};

/// Residual ratio against seconds; ends the solve at the tolerance, since Ceres's own rules are about other figures.
class Watch final : public ceres::IterationCallback {
 public:
  Watch(const Stopwatch& clock, double reference, double tolerance) : clock_(clock), reference_(reference), tolerance_(tolerance) {}
  ceres::CallbackReturnType operator()(const ceres::IterationSummary& it) override {
    const double ratio = std::sqrt(2 * it.cost) / reference_;
    points.push_back({clock_.seconds(), ratio});
    return ratio <= tolerance_ ? ceres::SOLVER_TERMINATE_SUCCESSFULLY : ceres::SOLVER_CONTINUE;
  }
  Json points = Json::array();

 private:
  const Stopwatch& clock_;
  double reference_, tolerance_;
};

void solve(const std::string& folder, const std::string& out, double seconds, int threads, double tolerance, double memory) {
  const arma::mat X = read_npy(folder + "/X.npy");
  const Vec y = arma::vectorise(read_npy(folder + "/y.npy")), signs = arma::vectorise(read_npy(folder + "/signs.npy"));
  arma::mat W = read_npy(folder + "/W0.npy");
  const double needed = 8.0 * static_cast<double>(X.n_cols) * static_cast<double>(W.n_elem);
  if (!(needed <= memory)) throw std::runtime_error(fmt::format("stores J, which takes {:.1f} GB", needed / 1e9));

  const Stopwatch clock;
  const Network network(X, y, signs);
  ceres::Problem::Options owned;
  owned.cost_function_ownership = ceres::DO_NOT_TAKE_OWNERSHIP;
  ceres::Problem problem(owned);
  std::vector<double*> blocks;
  for (Index k = 0; k < W.n_cols; ++k) blocks.push_back(W.colptr(k));
  Vec f0(X.n_cols);
  network.Evaluate(blocks.data(), f0.memptr(), nullptr);
  const double reference = arma::norm(f0);
  write_npy(out + "/f0.npy", Vec(f0 + y));

  Watch watch(clock, reference, tolerance);
  problem.AddResidualBlock(const_cast<Network*>(&network), nullptr, blocks);
  ceres::Solver::Options options;
  options.linear_solver_type = ceres::CGNR;
  options.preconditioner_type = ceres::JACOBI;
  options.max_num_iterations = 1000000;
  options.max_solver_time_in_seconds = seconds;
  options.initial_trust_region_radius = 1e8;  // nearly undamped from the start, as Gauss-Newton is
  options.eta = 1e-2;
  options.function_tolerance = options.gradient_tolerance = options.parameter_tolerance = 0;
  options.num_threads = threads;
  options.logging_type = ceres::SILENT;
  options.callbacks.push_back(&watch);
  ceres::Solver::Summary summary;
  ceres::Solve(options, &problem, &summary);

  write_npy(out + "/W.npy", W);
  const Json result{{"seconds", clock.seconds()},
                    {"status", ceres::TerminationTypeToString(summary.termination_type)},
                    {"message", summary.message},
                    {"steps", summary.iterations.size() - 1},
                    {"residual_ratio", std::sqrt(2 * summary.final_cost) / reference},
                    {"curve", watch.points},
                    {"version", std::string("Ceres ") + CERES_VERSION_STRING},
                    {"peak_bytes", peak_memory()}};
  std::cout << result.dump() << "\n";
}

}  // namespace

int main(int count, char** words) {
  if (count != 7) {
    std::cerr << "usage: bench-nets-ceres FOLDER OUT SECONDS THREADS TOLERANCE MEMORY\n";
    return 2;
  }
  try {
    solve(words[1], words[2], std::stod(words[3]), std::stoi(words[4]), std::stod(words[5]), std::stod(words[6]));
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 2;
  }
  return 0;
}
