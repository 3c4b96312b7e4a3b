#include <raphson/models/separation.hpp>

#include <cmath>

namespace raphson {
namespace {

std::span<const double> span_of(const Vec& v) { return {v.memptr(), v.n_elem}; }

}  // namespace

std::string falls_for_ever(const Loss& loss, const Vec& y, const Vec& w, const Vec& q) {
  if (w.is_empty() || w.min() > 0) return loss.recession(span_of(q), span_of(y));
  const arma::uvec counted = arma::find(w > 0);
  const Vec q_counted = q(counted), y_counted = y(counted);
  return loss.recession(span_of(q_counted), span_of(y_counted));
}

std::string falls_for_ever(const Loss& loss, const Operator& A, const Vec& y, const Vec& w, const Vec& p, const Vec& q) {
  const double largest_q = arma::norm(q, "inf"), largest_p = arma::norm(p, "inf");
  if (!(largest_q > 0 && std::isfinite(largest_q) && largest_p > 0 && std::isfinite(largest_p))) return {};
  if (std::string evidence = falls_for_ever(loss, y, w, q); !evidence.empty()) return evidence;

  constexpr double hardly = 1e-3;
  Vec clear = q;
  clear.transform([&](double change) { return std::abs(change) > hardly * largest_q ? change : 0.0; });
  if (falls_for_ever(loss, y, w, clear).empty()) return {};

  constexpr double whole = 360;  // divisible by 1 … 6, 8, 9, 10: fractions that balance indicator columns
  Vec rounded = p;
  rounded.transform([&](double entry) { return std::round(whole * entry / largest_p); });
  Vec change;
  A.apply(rounded, change);
  return falls_for_ever(loss, y, w, change);
}

}  // namespace raphson
