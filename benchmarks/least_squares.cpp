/// bench-least_squares [N k condition residual [json [rounds]]]: min ‖Ax − y‖ by LAPACK, normal equations, sketches, and Raphson, in one
/// run.
///
/// A = U diag(σ) Vᵀ up to a random change of basis, σ from 1 to 1/condition; y = Ax + residual·u, ‖x‖ = 1. Times are wall seconds of one
/// solve: every method once a round, medians over the rounds (3), LAPACK with all the threads of its BLAS. Backward errors by Karlson and
/// Waldén, relative to ‖A‖_F; forward errors ‖z − x‖/‖x‖.

#include <raphson/core/dense.hpp>
#include <raphson/core/interrupt.hpp>
#include <raphson/solvers/factorizations/blocked_lq.hpp>
#include <raphson/solvers/factorizations/least_squares_factor.hpp>
#include <raphson/solvers/sketches/sketches.hpp>
#include <raphson/solvers/solvers.hpp>

#include <fmt/format.h>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>

extern "C" void dgels_(const char*, const int*, const int*, const int*, double*, const int*, double*, const int*, double*, const int*,
                       int*);

using namespace raphson;

namespace {

struct Problem {
  std::shared_ptr<const Operator> A;
  DataMatrix C;
  Vec x, y;
  LeastSquaresFactor exact;  ///< for backward errors
};

void fill_normal(Mat<double>& X, std::uint64_t key) { Seed{key}.normal(0, std::span<double>(X.memptr(), X.n_elem)); }

/// Rows of A are Gaussian rows of covariance V diag(σ²) Vᵀ / N.
Problem make(Index N, Index k, double condition, double residual) {
  Problem p;
  Mat<double> V(k, k), R, rows(k, N);
  fill_normal(V, 1);
  arma::qr_econ(V, R, Mat<double>(V));
  const Mat<double> root = V * arma::diagmat(arma::logspace(0, -std::log10(condition), k)) / std::sqrt(static_cast<double>(N));
  constexpr Index block = 10000;
  for (Index first = 0; first < N; first += block) {
    Mat<double> part(k, std::min(block, N - first));
    fill_normal(part, 100 + first);
    rows.cols(first, first + part.n_cols - 1) = root * part;
  }
  p.C = DataMatrix::from_rows(std::move(rows));
  p.A = scaled_rows(p.C);
  Mat<double> x(k, 1), noise(N, 1), Ax;
  fill_normal(x, 2);
  fill_normal(noise, 3);
  p.x = arma::normalise(x.as_col());
  p.A->apply(p.x, Ax);
  Vec u = noise.as_col();
  // Orthogonal to the columns of A to working precision, so that x is the solution.
  for (int pass = 0; pass < 2; ++pass) u = solve_least_squares(p.C, u).residual;
  p.y = Ax.as_col() + residual * arma::normalise(u);
  p.exact.from_rows(*p.A, p.y, arma::zeros(k), {});
  return p;
}

double backward_error(const Problem& p, const Vec& z) {
  Mat<double> product;
  p.A->apply(z, product);
  const Vec r = p.y - product;
  p.A->apply_adjoint(r, product);
  BackwardError error;
  if (!z.is_finite() || !error.set(p.exact, p.exact.scaled_norm(z), arma::norm(r))) return std::nan("");
  return error.of(p.exact.scaled_gradient_of(product.as_col()));
}

bool gels(const Problem& p, Vec& z, double& seconds) {
  // The transpose, which gels overwrites, is not timed.
  Mat<double> A = p.C.dense().t();
  Vec b = p.y;
  const int m = static_cast<int>(A.n_rows), n = static_cast<int>(A.n_cols), one = 1;
  int info = 0, length = -1;
  double best = 0;
  dgels_("N", &m, &n, &one, A.memptr(), &m, b.memptr(), &m, &best, &length, &info);
  length = static_cast<int>(best);
  Vec work(static_cast<Index>(length));
  const Stopwatch watch;
  dgels_("N", &m, &n, &one, A.memptr(), &m, b.memptr(), &m, work.memptr(), &length, &info);
  seconds = watch.seconds();
  z = b.head(p.x.n_elem);
  return info == 0;
}

bool normal_equations(const Problem& p, Vec& z) {
  Mat<double> G, b;
  p.A->gram(G);
  p.A->apply_adjoint(p.y, b);
  z = b.as_col();
  if (!cholesky(G)) return false;
  cholesky_solve(G, z);
  return true;
}

bool raphson_qr(const Problem& p, Vec& z) {
  LeastSquaresFactor factor;
  if (!factor.from_rows(*p.A, p.y, arma::zeros(p.x.n_elem), {})) return false;
  factor.to_solution(factor.start(), z);
  return true;
}

bool sketched_factor(const Problem& p, LeastSquaresFactor& factor) {
  const Index s = std::min(8 * p.A->cols(), p.A->rows());
  const auto S = sparse_sign_sketch()->make(s, p.A->rows(), Seed{5});
  Mat<double> B, Sy;
  p.A->sketch(*S, B);
  S->apply(p.y, Sy);
  Vec w = Sy.as_col();
  return factor.from_sketch(B, w, arma::zeros(p.x.n_elem), {});
}

bool sketch_and_solve(const Problem& p, Vec& z) {
  LeastSquaresFactor factor;
  if (!sketched_factor(p, factor)) return false;
  factor.to_solution(factor.start(), z);
  return true;
}

/// Blendenpik: the same preconditioner, CGLS from zero, stopped when it stagnates, best iterate kept, no refinement.
bool from_zero(const Problem& p, Vec& z) {
  LeastSquaresFactor factor;
  if (!sketched_factor(p, factor)) return false;
  Vec v(p.x.n_elem, arma::fill::zeros), best_v = v, r = p.y, s, direction;
  Mat<double> product;
  p.A->apply_adjoint(r, product);
  factor.to_coordinates(product.as_col(), s);
  Vec d = s;
  double square = arma::dot(s, s);
  double best = square;
  for (int i = 0, idle = 0; i < 80 && idle < 5; ++i) {
    factor.to_solution(d, direction);
    p.A->apply(direction, product);
    const double alpha = square / arma::dot(product.as_col(), product.as_col());
    v += alpha * d;
    r -= alpha * product.as_col();
    p.A->apply_adjoint(r, product);
    factor.to_coordinates(product.as_col(), s);
    const double now = arma::dot(s, s);
    d = s + (now / square) * d;
    square = now;
    idle = now < 0.5 * best ? 0 : idle + 1;
    if (now < best) best = now, best_v = v;
  }
  factor.to_solution(best_v, z);
  return true;
}

struct Method {
  std::string name;
  std::function<bool(Vec& z, double& seconds)> solve;  ///< may set `seconds` to what counts; else all of it does
  std::vector<double> seconds = {};
  Vec z = {};
  bool solved = false;

  void run() {
    double own = -1;
    const Stopwatch watch;
    solved = solve(z, own);
    seconds.push_back(own >= 0 ? own : watch.seconds());
  }
  double median() const { return arma::median(Vec(seconds)); }
};

}  // namespace

int main(int count, char** argument) {
  const Index N = count > 1 ? std::stoul(argument[1]) : 20000, k = count > 2 ? std::stoul(argument[2]) : 200;
  const double condition = count > 3 ? std::stod(argument[3]) : 1e8, residual = count > 4 ? std::stod(argument[4]) : 1e-3;
  const Problem p = make(N, k, condition, residual);
  nlohmann::json report = {{"N", N}, {"k", k}, {"condition", condition}, {"residual", residual}, {"rows", nlohmann::json::array()}};
  fmt::print("{} x {}, condition {:.0e}, ‖r‖ = {:.0e}\n{:<32} {:>9} {:>9} {:>9} {:>9}\n", N, k, condition, residual, "", "seconds",
             "x gels", "forward", "backward");
  LeastSquaresResult result;
  const auto plain = [&](bool (*solve)(const Problem&, Vec&)) { return [solve, &p](Vec& z, double&) { return solve(p, z); }; };
  std::vector<Method> methods = {
      {"LAPACK gels", [&](Vec& z, double& seconds) { return gels(p, z, seconds); }},
      {"QR of A, blocked", plain(raphson_qr)},
      {"normal equations", plain(normal_equations)},
      {"sketch and solve, s = 8k", plain(sketch_and_solve)},
      {"CGLS from zero, s = 8k", plain(from_zero)},
      {"solve_least_squares",
       [&](Vec& z, double&) {
         result = solve_least_squares(*p.A, p.y);
         z = result.x;
         return true;
       }},
  };
  const int rounds = count > 6 ? std::stoi(argument[6]) : 3;
  for (int round = 0; round < rounds; ++round) {
    for (Method& method : methods) method.run();
  }
  for (const Method& method : methods) {
    const double forward = method.solved ? arma::norm(method.z - p.x) : std::nan(""),
                 backward = method.solved ? backward_error(p, method.z) : std::nan(""), seconds = method.median();
    fmt::print("{:<32} {:>9.3f} {:>9.1f} {:>9.1e} {:>9.1e}\n", method.name, seconds, methods[0].median() / seconds, forward, backward);
    report["rows"].push_back({{"name", method.name},
                              {"seconds", method.seconds},
                              {"median", seconds},
                              {"times gels", methods[0].median() / seconds},
                              {"forward", forward},
                              {"backward", backward}});
  }
  fmt::print("{} {} iterations, {} corrections, sketch of {} rows, condition {:.1e}, set-up {:.2f} s, iterations {:.2f} s\n",
             result.message, result.iterations, result.corrections, result.sketch_size, result.condition, result.setup_seconds,
             result.solve_seconds);
  if (count > 5) {
    const std::filesystem::path file = argument[5];
    if (file.has_parent_path()) std::filesystem::create_directories(file.parent_path());
    std::ofstream out(file);
    out << report.dump(2) << "\n";
    if (!out) return fmt::print(stderr, "cannot write {}\n", argument[5]), 2;
  }
  return result.accurate() ? 0 : 1;
}
