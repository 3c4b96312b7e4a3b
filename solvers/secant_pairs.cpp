#include <raphson/solvers/secant_pairs.hpp>

#include <limits>
#include <vector>

namespace raphson {

void SecantPairs::add(const Vec& s, Vec y) {
  constexpr Index most = 8;
  const double product = arma::dot(s, y);
  if (!(product > std::numeric_limits<double>::epsilon() * arma::norm(s) * arma::norm(y))) return;
  pairs_.push_back({s, std::move(y), product});
  if (pairs_.size() > most) pairs_.pop_front();
}

void SecantPairs::solve(const Preconditioner& M, const Vec& r, Vec& z) const {
  Vec q = r;
  std::vector<double> share(pairs_.size());
  for (Index i = pairs_.size(); i-- > 0;) {
    share[i] = arma::dot(pairs_[i].s, q) / pairs_[i].product;
    q -= share[i] * pairs_[i].y;
  }
  M.solve(q, z);
  for (Index i = 0; i < pairs_.size(); ++i) z += (share[i] - arma::dot(pairs_[i].y, z) / pairs_[i].product) * pairs_[i].s;
}

}  // namespace raphson
