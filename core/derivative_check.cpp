#include <raphson/core/derivative_check.hpp>
#include <raphson/core/error.hpp>

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace raphson {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double epsilon = std::numeric_limits<double>::epsilon();

/// What `error` amounts to against `scale`, less what rounding explains. Never NaN: what is not finite is an infinite error.
double relative(double error, double scale, double rounding = 0) {
  if (!std::isfinite(error) || !std::isfinite(scale)) return infinity;
  const double excess = std::max(0.0, error - rounding);
  return excess == 0 ? 0 : scale > 0 ? excess / scale : infinity;
}

Vec normal(Index size, Seed seed) {
  Vec v(size);
  seed.normal(0, std::span<double>(v.memptr(), v.n_elem));
  return v;
}

/// One model at one point; each member measures one field of the report along one random direction u.
class Checker {
 public:
  Checker(const Model& model, const Vec& theta, double step)
      : model_(model), theta_(theta), h_(step * (1 + arma::norm(theta, "inf"))), at_(model.linearize(theta)), A_(at_->matrix()) {
    scale_ = std::max(arma::norm(at_->gradient()), model.gradient_scale());
  }

  /// (f(θ+hu) − f(θ−hu)) / 2h against ∇fᵀu.
  double gradient(const Vec& u) const {
    const double difference = (model_.value(theta_ + h_ * u) - model_.value(theta_ - h_ * u)) / (2 * h_);
    const double value_error = relative(std::abs(at_->value() - model_.value(theta_)), std::abs(at_->value()), 100 * epsilon);
    const double error = std::abs(difference - arma::dot(at_->gradient(), u));
    return std::max(value_error, relative(error, arma::norm(at_->gradient()), 10 * epsilon * std::abs(at_->value()) / h_));
  }

  /// (∇f(θ+hu) − ∇f(θ−hu)) / 2h against (AᵀA + diag(penalty)) u.
  double curvature(const Vec& u) const {
    const Vec ahead = model_.linearize(theta_ + h_ * u)->gradient();
    const Vec difference = (ahead - model_.linearize(theta_ - h_ * u)->gradient()) / (2 * h_);
    Vec product;
    A_->apply_normal(u, product);
    if (at_->penalty()) product += *at_->penalty() % u;
    return relative(arma::norm(difference - product), arma::norm(product), 10 * epsilon * scale_ / h_);
  }

  /// Values and linearizations of model.along(θ, p) against those at θ + tp.
  double line(const Vec& u) const {
    const Vec p = (0.1 * (1 + arma::norm(theta_)) / arma::norm(u)) * u;
    const auto line = model_.along(theta_, p);
    double worst = 0;
    for (const double t : {1.0, 0.0, 0.5, -0.25}) {
      const Vec there = theta_ + t * p;
      const double value = model_.value(there);
      if (line->value(t) != value) worst = std::max(worst, relative(std::abs(line->value(t) - value), std::abs(value)));
      const auto expected = model_.linearize(there), found = line->linearize(t);
      worst = std::max(worst, relative(std::abs(found->value() - expected->value()), std::abs(expected->value())));
      worst = std::max(worst,
                       relative(arma::norm(found->gradient() - expected->gradient()), std::max(scale_, arma::norm(expected->gradient()))));
    }
    return worst;
  }

  /// ⟨Ax, y⟩ against ⟨x, Aᵀy⟩.
  double adjoint(const Vec& x, const Vec& y) const {
    Vec Ax, Aty;
    A_->apply(x, Ax);
    A_->apply_adjoint(y, Aty);
    return relative(std::abs(arma::dot(Ax, y) - arma::dot(x, Aty)), arma::norm(Ax) * arma::norm(y));
  }

  /// AᵀA x by gram (up to 2000 columns), apply_normal, gram_diagonal and sparse_gram against Aᵀ(Ax).
  double gram(const Vec& x) const {
    Vec Ax, expected, found;
    A_->apply(x, Ax);
    A_->apply_adjoint(Ax, expected);
    A_->apply_normal(x, found);
    const double scale = arma::norm(expected);
    double worst = relative(arma::norm(found - expected), scale);
    if (A_->cols() <= 2000) {
      arma::mat G;
      Vec diagonal;
      A_->gram(G);
      A_->gram_diagonal(diagonal);
      worst = std::max(worst, relative(arma::norm(G * x - expected), scale));
      worst = std::max(worst, relative(arma::norm(diagonal - G.diag()), arma::norm(diagonal)));
    }
    if (A_->has_sparse_gram()) {
      arma::sp_mat G;
      A_->sparse_gram(G);
      worst = std::max(worst, relative(arma::norm(G * x - expected), scale));
    }
    return worst;
  }

  /// b against −∇f (direct) or Ab against −∇f, ‖b‖ against the residual norm (adjoint); b against Aᵀc where there is a c; penalized steps.
  double right_hand_side() const {
    const Vec& b = at_->right_hand_side();
    const Vec& g = at_->gradient();
    Vec image = b;
    double worst = 0;
    if (at_->penalized_step(0)) {
      for (const double damping : {0.0, 0.7}) worst = std::max(worst, penalized(damping));
      return worst;
    }
    if (at_->step_form() == StepForm::adjoint) {
      A_->apply(b, image);
      worst = relative(std::abs(at_->residual_norm() - arma::norm(b)), arma::norm(b));
    }
    worst = std::max(worst, relative(arma::norm(image + g), arma::norm(g)));
    if (const Vec* c = at_->least_squares_target()) {
      A_->apply_adjoint(*c, image);
      worst = std::max(worst, relative(arma::norm(image - b), arma::norm(b), 10 * epsilon * scale_));
    }
    return worst;
  }

  /// A b + (A Aᵀ + sI) offset against −∇f.
  double penalized(double damping) const {
    const auto step = *at_->penalized_step(damping);
    Vec image, inner, outer;
    A_->apply(step.b, image);
    A_->apply_adjoint(step.offset, inner);
    A_->apply(inner, outer);
    const Vec found = image + outer + step.shift * step.offset;
    const bool same = damping > 0 || arma::norm(step.b - at_->right_hand_side()) == 0;
    return same ? relative(arma::norm(found + at_->gradient()), arma::norm(at_->gradient())) : infinity;
  }

  StepForm step_form() const { return at_->step_form(); }
  const Operator& A() const { return *A_; }

 private:
  const Model& model_;
  const Vec& theta_;
  double h_;
  std::unique_ptr<Linearization> at_;
  std::shared_ptr<const Operator> A_;
  double scale_ = 0;  ///< ‖∇f‖ as large as it gets nearby: its rounding error is relative to this
};

std::string table(const DerivativeReport& report, double tolerance) {
  std::string text;
  const auto line = [&](const char* what, double error) {
    const char* verdict = std::isnan(error) ? "not applicable" : error <= tolerance ? "ok" : "WRONG";
    text += std::isnan(error) ? fmt::format("{:<16} {:>9}  {}\n", what, "–", verdict)
                              : fmt::format("{:<16} {:>9.1e}  {}\n", what, error, verdict);
  };
  line("gradient", report.gradient);
  line("curvature", report.curvature);
  line("line", report.line);
  line("adjoint", report.adjoint);
  line("gram", report.gram);
  line("right-hand side", report.right_hand_side);
  return text;
}

}  // namespace

DerivativeReport check_derivatives(const Model& model, const Vec& theta, Seed seed, DerivativeCheckOptions options) {
  require_size(theta.n_elem, model.parameters(), "theta", "parameters of the model");
  require_finite(theta, "theta");
  const Checker checker(model, theta, options.step);
  const bool curvature = options.curvature && checker.step_form() == StepForm::direct;

  DerivativeReport report;
  if (!curvature) report.curvature = std::numeric_limits<double>::quiet_NaN();
  report.right_hand_side = checker.right_hand_side();
  for (Index i = 0; i < options.directions; ++i) {
    const Vec u = normal(model.parameters(), seed.split(Purpose::probe, 3 * i));
    const Vec x = normal(checker.A().cols(), seed.split(Purpose::probe, 3 * i + 1));
    const Vec y = normal(checker.A().rows(), seed.split(Purpose::probe, 3 * i + 2));
    report.gradient = std::max(report.gradient, checker.gradient(u));
    if (curvature) report.curvature = std::max(report.curvature, checker.curvature(u));
    report.line = std::max(report.line, checker.line(u));
    report.adjoint = std::max(report.adjoint, checker.adjoint(x, y));
    report.gram = std::max(report.gram, checker.gram(x));
  }
  const double worst =
      std::max({report.gradient, curvature ? report.curvature : 0.0, report.line, report.adjoint, report.gram, report.right_hand_side});
  report.passed = worst <= options.tolerance;
  report.text = table(report, options.tolerance);
  return report;
}

}  // namespace raphson
