/// preconditioned-cg and preconditioned-gd: retries, kept preconditioners, and Algorithm 2 as printed.

#include <raphson/core/error.hpp>
#include <raphson/core/row_gram.hpp>
#include <raphson/problems/generators.hpp>
#include <raphson/solvers/estimates.hpp>
#include <raphson/solvers/preconditioned_cg.hpp>
#include <raphson/solvers/preconditioned_gd.hpp>
#include <raphson/solvers/preconditioners/jacobi.hpp>
#include <raphson/solvers/preconditioners/sampled_gram.hpp>
#include <raphson/solvers/preconditioners/sketched.hpp>
#include <raphson/solvers/secant_pairs.hpp>
#include <raphson/solvers/sketch_and_solve.hpp>
#include <raphson/solvers/sketches/sketches.hpp>
#include <support/gram_cases.hpp>

#include <boost/test/unit_test.hpp>

using namespace raphson;
using namespace raphson::test;

namespace {

using Iteration = PreconditionedGd::Iteration;

bool mentions(const std::vector<std::string>& texts, std::string_view part) {
  for (const std::string& text : texts) {
    if (text.find(part) != std::string::npos) return true;
  }
  return false;
}

/// As good as another, and said to be this far from the matrix.
class SaidToErr final : public Preconditioner {
 public:
  SaidToErr(std::unique_ptr<Preconditioner> inner, double error) : inner_(std::move(inner)), error_(error) {}
  std::string name() const override { return inner_->name(); }
  Index size() const override { return inner_->size(); }
  void solve(const Vec& r, Vec& z) const override { inner_->solve(r, z); }
  Index sketch_size() const override { return inner_->sketch_size(); }
  double error() const override { return error_; }

 private:
  std::unique_ptr<Preconditioner> inner_;
  double error_;
};

/// Counts what is built, and builds nothing when told so.
class CountingKind final : public PreconditionerKind {
 public:
  explicit CountingKind(bool broken = false, double error = 1) : broken_(broken), error_(error) {}
  std::string name() const override { return "counting"; }
  std::unique_ptr<Preconditioner> build(const GramSystem& system, Index attempt, std::string& why) const override {
    ++built;
    why = "broken on purpose";
    return broken_ ? nullptr : std::make_unique<SaidToErr>(inner_->build(system, attempt, why), error_);
  }
  Estimate estimate_build(const GramSystem& s, const Machine& m) const override { return inner_->estimate_build(s, m); }
  Index sketch_size(const GramSystem& system) const override { return inner_->sketch_size(system); }
  mutable int built = 0;

 private:
  bool broken_;
  double error_;
  std::shared_ptr<const PreconditionerKind> inner_ = sketched_preconditioner();
};

/// Five systems whose matrix drifts a little from one to the next.
int builds_over_a_drift(Reuse reuse, double drift) {
  const auto kind = std::make_shared<CountingKind>();
  PreconditionedCg solver(kind, reuse);
  const GramCase g = tall(1500, 80);
  for (int step = 0; step < 5; ++step) {
    GramCase moved = g;
    moved.dense.each_row() %= arma::rowvec(arma::exp(drift * step * gaussian(1, 80, 51)));
    moved.A = scaled_rows(DataMatrix(moved.dense));
    GramSystem system = moved.system(1e-8, Seed{static_cast<std::uint64_t>(step)});
    if (step > 0) system.contraction = 0.1;
    Vec z;
    BOOST_TEST((solver.solve(system, z).status == LinearStatus::converged));
    BOOST_TEST(moved.residual(z) <= 2e-8);
  }
  return kind->built;
}

}  // namespace

BOOST_AUTO_TEST_CASE(algorithm_2_to_the_letter_diverges_and_says_so) {
  const GramCase g = tall(4000, 20);
  Vec z;
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const GramSystem system = g.system(1e-8, Seed{seed});
    const LinearReport literal = PreconditionedGd({.kind = gaussian_sketch()}, Iteration::literal).solve(system, z);
    BOOST_TEST((literal.status == LinearStatus::not_converged), literal.message);
    BOOST_TEST(literal.message.find("diverged") != std::string::npos, literal.message);
    BOOST_TEST(literal.iterations < 60u);
    BOOST_TEST(z.is_finite());
    BOOST_TEST(literal.sketch_size == 80u);

    const LinearReport printed = PreconditionedGd({.kind = gaussian_sketch()}, Iteration::printed).solve(system, z);
    BOOST_TEST((printed.status == LinearStatus::converged), printed.message);
    BOOST_TEST(printed.fallbacks.empty());
    BOOST_TEST(g.residual(z) <= 2e-8);
  }
}

BOOST_AUTO_TEST_CASE(with_enough_rows_the_letter_works) {
  // λmax(B) ≈ 1/(1 − √(k/s))² = 1.33 at s = 60k, below √2.
  const GramCase g = tall(4000, 20);
  Vec z;
  const LinearReport report = PreconditionedGd({.kind = gaussian_sketch(), .size = 1200}, Iteration::literal).solve(g.system(1e-8), z);
  BOOST_TEST((report.status == LinearStatus::converged), report.message);
  BOOST_TEST(g.residual(z) <= 2e-8);
}

BOOST_AUTO_TEST_CASE(chebyshev_needs_fewer_iterations_than_richardson) {
  const GramCase g = tall(4000, 40);
  Vec z;
  const LinearReport richardson = PreconditionedGd({}, Iteration::richardson).solve(g.system(1e-10), z);
  const LinearReport chebyshev = PreconditionedGd({}, Iteration::chebyshev).solve(g.system(1e-10), z);
  BOOST_TEST(chebyshev.iterations < richardson.iterations);
  BOOST_TEST(richardson.iterations < 250u);
  BOOST_TEST(richardson.condition < 20);
}

BOOST_AUTO_TEST_CASE(single_precision_reaches_double_precision_residuals) {
  const GramCase g = tall(4000, 40);
  Vec z;
  const LinearReport report = PreconditionedCg({.precision = Precision::f32}).solve(g.system(1e-12), z);
  BOOST_TEST((report.status == LinearStatus::converged), report.message);
  BOOST_TEST(report.message.find("f32") != std::string::npos, report.message);
  BOOST_TEST(g.residual(z) <= 2e-12);
}

BOOST_AUTO_TEST_CASE(eight_bits_reach_double_precision_residuals) {
  const GramCase g = tall(4000, 40);
  for (const Index size : {Index{0}, Index{4000}}) {
    Vec z;
    const LinearReport report = PreconditionedCg({.size = size, .precision = Precision::i8}).solve(g.system(1e-12), z);
    BOOST_TEST((report.status == LinearStatus::converged), report.message);
    BOOST_TEST(g.residual(z) <= 2e-12);
    BOOST_TEST(report.message.find(has_rounded_gram() ? "i8" : "f32") != std::string::npos, report.message);
  }
}

// Columns that differ by less than the rounding: eight bits cannot tell them apart, single precision can.
BOOST_AUTO_TEST_CASE(eight_bits_give_way_where_they_say_too_little) {
  arma::mat X = arma::randn(2000, 12);
  X.col(5) = X.col(4) + 1e-3 * X.col(5);
  GramSystem system;
  const Vec b = X.t() * Vec(2000, arma::fill::ones);
  system.A = scaled_rows(DataMatrix(X));
  system.b = &b;
  system.tolerance = 1e-10;
  Vec z;
  const LinearReport report = PreconditionedCg({.size = 2000, .precision = Precision::i8}).solve(system, z);
  BOOST_TEST((report.status == LinearStatus::converged), report.message);
  BOOST_TEST(report.message.find("f32") != std::string::npos, report.message);
  BOOST_TEST(report.iterations <= 5u);
}

// Where what is kept is close to the matrix, a step is one solve with it; the first one that does not contract is followed by a check.
BOOST_AUTO_TEST_CASE(a_close_preconditioner_is_believed_while_steps_contract) {
  const GramCase g = tall(4000, 40);
  PreconditionedCg solver({.size = 4000, .precision = Precision::f32}, Reuse::while_contracting);
  GramSystem system = g.system(1e-2);
  Vec z;
  BOOST_TEST((solver.solve(system, z).status == LinearStatus::unverified));
  BOOST_TEST(g.residual(z) <= 1e-3);
  system.contraction = 0.9;
  BOOST_TEST((solver.solve(system, z).status == LinearStatus::converged));
  system.contraction = 1e-3;
  const LinearReport kept = solver.solve(system, z);
  BOOST_TEST((kept.status == LinearStatus::unverified));
  BOOST_TEST(kept.iterations == 0u);
  system.tolerance = 1e-9;
  BOOST_TEST((solver.solve(system, z).status == LinearStatus::converged));
  BOOST_TEST(g.residual(z) <= 2e-9);
}

BOOST_AUTO_TEST_CASE(pairs_take_changes_of_the_gradient_to_the_moves_behind_them) {
  const GramCase g = tall(600, 30);
  std::string why;
  const auto M = sketched_preconditioner({.size = 120})->build(g.system(1e-8), 0, why);
  BOOST_REQUIRE(M);
  SecantPairs pairs;
  Vec z, plain, y, move;
  arma::arma_rng::set_seed(5);
  for (int i = 0; i < 12; ++i) {
    move.randn(30);
    g.system(1e-8).apply(move, y);
    pairs.add(move, y);
    pairs.solve(*M, y, z);
    BOOST_TEST(arma::norm(z - move) <= 1e-10 * arma::norm(move));
  }
  // Eight of thirty directions are right now; the others are no worse for it.
  g.system(1e-8).apply(Vec(30, arma::fill::ones), y);
  pairs.solve(*M, y, z);
  M->solve(y, plain);
  BOOST_TEST(arma::dot(y, z) > 0);
  BOOST_TEST(arma::norm(z - 1) < arma::norm(plain - 1));
  pairs.add(move, -y);  // no curvature: left out
  pairs.solve(*M, y, plain);
  BOOST_TEST(arma::norm(plain - z) == 0);
}

// The matrix has grown since M was made. Steps along one direction show by how much, and the next is right where M alone is not.
BOOST_AUTO_TEST_CASE(steps_show_what_a_kept_preconditioner_does_not_know) {
  const GramCase g = tall(4000, 40);
  PreconditionedCg solver({.size = 4000, .precision = Precision::f32}, Reuse::while_contracting);
  GramSystem system = g.system(1e-2);
  Vec first, second;
  solver.solve(system, first);
  const Vec before = *system.b;
  // As if f″ had grown by half: a step of `first` takes the gradient half of its length past 0.
  const Vec after = -0.5 * before;
  system.b = &after;
  system.contraction = 1e-3;
  system.moved = &first;
  BOOST_TEST((solver.solve(system, second).status == LinearStatus::unverified));
  const Vec expected = -first / 3;
  BOOST_TEST(arma::norm(second - expected) <= 1e-3 * arma::norm(expected));
}

// Too far from the matrix for steps of its own, it is still worth keeping for CG.
BOOST_AUTO_TEST_CASE(what_is_not_close_is_kept_for_iterations) {
  const auto kind = std::make_shared<CountingKind>(false, 0.2);
  PreconditionedCg solver(kind, Reuse::while_contracting);
  const GramCase g = tall(4000, 40);
  GramSystem system = g.system(1e-3);
  Vec z;
  for (const double contraction : {std::nan(""), 0.01, 0.01}) {
    system.contraction = contraction;
    solver.solve(system, z);
    BOOST_TEST(g.residual(z) <= 2e-3);
  }
  BOOST_TEST(kind->built == 1);
}

BOOST_AUTO_TEST_CASE(a_sketch_as_large_as_the_matrix_is_replaced_by_the_matrix) {
  const GramCase g = tall(70, 20);
  Vec z;
  const LinearReport report = PreconditionedCg().solve(g.system(1e-10), z);
  BOOST_TEST((report.status == LinearStatus::converged));
  BOOST_TEST(report.sketch_size == 0u);
  BOOST_TEST(report.iterations <= 3u);
  BOOST_TEST(report.message.find("AᵀA itself") != std::string::npos, report.message);
  const LinearReport direct = SketchAndSolve().solve(g.system(1e-10), z);
  BOOST_TEST((direct.status == LinearStatus::converged));
}

BOOST_AUTO_TEST_CASE(sketch_sizes_out_of_range_are_refused) {
  const GramCase g = tall(400, 20);
  Vec z;
  for (const Index size : {Index{19}, Index{401}}) {
    BOOST_CHECK_THROW(PreconditionedCg({.size = size}).solve(g.system(), z), InputError);
    BOOST_CHECK_THROW(PreconditionedGd({.size = size}).solve(g.system(), z), InputError);
    BOOST_CHECK_THROW(SketchAndSolve({.size = size}).solve(g.system(), z), InputError);
    BOOST_CHECK_THROW(check_can_solve(PreconditionedCg({.size = size}), g.system(), 1e18), InputError);
  }
  BOOST_CHECK_NO_THROW(PreconditionedCg({.size = 20}).solve(g.system(), z));
  BOOST_CHECK_NO_THROW(PreconditionedCg({.size = 400}).solve(g.system(), z));
}

BOOST_AUTO_TEST_CASE(a_sketch_that_loses_directions_is_drawn_again_and_named) {
  // 150 directions live in one row each, over eight orders of magnitude: 600 of 6000 uniform rows miss nearly all of them.
  arma::mat A = 1e-3 * gaussian(6000, 150, 52);
  for (Index j = 0; j < 150; ++j) A(39 * j, j) = std::pow(10.0, 4.0 * static_cast<double>(j) / 149.0 - 2);
  const GramCase g = dense_case("coherent rows", std::move(A));
  Vec z;
  const LinearReport report = PreconditionedCg({.kind = uniform_rows_sketch()}).solve(g.system(1e-10), z);
  BOOST_TEST((report.status == LinearStatus::converged), report.message);
  BOOST_TEST(g.residual(z) <= 2e-10);
  BOOST_TEST(mentions(report.fallbacks, "uniform-rows s = 600"));
}

BOOST_AUTO_TEST_CASE(when_nothing_can_be_built_exact_takes_over) {
  const GramCase g = tall();
  const auto kind = std::make_shared<CountingKind>(true);
  Vec z;
  const LinearReport report = PreconditionedCg(kind).solve(g.system(1e-10), z);
  BOOST_TEST((report.status == LinearStatus::converged), report.message);
  BOOST_TEST(kind->built == 3);
  BOOST_TEST(mentions(report.fallbacks, "broken on purpose"));
  BOOST_TEST(mentions(report.fallbacks, "exact factorization used instead"));
}

BOOST_AUTO_TEST_CASE(a_jacobi_kind_never_forms_a_matrix) {
  // It cannot reach 1e-30; a fallback to exact would hold a k × k matrix, which this kind was chosen to avoid.
  const GramCase g = ill_conditioned();
  Vec z;
  const LinearReport report = PreconditionedCg(jacobi_preconditioner()).solve(g.system(1e-30), z);
  BOOST_TEST((report.status == LinearStatus::not_converged));
  BOOST_TEST(!mentions(report.fallbacks, "exact"));
}

BOOST_AUTO_TEST_CASE(a_kept_preconditioner_is_built_once_and_renewed_when_it_no_longer_fits) {
  BOOST_TEST(builds_over_a_drift(Reuse::never, 0.0) == 5);
  BOOST_TEST(builds_over_a_drift(Reuse::while_contracting, 0.0) == 1);
  BOOST_TEST(builds_over_a_drift(Reuse::while_contracting, 0.02) == 1);
  BOOST_TEST(builds_over_a_drift(Reuse::while_contracting, 0.6) >= 3);
}

BOOST_AUTO_TEST_CASE(sketch_and_solve_reports_the_residual_it_has) {
  const GramCase g = tall(4000, 20);
  double worst = 0;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    Vec z;
    const LinearReport report = SketchAndSolve().solve(g.system(1e-10, Seed{seed}), z);
    BOOST_TEST((report.status == LinearStatus::unverified));
    BOOST_TEST(report.sketch_size == 160u);
    BOOST_TEST(report.relative_residual == g.residual(z), boost::test_tools::tolerance(1e-9));
    worst = std::max(worst, report.relative_residual);
  }
  // ‖I − HM⁻¹‖ ≤ (1 − √(1/8))⁻² − 1 = 1.4 for a Gaussian sketch, and typically 0.4.
  BOOST_TEST(worst < 1.4);
}

// Columns of scales over 1e4 that correlate: s = 400 of 3200 rows do what a sketch of c = 20 times as many rows as columns does, and the
// entries on the diagonal are those of AᵀA.
BOOST_AUTO_TEST_CASE(a_sample_of_sparse_rows_preconditions_as_a_sketch_does) {
  const Generated made = generate_regression({.rows = 3200, .columns = 20, .scale_span = 1e4, .correlation = 0.9, .density = 0.2});
  const auto A = scaled_rows(made.C);
  Mat<double> b;
  A->apply_adjoint(made.y, b);
  const Vec right = b.as_col();
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    GramSystem system{.A = A, .b = &right, .shift = 1e-6, .tolerance = 1e-10, .seed = Seed{seed}};
    Vec z;
    PreconditionedCg sampled(sampled_gram_preconditioner());
    const LinearReport report = sampled.solve(system, z);
    BOOST_TEST((report.status == LinearStatus::converged), report.message);
    BOOST_TEST(report.sketch_size == 400u);
    BOOST_TEST(report.fallbacks.empty());
    BOOST_TEST(report.iterations <= 2 * sketched_cg_iterations(system.tolerance, 400, 20));
  }
}

// A column that no drawn row touches, and rows of which a few have all the weight: slower or made afresh, never wrong.
BOOST_AUTO_TEST_CASE(a_sample_that_misses_columns_still_leads_to_the_solution) {
  arma::sp_mat A(800, 12);
  for (Index i = 0; i < 800; ++i) A(i, i % 11) = 1 + 0.01 * static_cast<double>(i % 7);
  A(3, 11) = 1e3;
  for (Index j = 0; j < 6; ++j) A(5, j) = 50;
  GramCase g = dense_case("few rows matter", arma::mat(A));
  g.A = scaled_rows(DataMatrix(A));
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Vec z;
    const LinearReport report = PreconditionedCg(sampled_gram_preconditioner(16)).solve(g.system(1e-9, Seed{seed}), z);
    BOOST_TEST((report.status == LinearStatus::converged), report.message);
    BOOST_TEST(g.residual(z) <= 2e-9);
  }
}
