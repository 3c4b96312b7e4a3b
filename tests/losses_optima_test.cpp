/// Optima of the losses against other programs, on 24 rows that a line of R makes:
///   i <- 0:23; a <- ((i*7) %% 11 - 5)/4; b <- ((i*5) %% 13 - 6)/4; y <- 1 + (i*i) %% 17; l <- ifelse(y > 8, 1, -1)

#include <raphson/core/minimize.hpp>
#include <raphson/models/linear_model.hpp>
#include <raphson/solvers/solvers.hpp>

#include <boost/test/unit_test.hpp>
#include <cmath>

using namespace raphson;

namespace {

struct Rows {
  arma::mat A;
  Vec y, label;

  Rows() : A(24, 2), y(24), label(24) {
    for (int i = 0; i < 24; ++i) {
      const Index row = static_cast<Index>(i);
      A(row, 0) = (i * 7 % 11 - 5) / 4.0;
      A(row, 1) = (i * 5 % 13 - 6) / 4.0;
      y(row) = 1 + i * i % 17;
      label(row) = y(row) > 8 ? 1 : -1;
    }
  }
};

void check_optimum(const LinearModel& model, const Vec& expected, double digits) {
  Exact exact;
  PreconditionedCg sketched;
  for (LinearSolver* solver : {static_cast<LinearSolver*>(&exact), static_cast<LinearSolver*>(&sketched)}) {
    Vec theta(model.parameters(), arma::fill::zeros);
    const Summary summary = minimize(model, *solver, theta, {.tolerance = 1e-12});
    BOOST_TEST(summary.converged(), solver->name() << ": " << summary.message);
    BOOST_TEST(arma::norm(theta - expected, "inf") < digits, solver->name() << " has " << theta.t());
  }
}

}  // namespace

/// Scoring converges linearly and stops by the deviance: restarted until the gradient is below 1e-14.
///   t <- c(2,0,0); for (k in 1:60) t <- coef(glm(y ~ a + b, family=Gamma(link="log"), start=t)); print(t, digits=16)
BOOST_AUTO_TEST_CASE(gamma_as_glm_of_R) {
  const Rows rows;
  check_optimum(LinearModel(DataMatrix(rows.A), rows.y, gamma_loss()), {0.04003098697497929, -0.05937729045268875, 2.12029597666152103},
                1e-9);
}

/// writeLines(sprintf("%d 1:%.17g 2:%.17g", l, a, b), "rows.svm"), then liblinear-train -s 2 -c 1 -e 1e-14 -q rows.svm model
BOOST_AUTO_TEST_CASE(squared_hinge_as_liblinear) {
  const Rows rows;
  check_optimum(LinearModel(DataMatrix(rows.A), rows.label, squared_hinge_loss(), {.l2 = 1, .intercept = false}),
                {0.15677951596891795, -0.063122582411939895}, 1e-9);
}

/// The average of the check loss by its antiderivative, and BFGS; at μ = ½, τ = 0.3, width 2:
///   P <- function(u) ifelse(u < 0, 0.3-1, 0.3)*u^2/2
///   f <- function(t) {u <- y-t[1]*a-t[2]*b-t[3]; sum((P(u+2)-P(u-2))/4) + 0.5*0.5*(t[1]^2+t[2]^2)}
///   d <- function(u) ifelse(u < 0, 0.3-1, 0.3)*u
///   g <- function(t) {u <- y-t[1]*a-t[2]*b-t[3]; s <- -(d(u+2)-d(u-2))/4; c(sum(s*a)+.5*t[1], sum(s*b)+.5*t[2], sum(s))}
///   print(optim(c(0,0,5), f, g, method="BFGS", control=list(reltol=1e-16, maxit=10000))$par, digits=15)
BOOST_AUTO_TEST_CASE(quantile_as_bfgs_of_R) {
  const Rows rows;
  check_optimum(LinearModel(DataMatrix(rows.A), rows.y, quantile_loss(0.3, 2), {.l2 = 0.5}),
                {0.0553948792801427, 0.3609942573285395, 3.5988588989320527}, 1e-6);
}

/// Separated classes: without a penalty the logistic loss has no minimizer, the squared hinge reaches 0.
BOOST_AUTO_TEST_CASE(squared_hinge_attains_its_minimum_on_separated_classes) {
  const Rows rows;
  Vec separated(24);
  for (Index i = 0; i < 24; ++i) separated(i) = rows.A(i, 0) > 0.1 ? 1 : -1;
  const LinearModel model(DataMatrix(rows.A), separated, squared_hinge_loss());
  Exact solver;
  Vec theta(3, arma::fill::zeros);
  const Summary summary = minimize(model, solver, theta);
  BOOST_TEST(summary.converged(), to_string(summary.status) << ": " << summary.message);
  BOOST_TEST(summary.objective < 1e-10);
}
