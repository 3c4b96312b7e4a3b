/// The iterations themselves: rates, condition estimates, and every way to stop.

#include <raphson/solvers/krylov/conjugate_gradients.hpp>
#include <raphson/solvers/krylov/stationary.hpp>
#include <raphson/solvers/preconditioners/jacobi.hpp>
#include <raphson/solvers/preconditioners/sketched.hpp>
#include <raphson/solvers/sketches/sketches.hpp>
#include <support/gram_cases.hpp>

#include <array>
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <cmath>

using namespace raphson;
using namespace raphson::test;

namespace {

/// diag(√λ): AᵀA has exactly the eigenvalues λ.
GramCase with_eigenvalues(const Vec& eigenvalues) { return dense_case("diagonal", arma::diagmat(arma::sqrt(eigenvalues))); }

class IdentityPreconditioner final : public Preconditioner {
 public:
  explicit IdentityPreconditioner(Index k) : k_(k) {}
  std::string name() const override { return "identity"; }
  Index size() const override { return k_; }
  void solve(const Vec& r, Vec& z) const override { z = r; }

 private:
  Index k_;
};

IterationResult run(const GramCase& g, const Kernel& kernel, const IterationLimits& limits, Vec& z) {
  z.zeros(g.size());
  return solve_verified(g.system(), nullptr, kernel, limits, z);
}

}  // namespace

BOOST_AUTO_TEST_CASE(conjugate_gradients_end_after_as_many_steps_as_there_are_eigenvalues) {
  Vec eigenvalues(40);
  for (Index i = 0; i < 40; ++i) eigenvalues(i) = std::array{1.0, 3.0, 10.0, 200.0}[i % 4];
  const GramCase g = with_eigenvalues(eigenvalues);
  const GramSystem system = g.system();
  Vec d;
  CgScratch scratch;
  const IterationResult result = conjugate_gradients(system, nullptr, g.b, {1e-8, 100, 50}, d, scratch);
  BOOST_TEST((result.stop == Stop::tolerance));
  BOOST_TEST(result.iterations == 4u);
  BOOST_TEST(result.smallest == 1.0, boost::test_tools::tolerance(1e-8));
  BOOST_TEST(result.largest == 200.0, boost::test_tools::tolerance(1e-8));
  BOOST_TEST(result.condition() == 200.0, boost::test_tools::tolerance(1e-8));
}

BOOST_AUTO_TEST_CASE(jacobi_takes_away_what_column_scales_cost) {
  const GramCase g = scaled_columns();
  const GramSystem system = g.system();
  std::string why;
  const auto M = jacobi_preconditioner()->build(system, 0, why);
  BOOST_TEST_REQUIRE((M != nullptr));
  Vec d;
  CgScratch scratch;
  const IterationResult plain = conjugate_gradients(system, nullptr, g.b, {1e-8, 300, 300}, d, scratch);
  const IterationResult scaled = conjugate_gradients(system, M.get(), g.b, {1e-8, 300, 300}, d, scratch);
  BOOST_TEST((scaled.stop == Stop::tolerance));
  BOOST_TEST(scaled.iterations < 40u);
  BOOST_TEST(scaled.condition() < 10);
  BOOST_TEST(plain.condition() > 1e6);
}

BOOST_AUTO_TEST_CASE(past_rounding_the_best_iterate_is_kept) {
  const GramCase g = with_eigenvalues(arma::logspace(0, 6, 30));
  Vec z;
  const GramSystem system = g.system();
  const IterationResult result = run(g, conjugate_gradient_kernel(system, nullptr), {1e-30, 100000, 60}, z);
  BOOST_TEST((result.stop == Stop::stagnation));
  BOOST_TEST(result.iterations < 2000u);
  BOOST_TEST(result.residual < 1e-9);
  BOOST_TEST(g.residual(z) <= 1.01 * result.residual + 1e-12);
}

BOOST_AUTO_TEST_CASE(a_kernel_that_claims_too_much_is_not_believed) {
  const GramCase g = tall();
  const Kernel liar = [](const Vec& r, const IterationLimits&, Vec& d) {
    d = 1e-9 * r;
    return IterationResult{Stop::tolerance, 1, 1e-12};
  };
  Vec z;
  const IterationResult result = run(g, liar, {1e-8, 100, 10}, z);
  BOOST_TEST((result.stop == Stop::stagnation));
  BOOST_TEST(result.residual > 0.5);
  BOOST_TEST(result.residual == g.residual(z), boost::test_tools::tolerance(1e-9));
}

BOOST_AUTO_TEST_CASE(a_kernel_that_makes_things_worse_changes_nothing) {
  const GramCase g = tall();
  const Kernel harmful = [](const Vec& r, const IterationLimits&, Vec& d) {
    d = -r;
    return IterationResult{Stop::limit, 1, 1e-12};
  };
  const Kernel broken = [](const Vec& r, const IterationLimits&, Vec& d) {
    d = std::nan("") * r;
    return IterationResult{Stop::tolerance, 1, 0};
  };
  Vec z;
  BOOST_TEST((run(g, harmful, {1e-8, 1, 10}, z).stop == Stop::limit));
  BOOST_TEST(z.is_zero());
  BOOST_TEST((run(g, broken, {1e-8, 100, 10}, z).stop == Stop::non_finite));
  BOOST_TEST(z.is_zero());
}

BOOST_AUTO_TEST_CASE(an_interrupt_in_the_middle_keeps_what_was_reached) {
  GramCase g = with_eigenvalues(arma::logspace(0, 3, 50));
  std::atomic<bool> cancel{false};
  int products = 0;
  const auto A = std::make_shared<const arma::mat>(g.dense);
  g.A = std::make_shared<const FunctionOperator>(
      50, 50,
      [&, A](const Vec& x, Vec& y) {
        y = *A * x;
        if (++products == 10) cancel = true;
      },
      [A](const Vec& x, Vec& y) { y = A->t() * x; });
  const Interrupt interrupt(std::numeric_limits<double>::infinity(), &cancel);
  GramSystem system = g.system();
  system.interrupt = &interrupt;
  Vec z(50, arma::fill::zeros);
  const IterationResult result = solve_verified(system, nullptr, conjugate_gradient_kernel(system, nullptr), {1e-12, 1000, 100}, z);
  BOOST_TEST((result.stop == Stop::interrupted));
  BOOST_TEST(result.iterations == 10u);
  BOOST_TEST(!z.is_zero());
  BOOST_TEST(result.residual == g.residual(z), boost::test_tools::tolerance(1e-9));
}

BOOST_AUTO_TEST_CASE(an_indefinite_direction_is_a_breakdown) {
  GramCase g = tall(50, 5);
  g.A = std::make_shared<const FunctionOperator>(
      5, 5, [](const Vec& x, Vec& y) { y = x; }, [](const Vec& x, Vec& y) { y = -x; });
  Vec d;
  CgScratch scratch;
  const IterationResult result = conjugate_gradients(g.system(), nullptr, g.b, {1e-10, 100, 50}, d, scratch);
  BOOST_TEST((result.stop == Stop::breakdown));
  BOOST_TEST(d.is_zero());
}

BOOST_AUTO_TEST_CASE(measured_spectrum_encloses_the_true_one) {
  const GramCase g = with_eigenvalues(arma::linspace(2, 9, 60));
  const IdentityPreconditioner identity(60);
  Index products = 0;
  const Spectrum spectrum = measure_spectrum(g.system(), identity, Seed{3}, 25, products);
  BOOST_TEST(products == 25u);
  BOOST_TEST(spectrum.smallest <= 2.0);
  BOOST_TEST(spectrum.smallest >= 1.5);
  BOOST_TEST(spectrum.largest >= 9.0);
  BOOST_TEST(spectrum.largest <= 10.0);
}

BOOST_AUTO_TEST_CASE(richardson_and_chebyshev_keep_their_rates) {
  const GramCase g = with_eigenvalues(arma::linspace(1, 9, 60));
  const GramSystem system = g.system();
  const IdentityPreconditioner identity(60);
  Vec z;
  // κ = 9: Richardson contracts by 0.8 a step, Chebyshev by ½ in the end; 1e-8 takes about 83 and 28 steps.
  const IterationResult richardson = run(g, richardson_kernel(system, identity, 2.0 / 10), {1e-8, 1000, 100}, z);
  const IterationResult chebyshev = run(g, chebyshev_kernel(system, identity, {1, 9}), {1e-8, 1000, 100}, z);
  const IterationResult normal = run(g, normal_descent_kernel(system, identity, 2.0 / 82), {1e-8, 4000, 1000}, z);
  BOOST_TEST((richardson.stop == Stop::tolerance));
  BOOST_TEST((chebyshev.stop == Stop::tolerance));
  BOOST_TEST((normal.stop == Stop::tolerance));
  BOOST_TEST(richardson.iterations <= 84u);
  BOOST_TEST(richardson.iterations >= 60u);
  BOOST_TEST(chebyshev.iterations <= 30u);
  BOOST_TEST(chebyshev.iterations >= 20u);
  // κ² = 81: 0.9756 a step of two products.
  BOOST_TEST(normal.iterations <= 1500u);
  BOOST_TEST(normal.iterations % 2 == 0u);
}

BOOST_AUTO_TEST_CASE(a_step_that_is_too_long_is_called_diverging) {
  const GramCase g = with_eigenvalues(arma::linspace(1, 9, 60));
  const GramSystem system = g.system();
  const IdentityPreconditioner identity(60);
  Vec z;
  BOOST_TEST((run(g, richardson_kernel(system, identity, 2.1 / 9), {1e-8, 10000, 10000}, z).stop == Stop::diverged));
  BOOST_TEST((run(g, normal_descent_kernel(system, identity, 1.0), {1e-8, 10000, 10000}, z).stop == Stop::diverged));
  BOOST_TEST((run(g, chebyshev_kernel(system, identity, {1, 3}), {1e-8, 10000, 10000}, z).stop == Stop::diverged));
}

BOOST_AUTO_TEST_CASE(a_gaussian_sketch_gives_the_condition_that_theory_says) {
  // κ = ((√c + 1)/(√c − 1))² = 9 at c = 4 as k → ∞, whatever the condition of A; 20 % for k = 40.
  arma::mat A = gaussian(1200, 40, 21);
  A.each_row() %= arma::logspace<arma::rowvec>(0, 5, 40);
  const GramCase g = dense_case("scaled", A);
  const GramSystem system = g.system();
  for (const Precision precision : {Precision::f64, Precision::f32}) {
    for (const SketchFactor factor : {SketchFactor::cholesky, SketchFactor::qr}) {
      std::string why;
      const auto M = sketched_preconditioner({.kind = gaussian_sketch(), .precision = precision, .factor = factor})->build(system, 0, why);
      BOOST_TEST_REQUIRE((M != nullptr), why);
      BOOST_TEST(M->sketch_size() == 160u);
      BOOST_TEST(M->extra_shift() == 0.0);
      Vec d;
      CgScratch scratch;
      const IterationResult result = conjugate_gradients(system, M.get(), g.b, {1e-12 * arma::norm(g.b), 200, 50}, d, scratch);
      BOOST_TEST(result.condition() > 4);
      BOOST_TEST(result.condition() < 11);
    }
  }
}

BOOST_AUTO_TEST_CASE(the_penalty_enters_the_preconditioner_exactly) {
  // With μ far above AᵀA, M ≈ diag(μ) to the last digit, so that a couple of iterations suffice.
  GramCase g = tall(400, 20);
  g.penalty = 1e9 * arma::linspace(1, 1000, 20);
  const GramSystem system = g.system();
  std::string why;
  const auto M = sketched_preconditioner({.kind = gaussian_sketch()})->build(system, 0, why);
  BOOST_TEST_REQUIRE((M != nullptr), why);
  Vec z;
  M->solve(g.b, z);
  BOOST_TEST(g.residual(z) < 1e-6);
}
