#include <raphson/core/dense.hpp>
#include <raphson/core/threads.hpp>
#include <raphson/solvers/factorizations/blocked_lq.hpp>
#include <raphson/solvers/factorizations/equilibration.hpp>
#include <raphson/solvers/factorizations/least_squares_factor.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace raphson {
namespace {

/// Squared norms of the rows of B, k × s.
Vec row_norms_squared(const Mat<double>& B) {
  Vec sum(B.n_rows);
  const Blocks blocks = cut(B.n_cols, 64, 32);
  parallel_sum<double>(
      blocks, B.n_rows,
      [&](Index block, double* partial) {
        for (Index i = blocks.begin(block); i < blocks.end(block); ++i) {
          const double* row = B.colptr(i);
          for (Index j = 0; j < B.n_rows; ++j) partial[j] += row[j] * row[j];
        }
      },
      sum.memptr());
  return sum;
}

/// B with columns √μⱼeⱼ appended where there is a shift, and with zero columns where it has fewer than k.
void append_shift(Mat<double>& B, Vec& w, const Vec& mu) {
  const Index k = B.n_rows, s = B.n_cols;
  const bool shifted = !mu.is_zero();
  const Index total = std::max(k, s + (shifted ? k : 0));
  if (total == s) return;
  B.resize(k, total);
  w.resize(total);
  for (Index j = 0; shifted && j < k; ++j) B(j, s + j) = std::sqrt(mu(j));
}

void solve_with(const Mat<double>& L, bool transposed, Vec& x) {
  if (transposed) {
    solve_lower_transposed(L, x);
  } else {
    solve_lower(L, x);
  }
}

/// The smallest singular value of L by inverse iteration, never below the true one; 0 when L is singular.
double smallest_singular_value(const Mat<double>& L) {
  const Index k = L.n_rows;
  if (!(arma::abs(L.diag()).min() > 0)) return 0;
  Vec v(k);
  Seed{1}.split(Purpose::probe).normal(0, std::span<double>(v.memptr(), k));
  double value = std::numeric_limits<double>::infinity();
  for (int step = 0; step < 6; ++step) {
    v /= arma::norm(v);
    solve_with(L, false, v);
    solve_with(L, true, v);
    const double norm = checked_norm(v);
    if (!(norm > 0)) return 0;
    value = std::min(value, 1 / std::sqrt(norm));
  }
  return value;
}

double largest_singular_value(const Mat<double>& L) {
  const Index k = L.n_rows;
  Vec v(k), Lv(k);
  Seed{2}.split(Purpose::probe).normal(0, std::span<double>(v.memptr(), k));
  double value = 0;
  for (int step = 0; step < 8; ++step) {
    v /= arma::norm(v);
    gemv(true, k, k, 1.0, L.memptr(), k, v.memptr(), 0.0, Lv.memptr());
    gemv(false, k, k, 1.0, L.memptr(), k, Lv.memptr(), 0.0, v.memptr());
    const double norm = checked_norm(v);
    if (!(norm > 0)) return value;
    value = std::sqrt(norm);
  }
  return value;
}

}  // namespace

bool LeastSquaresFactor::from_sketch(Mat<double>& B, Vec& Sy, const Vec& mu, const std::function<bool()>& stop) {
  if (!all_finite(B) || !all_finite(Sy)) return false;
  t_ = equilibrating_scale(row_norms_squared(B) + mu);
  append_shift(B, Sy, mu);
  const double norm = arma::norm(Sy);
  if (!blocked_lq(B, t_, Sy, L_, stop)) return false;
  start_ = std::move(Sy);
  sketched_residual_ = std::sqrt(std::max(0.0, (norm - arma::norm(start_)) * (norm + arma::norm(start_))));
  examine();
  return true;
}

bool LeastSquaresFactor::from_rows(const Operator& A, const Vec& y, const Vec& mu, const std::function<bool()>& stop) {
  const Index N = A.rows(), k = A.cols();
  Vec diagonal;
  A.gram_diagonal(diagonal);
  if (!all_finite(diagonal) || !all_finite(y)) return false;
  t_ = equilibrating_scale(diagonal + mu);
  L_.zeros(k, k);
  L_.diag() = t_ % arma::sqrt(mu);
  start_.zeros(k);
  const Vec ones(k, arma::fill::ones);
  const Blocks blocks{N, std::max<Index>(8 * k, 1024)};
  Mat<double> rows, stack;
  for (Index block = 0; block < blocks.count(); ++block) {
    if (stop && stop()) return false;
    const Index begin = blocks.begin(block), length = blocks.length(block);
    std::vector<Index> index(length);
    std::iota(index.begin(), index.end(), begin);
    A.gather_rows(index, rows);
    rows.each_col() %= t_;
    stack = arma::join_rows(L_, rows);
    Vec w = arma::join_cols(start_, y.subvec(begin, begin + length - 1));
    if (!blocked_lq(stack, ones, w, L_, stop)) return false;
    start_ = std::move(w);
  }
  const double total = arma::norm(y), explained = arma::norm(start_);
  sketched_residual_ = std::sqrt(std::max(0.0, (total - explained) * (total + explained)));
  examine();
  return true;
}

/// Condition and rank.
void LeastSquaresFactor::examine() {
  frobenius_ = arma::norm(L_, "fro");
  const double largest = largest_singular_value(L_), smallest = smallest_singular_value(L_);
  condition_ = largest / smallest;
  deficient_ = !(smallest > pivot_floor<double>(size()) * largest);
  if (deficient_) truncate();
}

/// L = U Σ Vᵀ, cut off below the rounding errors of the sketch.
void LeastSquaresFactor::truncate() {
  const SingleThreadedBlas one;
  Mat<double> U, V;
  Vec sigma;
  if (!arma::svd(U, sigma, V, L_)) sigma.reset();
  Index rank = 0;
  while (rank < sigma.n_elem && sigma(rank) > pivot_floor<double>(size()) * sigma(0)) ++rank;
  if (rank == 0) {
    sigma_.reset();
    U_.set_size(size(), 0);
    start_.reset();
    condition_ = 1;
    return;
  }
  sigma_ = sigma.head(rank);
  U_ = U.head_cols(rank);
  start_ = V.head_cols(rank).t() * start_;
  condition_ = sigma_.front() / sigma_.back();
  if (rank == size()) return;
  Mat<double> null = U.tail_cols(size() - rank), R;
  null.each_col() %= t_;
  if (!arma::qr_econ(null_, R, null)) null_.reset();
}

void LeastSquaresFactor::to_solution(const Vec& v, Vec& x) const {
  if (deficient_) {
    x = U_ * (v / sigma_);
  } else {
    x = v;
    solve_lower_transposed(L_, x);
  }
  x %= t_;
}

void LeastSquaresFactor::to_coordinates(const Vec& g, Vec& v) const {
  v = t_ % g;
  if (deficient_) {
    v = (U_.t() * v) / sigma_;
  } else {
    solve_lower(L_, v);
  }
}

Vec LeastSquaresFactor::scaled_gradient(const Vec& coordinates) const {
  if (deficient_) return U_ * (sigma_ % coordinates);
  Vec g(size());
  gemv(false, size(), size(), 1.0, L_.memptr(), size(), coordinates.memptr(), 0.0, g.memptr());
  return g;
}

double LeastSquaresFactor::scaled_norm(const Vec& x) const { return checked_norm(x / t_); }

void LeastSquaresFactor::minimum_norm(Vec& x) const {
  if (!null_.is_empty()) x -= null_ * (null_.t() * x);
}

bool BackwardError::set(const LeastSquaresFactor& factor, double x_norm, double r_norm) {
  const double unit = std::max(x_norm * factor.frobenius(), r_norm);
  if (!(unit > 0) || !std::isfinite(unit)) return false;
  const double a = x_norm * factor.frobenius() / unit, b = r_norm / unit;
  const double before_a = x_norm_ * factor.frobenius() / unit, before_b = r_norm_ / unit;
  const auto near = [](double now, double before) { return now == before || (now < 1.5 * before && before < 1.5 * now); };
  if (x_norm_ >= 0 && near(a, before_a) && near(b, before_b)) return true;
  x_norm_ = x_norm;
  r_norm_ = r_norm;
  unit_ = unit;
  const Index k = factor.size();
  Mat<double> stack(k, 2 * k, arma::fill::zeros);
  stack.head_cols(k) = (a / factor.frobenius()) * factor.L();
  for (Index j = 0; j < k; ++j) stack(j, k + j) = std::max(b, 1e-30);
  Vec none;
  const bool factored = blocked_lq(stack, Vec(k, arma::fill::ones), none, root_);
  unit_ = unit * factor.frobenius();
  return factored;
}

double BackwardError::of(Vec scaled_gradient) const {
  scaled_gradient /= unit_;
  solve_lower(root_, scaled_gradient);
  return checked_norm(scaled_gradient);
}

}  // namespace raphson
