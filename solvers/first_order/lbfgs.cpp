#include <fmt/format.h>
#include <lbfgs.h>

#include <raphson/core/error.hpp>
#include <raphson/solvers/first_order.hpp>
#include <raphson/solvers/first_order/run.hpp>

#include <cmath>
#include <exception>
#include <limits>
#include <new>

namespace raphson {
namespace {

constexpr int pairs = 10;

/// The two callbacks of libLBFGS. No exception may cross its C frames: the first one is stored, every later evaluation answers NaN, which
/// ends the line search, and the exception is thrown again outside.
class Callbacks {
 public:
  Callbacks(FirstOrderRun& run, Vec theta, std::unique_ptr<Linearization> start)
      : run_(run),
        accepted_(std::move(theta)),
        accepted_value_(start->value()),
        accepted_gradient_(start->gradient()),
        at_(std::move(start)) {}

  static double evaluate(void* self, const double* x, double* g, int n, double) {
    return static_cast<Callbacks*>(self)->evaluate(x, g, static_cast<Index>(n));
  }
  static int progress(void* self, const double* x, const double*, double, double, double, double step, int n, int, int) {
    return static_cast<Callbacks*>(self)->progress(x, static_cast<Index>(n), step);
  }
  void rethrow() const {
    if (thrown_) std::rethrow_exception(thrown_);
  }

 private:
  double evaluate(const double* x, double* g, Index n) noexcept;
  int progress(const double* x, Index n, double step) noexcept;
  double wall(const Vec& trial, Vec& g) const;

  FirstOrderRun& run_;
  Vec accepted_;
  double accepted_value_;
  Vec accepted_gradient_;
  std::unique_ptr<Linearization> at_;  ///< of the point evaluated last
  bool started_ = false;
  std::exception_ptr thrown_;
};

double Callbacks::evaluate(const double* x, double* g, Index n) noexcept {
  Vec gradient(g, n, false, true);
  gradient.zeros();
  try {
    if (thrown_ || run_.interrupted()) return std::numeric_limits<double>::quiet_NaN();
    const Vec trial(const_cast<double*>(x), n, false, true);
    if (started_) {
      const FirstOrderRun::Timed timed(run_);
      at_ = run_.model().linearize(trial);
    }
    started_ = true;  // the first point is the start, linearized already
    if (!std::isfinite(at_->value()) || !at_->gradient().is_finite()) return wall(trial, gradient);
    gradient = at_->gradient();
    return at_->value();
  } catch (...) {
    thrown_ = std::current_exception();
    return std::numeric_limits<double>::quiet_NaN();
  }
}

/// Outside the domain the interpolating line search needs numbers all the same: a value above the accepted one that rises ten times as
/// fast as the objective fell there. It is never accepted, and makes the next trial clearly shorter.
double Callbacks::wall(const Vec& trial, Vec& g) const {
  g = -10 * accepted_gradient_;
  return accepted_value_ + 10 * std::abs(arma::dot(accepted_gradient_, trial - accepted_));
}

int Callbacks::progress(const double* x, Index n, double step) noexcept {
  try {
    accepted_ = Vec(x, n);
    accepted_value_ = at_->value();
    accepted_gradient_ = at_->gradient();
    return run_.accept(accepted_, *at_, step) ? 0 : 1;
  } catch (...) {
    thrown_ = std::current_exception();
    return 1;
  }
}

/// What ended libLBFGS when it was not us, and what to do.
void explain(int code, FirstOrderRun& run) {
  switch (code) {
    case LBFGSERR_ROUNDING_ERROR:
    case LBFGSERR_WIDTHTOOSMALL:
    case LBFGSERR_MINIMUMSTEP:
    case LBFGSERR_MAXIMUMLINESEARCH:
    case LBFGSERR_OUTOFINTERVAL:
    case LBFGSERR_INCORRECT_TMINMAX:
      return run.fail("the line search found no better point",
                      "loosen the tolerance if that is accurate enough, else use a second-order solver");
    case LBFGSERR_INCREASEGRADIENT:
    case LBFGSERR_INVALIDPARAMETERS:
      return run.fail("the direction does not descend", "curvature was lost to rounding, or the gradient is wrong: see check_derivatives");
    case LBFGSERR_MAXIMUMSTEP:
      return run.fail("the line search went past every bound", "the objective seems to be unbounded below");
    default:
      return run.fail(fmt::format("libLBFGS gave up (code {})", code), "use another solver");
  }
}

}  // namespace

Summary lbfgs(const Model& model, Vec& theta, const Options& options) {
  if (model.parameters() > static_cast<Index>(std::numeric_limits<int>::max()))
    throw InputError(fmt::format("lbfgs: {} parameters; libLBFGS counts up to {}. Use gradient_descent.", model.parameters(),
                                 std::numeric_limits<int>::max()));
  FirstOrderRun run(model, theta, options, "lbfgs");
  require_memory(8.0 * (2 * pairs + 8) * static_cast<double>(theta.n_elem), options.memory_limit, "lbfgs", "Use gradient_descent.");
  auto start = run.start();
  if (run.over()) return run.finish();

  Callbacks callbacks(run, theta, std::move(start));
  lbfgs_parameter_t parameters;
  lbfgs_parameter_init(&parameters);
  parameters.m = pairs;
  parameters.epsilon = 0;  // run decides when to stop
  const std::unique_ptr<double, void (*)(double*)> x(lbfgs_malloc(static_cast<int>(theta.n_elem)), lbfgs_free);
  if (!x) throw std::bad_alloc();
  std::copy(theta.begin(), theta.end(), x.get());
  const int code =
      ::lbfgs(static_cast<int>(theta.n_elem), x.get(), nullptr, Callbacks::evaluate, Callbacks::progress, &callbacks, &parameters);
  callbacks.rethrow();
  if (code == LBFGSERR_OUTOFMEMORY) throw std::bad_alloc();
  if (!run.over()) explain(code, run);
  return run.finish();
}

}  // namespace raphson
