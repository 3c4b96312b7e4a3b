#include <raphson/solvers/first_order.hpp>
#include <raphson/solvers/first_order/run.hpp>

#include <cmath>

namespace raphson {
namespace {

constexpr int most_halvings = 100;
constexpr double decrease = 1e-4;  ///< share of the predicted decrease that a step must bring

/// f(θ − tg) ≤ f(θ) − 10⁻⁴ t‖g‖²; where rounding hides that, the same condition read off the slope at the trial point (Hager, Zhang 2005,
/// "approximate Wolfe"), which needs its gradient. Returns the linearization of an accepted point, else null.
std::unique_ptr<Linearization> try_step(Line& line, double t, const Linearization& from) {
  const double slope = arma::dot(from.gradient(), from.gradient());
  const double trial = line.value(t);
  if (trial <= from.value() - decrease * t * slope) return line.linearize(t);
  if (!(trial <= from.value() + from.value_resolution())) return nullptr;
  auto at = line.linearize(t);
  return -arma::dot(at->gradient(), from.gradient()) <= (1 - 2 * decrease) * slope ? std::move(at) : nullptr;
}

}  // namespace

Summary gradient_descent(const Model& model, Vec& theta, const Options& options) {
  FirstOrderRun run(model, theta, options, "gradient-descent");
  auto at = run.start();
  Vec x = theta;
  // The first trial would bring f to zero if it fell at its initial rate: the scale of f and θ, whatever their units.
  double t = at ? 0.5 * std::abs(at->value()) / arma::dot(at->gradient(), at->gradient()) : 0;
  if (!(t > 0) || !std::isfinite(t)) t = 1;
  while (!run.over()) {
    const Vec p = -at->gradient();
    std::unique_ptr<Linearization> next;
    {
      const FirstOrderRun::Timed timed(run);
      const auto line = model.along(x, p);
      t *= 2;
      for (int halvings = 0; halvings < most_halvings && !run.interrupted(); ++halvings, t /= 2)
        if ((next = try_step(*line, t, *at))) break;
    }
    if (run.over()) break;
    if (!next) {
      run.fail("no step along the negative gradient reduces the objective",
               "loosen the tolerance if that is accurate enough, else check the gradient with check_derivatives");
      break;
    }
    x += t * p;
    at = std::move(next);
    run.accept(x, *at, t);
  }
  return run.finish();
}

}  // namespace raphson
