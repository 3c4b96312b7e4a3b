#pragma once
/// Convex objectives of linear predictors: regression and generalized linear models.

#include <raphson/core/data_matrix.hpp>
#include <raphson/core/model.hpp>
#include <raphson/models/losses.hpp>

namespace raphson {

/// Settings of a LinearModel.
struct LinearModelOptions {
  double l2 = 0;          ///< μ ≥ 0 of ½μ‖x‖²; not applied to the intercept
  bool intercept = true;  ///< an unpenalized constant, the last parameter
  Vec weights = {};       ///< wᵢ ≥ 0 (n); empty: ones
  Vec offset = {};        ///< oᵢ (n); empty: zeros
};

/// f(x, x₀) = Σ wᵢ g(⟨cᵢ,x⟩ + x₀ + oᵢ; yᵢ) + ½μ‖x‖², a sum, not a mean.
///
/// C is n × d, dense or sparse; parameters are x (d), then x₀ when there is an intercept. The square-root Hessian is
/// diag(√(wᵢ gᵢ″)) [C | 1] (Brand et al. 2021, section D). A line reads C once for the margins of θ and p and answers values from them;
/// each linearization reads C once more. Rows of weight 0 count as nothing, whatever their loss. With overflow (Poisson) f is +∞.
///
/// Where the loss has a secant curvature s (Huber) and gᵢ″ < sᵢ in most rows, those rows lie where g is straight, and g″ says little
/// about the step; then max(gᵢ″, τ sᵢ) takes its place, τ = min(1, ‖∇f‖ / gradient_scale): iteratively reweighted least squares far
/// from the optimum, Newton's method near it.
///
/// Linearization::no_minimizer reports proofs that f has no finite minimizer (see Loss::recession): complete separation in logistic
/// regression, quasi-separation where it is found, zero counts that can be fitted perfectly. With l2 > 0 only the intercept can run away.
///
/// Throws InputError for what users get wrong: non-finite values, sizes, labels, negative weights or l2.
class LinearModel : public Model {
 public:
  struct Data;  ///< what models, lines and linearizations share; defined in linear_model.cpp

  LinearModel(DataMatrix C, Vec y, std::shared_ptr<const Loss> loss, LinearModelOptions options = {});

  std::string name() const override;
  std::string formula() const override;
  Index parameters() const override;
  double value(const Vec& theta) const override;
  std::unique_ptr<Linearization> linearize(const Vec& theta) const override;
  std::unique_ptr<Line> along(const Vec& theta, const Vec& p) const override;
  double gradient_scale() const override;
  /// The same on every eighth row or so (one of each eight, drawn by a fixed seed), with μ an eighth: for data of at least 64 rows a
  /// parameter and four million entries.
  std::unique_ptr<Model> coarse() const override;
  std::vector<std::string> notes() const override;

  /// The same model with another μ ≥ 0. It shares the data matrix, and nothing is checked again; targets, weights and offsets are copied.
  LinearModel with_l2(double l2) const;

  const DataMatrix& data() const;
  const Vec& target() const;  ///< as prepared by the loss
  const Loss& loss() const;
  bool has_intercept() const;
  double l2() const;

  /// Margins ⟨cᵢ,x⟩ + x₀ + oᵢ for new rows; throws InputError when the columns do not match.
  Vec margins(const DataMatrix& C, const Vec& theta, const Vec& offset = {}) const;
  /// loss.mean of the margins.
  Vec predict(const DataMatrix& C, const Vec& theta, const Vec& offset = {}) const;

 private:
  explicit LinearModel(std::shared_ptr<const Data> data) : data_(std::move(data)) {}
  std::shared_ptr<const Data> data_;
};

}  // namespace raphson
