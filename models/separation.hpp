#pragma once
/// Proofs that a sum of losses of linear predictors has no minimizer.

#include <raphson/core/tall_operator.hpp>
#include <raphson/models/losses.hpp>

#include <string>

namespace raphson {

/// Evidence that Σ wᵢ g(zᵢ; yᵢ) falls for ever when the parameters move along p, as Loss::recession words it; empty: none found.
///
/// q = Ap (n) are the margins' changes, w the weights (n, or empty for ones); rows of weight 0 do not count. First p is tried as it
/// is: O(n). When that fails by rows that hardly move, it is tried again with p rounded to small whole numbers, which costs one read
/// of A: complete separation shows in the first way, while quasi-separation by indicator columns has a direction of small whole
/// numbers that Newton's steps only approach. What is returned is a proof up to rounding in q; "none found" proves nothing.
std::string falls_for_ever(const Loss& loss, const Operator& A, const Vec& y, const Vec& w, const Vec& p, const Vec& q);

/// The same for a given q alone.
std::string falls_for_ever(const Loss& loss, const Vec& y, const Vec& w, const Vec& q);

}  // namespace raphson
