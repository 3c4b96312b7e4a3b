#pragma once
/// Losses g(z; y) of a linear model: the margin z = ⟨a,x⟩ + o, the target y.

#include <raphson/core/types.hpp>

#include <concepts>
#include <memory>
#include <span>
#include <string>

namespace raphson {

/// What a loss must say, for one observation: its value and two derivatives with respect to the margin z. Convex: second ≥ 0
/// (a negative one counts as 0). A value of +∞ (outside the domain) is allowed; the line search steps back from it.
template <class T>
concept PointLoss = requires(const T loss, double z, double y) {
  { loss.value(z, y) } -> std::convertible_to<double>;
  { loss.first(z, y) } -> std::convertible_to<double>;
  { loss.second(z, y) } -> std::convertible_to<double>;
};

/// A loss over many observations: what LinearModel holds. Made from any PointLoss by make_loss. Called from several threads at once.
class Loss {
 public:
  virtual ~Loss() = default;
  virtual std::string name() const = 0;     ///< "logistic"
  virtual std::string formula() const = 0;  ///< of one term, in zᵢ and yᵢ: "log(1+exp(−yᵢzᵢ))"
  /// value[i] = g(zᵢ; yᵢ), first[i], second[i] its derivatives, each where the pointer is not null.
  virtual void evaluate(std::span<const double> z, std::span<const double> y, double* value, double* first, double* second) const = 0;
  /// curvature[i] = g′(zᵢ)/(zᵢ − m), m where g(·; yᵢ) is least: of the parabola that touches g at zᵢ and has its minimum in the same
  /// place, for losses whose second derivative vanishes on much of the data (see LinearModel). False: it has none (the default).
  virtual bool secant_curvature(std::span<const double> z, std::span<const double> y, double* curvature) const;
  /// Checks targets and brings them to the form that evaluate expects (labels to ±1). Throws InputError as in
  /// "logistic needs two classes; y has 3 distinct values {0, 1, 2}." Returns a remark for the report ("labels 1, 2 → −1, +1") or "".
  /// Default: finite targets, as they are.
  virtual std::string prepare(Vec& y) const;
  /// Prediction on the scale of the target: probability, rate, or z itself.
  virtual double mean(double z) const { return z; }
  /// How the sum of losses falls for ever as margins move along q: when no g(zᵢ + tqᵢ; yᵢ) ever rises with t and at least one always
  /// falls, what is seen of it, "fitted probabilities reach 0/1 for 12 % of rows"; otherwise empty (the default). Such a q = Ap proves
  /// that no minimizer exists without a penalty: it would be improved by adding p. (Albert and Anderson 1984 for logistic regression:
  /// complete and quasi-complete separation; Correia, Guimarães, Zylkin 2019 for Poisson.)
  virtual std::string recession(std::span<const double> q, std::span<const double> y) const;
};

struct Squared {  ///< ½(z − y)²
  double value(double z, double y) const { return 0.5 * (z - y) * (z - y); }
  double first(double z, double y) const { return z - y; }
  double second(double, double) const { return 1; }
};

std::shared_ptr<const Loss> squared_loss();   ///< ½(z − y)²
std::shared_ptr<const Loss> logistic_loss();  ///< log(1+exp(−yz)), y ∈ {−1, +1}; any two labels are taken, the smaller as −1
std::shared_ptr<const Loss> poisson_loss();   ///< exp(z) − yz, y ≥ 0
/// ½u² for |u| ≤ δ, else δ(|u| − ½δ), u = z − y. Throws InputError unless δ > 0 and finite.
std::shared_ptr<const Loss> huber_loss(double delta = 1.345);

/// z + y exp(−z), y > 0: gamma regression with the log link.
std::shared_ptr<const Loss> gamma_loss();
/// max(0, 1 − yz)², y ∈ {−1, +1}: support vector classification as liblinear has it, μ = 1/C; labels as for logistic_loss.
std::shared_ptr<const Loss> squared_hinge_loss();
/// The check loss of quantile regression at level τ, smoothed by a uniform kernel of half-width `width` (Fernandes, Guerre, Horta 2021,
/// with the kernel of Horowitz 1998): exact beyond that distance from the target, at most width/4 above it within. Throws InputError unless
/// 0 < τ < 1 and the width is positive and finite. The smaller the width the closer to quantile regression, and the more steps.
std::shared_ptr<const Loss> quantile_loss(double tau = 0.5, double width = 0.1);

/// A Loss from a user's struct: `struct Mine { double value(double z, double y) const; double first(...); double second(...); };`
/// and, where the second derivative may vanish, `double secant(double z, double y) const` (see Loss::secant_curvature).
/// `formula` is for reports and speaks of zᵢ and yᵢ.
template <PointLoss T>
std::shared_ptr<const Loss> make_loss(T loss, std::string name, std::string formula = "g(zᵢ; yᵢ)") {
  class Wrapped final : public Loss {
   public:
    Wrapped(T loss, std::string name, std::string formula) : loss_(std::move(loss)), name_(std::move(name)), formula_(std::move(formula)) {}
    std::string name() const override { return name_; }
    std::string formula() const override { return formula_; }
    void evaluate(std::span<const double> z, std::span<const double> y, double* value, double* first, double* second) const override {
      for (Index i = 0; i < z.size(); ++i) {
        if (value) value[i] = loss_.value(z[i], y[i]);
        if (first) first[i] = loss_.first(z[i], y[i]);
        if (second) second[i] = loss_.second(z[i], y[i]);
      }
    }
    bool secant_curvature(std::span<const double> z, std::span<const double> y, double* curvature) const override {
      if constexpr (requires {
                      { loss_.secant(0.0, 0.0) } -> std::convertible_to<double>;
                    }) {
        for (Index i = 0; i < z.size(); ++i) curvature[i] = loss_.secant(z[i], y[i]);
        return true;
      } else {
        return Loss::secant_curvature(z, y, curvature);
      }
    }

   private:
    T loss_;
    std::string name_, formula_;
  };
  return std::make_shared<const Wrapped>(std::move(loss), std::move(name), std::move(formula));
}

}  // namespace raphson
