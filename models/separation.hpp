#pragma once
/// Proofs that a sum of losses of linear predictors has no minimizer.

#include <raphson/core/data_matrix.hpp>
#include <raphson/models/losses.hpp>

#include <string>

namespace raphson {

/// Evidence that Σ wᵢ g(zᵢ; yᵢ) falls for ever when the parameters move along a direction near p, as Loss::recession words it; empty: none
/// found. A = [C | 1], the constant where `intercept`.
///
/// q = Ap (n) are the margins' changes, w the weights (n, or empty for ones); rows of weight 0 do not count. In turn, each only where the
/// rows that move clearly all fall or rest:
/// 1. p as it is, O(n): complete separation.
/// 2. p rounded to small whole numbers, one read of A: quasi-separation by indicator columns.
/// 3. p moved into the null space of the rows A_O that hardly move, by inverse iteration d ← d − (A_OᵀA_O + δ)⁻¹A_OᵀA_O d with columns
/// scaled
///    to norm 1: quasi-separation along any direction, which Newton's steps only approach. One Gram matrix, one factorization and a few
///    reads of A; not tried with more than 4000 columns. A row counts as resting when it moves by less than 1e-10 of the largest change.
///
/// What is returned is a proof up to rounding in the changes; "none found" proves nothing.
std::string falls_for_ever(const Loss& loss, const DataMatrix& C, bool intercept, const Vec& y, const Vec& w, const Vec& p, const Vec& q);

/// The same for a given q alone.
std::string falls_for_ever(const Loss& loss, const Vec& y, const Vec& w, const Vec& q);

}  // namespace raphson
