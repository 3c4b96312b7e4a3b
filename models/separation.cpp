#include <raphson/core/dense.hpp>
#include <raphson/core/tall_operator.hpp>
#include <raphson/models/separation.hpp>

#include <cmath>

namespace raphson {
namespace {

std::span<const double> span_of(const Vec& v) { return {v.memptr(), v.n_elem}; }

/// v with 0 in place of what is at most `share` of the largest entry.
Vec cleared(const Vec& v, double share) {
  const double least = share * arma::norm(v, "inf");
  Vec clear = v;
  clear.transform([least](double change) { return std::abs(change) > least ? change : 0.0; });
  return clear;
}

/// How A changes the margins along p rounded to whole numbers.
Vec change_along_rounded(const Operator& A, const Vec& p) {
  constexpr double whole = 360;  // divisible by 1 … 6, 8, 9, 10: fractions that balance indicator columns
  const double largest = arma::norm(p, "inf");
  Vec rounded = p, change;
  rounded.transform([&](double entry) { return std::round(whole * entry / largest); });
  A.apply(rounded, change);
  return change;
}

/// d moved into the null space of A, up to rounding. False when nothing of d, or nothing of that space, is left.
bool move_into_null_space(const Operator& A, Vec& d) {
  const Index k = A.cols();
  Mat<double> G;
  A.gram(G);
  Vec t = G.diag();
  if (!t.is_finite()) return false;
  t.transform([](double square) { return square > 0 ? 1 / std::sqrt(square) : 1.0; });
  const double shift = 16 * static_cast<double>(k) * std::numeric_limits<double>::epsilon();
  for (Index j = 0; j < k; ++j) {
    for (Index i = 0; i < k; ++i) G(i, j) *= t(i) * t(j);
    G(j, j) += shift;
  }
  if (!cholesky(G)) return false;

  const double size_before = arma::norm(d / t);
  Vec r;
  for (int step = 0; step < 8; ++step) {
    A.apply_normal(d, r);
    Vec correction = t % r;
    cholesky_solve(G, correction);
    d -= t % correction;
    const double size = arma::norm(d / t);
    if (!(size > 1e-6 * size_before)) return false;
    if (arma::norm(correction) <= 1e-14 * size) break;
  }
  return true;
}

}  // namespace

std::string falls_for_ever(const Loss& loss, const Vec& y, const Vec& w, const Vec& q) {
  if (w.is_empty() || w.min() > 0) return loss.recession(span_of(q), span_of(y));
  const arma::uvec counted = arma::find(w > 0);
  const Vec q_counted = q(counted), y_counted = y(counted);
  return loss.recession(span_of(q_counted), span_of(y_counted));
}

std::string falls_for_ever(const Loss& loss, const DataMatrix& C, bool intercept, const Vec& y, const Vec& w, const Vec& p, const Vec& q) {
  const double largest_q = arma::norm(q, "inf"), largest_p = arma::norm(p, "inf");
  if (!(largest_q > 0 && std::isfinite(largest_q) && largest_p > 0 && std::isfinite(largest_p))) return {};
  if (std::string evidence = falls_for_ever(loss, y, w, q); !evidence.empty()) return evidence;

  constexpr Index widest = 4000;
  Index resting_before = 0;
  for (const double hardly : {1e-2, 1e-3, 1e-5, 1e-7, 1e-9}) {
    const Vec clear = cleared(q, hardly);
    if (falls_for_ever(loss, y, w, clear).empty()) continue;
    const Vec resting = arma::conv_to<Vec>::from(clear == 0);
    const Index rows = static_cast<Index>(arma::accu(resting));
    if (rows == resting_before) continue;
    resting_before = rows;
    const auto A = scaled_rows(C, {}, intercept);
    if (std::string evidence = falls_for_ever(loss, y, w, change_along_rounded(*A, p)); !evidence.empty()) return evidence;
    if (A->cols() > widest) continue;
    Vec d = p, change;
    if (!move_into_null_space(*scaled_rows(C, w.is_empty() ? resting : Vec(resting % arma::sign(w)), intercept), d)) continue;
    A->apply(d, change);
    if (std::string evidence = falls_for_ever(loss, y, w, cleared(change, 1e-10)); !evidence.empty()) return evidence;
  }
  return {};
}

}  // namespace raphson
