#include <fmt/format.h>

#include <raphson/core/error.hpp>
#include <raphson/solvers/first_order.hpp>
#include <raphson/solvers/first_order/run.hpp>

#include <cmath>

namespace raphson {

Summary adaptive_gradient(const Model& model, Vec& theta, const Options& options, double eta) {
  if (!(eta > 0) || !std::isfinite(eta)) throw InputError(fmt::format("adaptive_gradient: eta = {}; give a positive number.", eta));
  FirstOrderRun run(model, theta, options, "adaptive-gradient");
  auto at = run.start();
  Vec x = theta;
  double squares = 0;  // bₜ²
  while (!run.over()) {
    const Vec& g = at->gradient();
    squares += arma::dot(g, g);
    const double t = eta / std::sqrt(squares);
    x -= t * g;
    {
      const FirstOrderRun::Timed timed(run);
      at = model.linearize(x);
    }
    run.accept(x, *at, t);
  }
  return run.finish();
}

}  // namespace raphson
