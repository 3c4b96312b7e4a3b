/// The contract of LinearSolver: a new solver costs one row of `rows`.

#include <raphson/core/error.hpp>
#include <raphson/core/threads.hpp>
#include <raphson/solvers/sketches/sketches.hpp>
#include <raphson/solvers/solvers.hpp>
#include <support/gram_cases.hpp>

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <functional>

using namespace raphson;
using namespace raphson::test;

namespace {

struct Row {
  std::string name;
  std::function<std::unique_ptr<LinearSolver>()> make;
  double tolerance;
  bool approximate = false;  ///< sketch-and-solve: `unverified` is an answer
  bool gives_up = false;     ///< may end not_converged on ill-conditioned systems
  bool sparse_only = false;  ///< every A is stored in sparse form for it
};

template <class Solver, class... Arguments>
std::function<std::unique_ptr<LinearSolver>()> maker(Arguments... arguments) {
  return [=] { return std::make_unique<Solver>(arguments...); };
}

SketchOptions sketch(std::shared_ptr<const SketchKind> kind, Precision precision = Precision::f64,
                     SketchFactor factor = SketchFactor::automatic) {
  return {.kind = std::move(kind), .size = 0, .precision = precision, .factor = factor};
}

const std::vector<Row>& rows() {
  using Gd = PreconditionedGd::Iteration;
  static std::vector<Row> table = {
      {"exact", maker<Exact>(), 1e-9},
      {"exact-qr", maker<Exact>(Exact::Method::qr), 1e-9},
      {"chord", maker<Chord>(), 1e-9},
      {"natural-gradient", maker<NaturalGradient>(), 1e-9, true},
      {"fixed-step", maker<FixedStep>(), 1e-9, true},
      {"cg", maker<Cg>(), 1e-9, false, true},
      {"jacobi-cg", maker<Cg>(Cg::Scaling::jacobi), 1e-9, false, true},
      {"sketch-and-solve", maker<SketchAndSolve>(), 1e-9, true},
      {"preconditioned-cg", maker<PreconditionedCg>(), 1e-9},
      {"preconditioned-cg, f32", maker<PreconditionedCg>(sketch(nullptr, Precision::f32)), 1e-9},
      {"preconditioned-cg, i8", maker<PreconditionedCg>(sketch(nullptr, Precision::i8), Reuse::while_contracting), 1e-9},
      {"preconditioned-cg, QR, gaussian", maker<PreconditionedCg>(sketch(gaussian_sketch(), Precision::f64, SketchFactor::qr)), 1e-9},
      {"preconditioned-cg, uniform rows", maker<PreconditionedCg>(sketch(uniform_rows_sketch())), 1e-9},
      {"preconditioned-cg, f32 throughout", maker<PreconditionedCg>(SketchOptions{.precision = Precision::f32, .products = Precision::f32}),
       1e-9},
      {"preconditioned-cg, leverage rows", maker<PreconditionedCg>(sketch(leverage_rows_sketch(), Precision::f32)), 1e-9},
      {"preconditioned-cg, kept", maker<PreconditionedCg>(SketchOptions{}, Reuse::while_contracting), 1e-9},
      {"kernel-cg", maker<KernelCg>(), 1e-9},
      {"preconditioned-gd", maker<PreconditionedGd>(), 1e-9},
      {"preconditioned-gd, chebyshev", maker<PreconditionedGd>(SketchOptions{}, Gd::chebyshev), 1e-9},
      {"preconditioned-gd, printed", maker<PreconditionedGd>(SketchOptions{}, Gd::printed), 1e-9},
      {"least-squares", maker<LeastSquares>(), 1e-9},
      {"auto", maker<Auto>(), 1e-9},
  };
  static const bool with_sparse_cholesky = [] {
    if (has_sparse_cholesky()) table.push_back({"sparse-cholesky", maker<SparseCholesky>(), 1e-9, false, false, true});
    return true;
  }();
  (void)with_sparse_cholesky;
  return table;
}

/// Calls `body` for every solver, with its name in every message.
void for_every_solver(const std::function<void(const Row&)>& body) {
  for (const Row& row : rows()) {
    BOOST_TEST_CONTEXT(row.name) body(row);
  }
}

/// The case in the form that the solver takes.
GramCase stored_for(const Row& row, GramCase g) {
  if (row.sparse_only && !g.A->has_sparse_gram()) g.A = scaled_rows(DataMatrix(arma::sp_mat(g.dense)));
  return g;
}

bool same_bits(const Vec& x, const Vec& y) { return x.n_elem == y.n_elem && std::equal(x.begin(), x.end(), y.begin()); }

void check_answer(const Row& row, const GramCase& g, const LinearReport& report, const Vec& z) {
  BOOST_TEST_REQUIRE(z.n_elem == g.size());
  BOOST_TEST(z.is_finite());
  const double residual = g.residual(z);
  if (report.status == LinearStatus::converged) {
    // Twice: the residual here is summed in another order.
    BOOST_TEST(residual <= 2 * row.tolerance);
    BOOST_TEST(report.relative_residual <= row.tolerance);
  } else if (row.approximate) {
    BOOST_TEST((report.status == LinearStatus::unverified));
    BOOST_TEST(residual < (g.ill_conditioned || g.coherent ? 1e7 : 5.0));
    BOOST_TEST(report.relative_residual == residual, boost::test_tools::tolerance(1e-3));
  } else {
    BOOST_TEST((row.gives_up && g.ill_conditioned && report.status == LinearStatus::not_converged), report.message);
  }
  BOOST_TEST(!report.message.empty());
  BOOST_TEST(!report.used.empty());
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_system_is_solved_to_its_true_residual) {
  const std::vector<GramCase> cases = gram_cases();
  for_every_solver([&](const Row& row) {
    for (const GramCase& original : cases) {
      const GramCase g = stored_for(row, original);
      BOOST_TEST_CONTEXT(g.name) {
        Vec z(3, arma::fill::ones);  // content on entry does not matter
        const LinearReport report = row.make()->solve(g.system(row.tolerance), z);
        check_answer(row, g, report, z);
      }
    }
  });
}

BOOST_AUTO_TEST_CASE(solution_agrees_with_a_reference) {
  const GramCase original = per_column_penalty();
  const Vec reference = arma::solve(original.matrix(), original.b);
  for_every_solver([&](const Row& row) {
    if (row.approximate) return;
    const GramCase g = stored_for(row, original);
    Vec z;
    row.make()->solve(g.system(row.tolerance), z);
    BOOST_TEST(arma::norm(z - reference) <= 1e-7 * arma::norm(reference));
  });
}

BOOST_AUTO_TEST_CASE(a_loose_tolerance_is_honoured_and_reported) {
  for_every_solver([&](const Row& row) {
    const GramCase g = stored_for(row, tall());
    Vec z;
    const LinearReport report = row.make()->solve(g.system(0.1), z);
    const bool converged = report.status == LinearStatus::converged, believed = report.status == LinearStatus::unverified;
    BOOST_TEST((row.approximate || converged || believed), report.message);
    // A residual that was not measured comes from an iteration's recurrence, perhaps in single precision.
    BOOST_TEST(std::abs(report.relative_residual - g.residual(z)) <= (believed && !row.approximate ? 1e-5 : 1e-2 * g.residual(z) + 1e-13));
    if (!row.approximate) BOOST_TEST(g.residual(z) <= 0.1 * (1 + 1e-4));
  });
}

BOOST_AUTO_TEST_CASE(zero_right_hand_side_gives_zero) {
  for_every_solver([&](const Row& row) {
    GramCase g = stored_for(row, tall());
    g.b.zeros();
    Vec z(20, arma::fill::ones);
    const LinearReport report = row.make()->solve(g.system(row.tolerance), z);
    BOOST_TEST((report.status == LinearStatus::converged));
    BOOST_TEST(z.n_elem == 20u);
    BOOST_TEST(z.is_zero());
  });
}

BOOST_AUTO_TEST_CASE(non_finite_numbers_fail_with_their_place) {
  GramCase bad_b = tall();
  bad_b.b(3) = std::nan("");
  arma::mat A = gaussian(400, 20, 1);
  A(17, 4) = std::nan("");
  const GramCase bad_A = dense_case("NaN in A", A);
  arma::mat huge = gaussian(400, 20, 1);
  huge(17, 4) = std::numeric_limits<double>::infinity();
  GramCase unseen = matrix_free();
  unseen.A = std::make_shared<const FunctionOperator>(
      200, 12, [](const Vec&, Vec& y) { y.fill(std::nan("")); }, [](const Vec&, Vec& y) { y.fill(std::nan("")); });
  for_every_solver([&](const Row& row) {
    for (const GramCase& original : {bad_b, bad_A, dense_case("Inf in A", huge), unseen}) {
      if (row.sparse_only && original.name == unseen.name) continue;
      const GramCase g = stored_for(row, original);
      BOOST_TEST_CONTEXT(g.name) {
        Vec z;
        const LinearReport report = row.make()->solve(g.system(row.tolerance), z);
        BOOST_TEST((report.status == LinearStatus::failed), report.message);
        BOOST_TEST(z.n_elem == g.size());
        BOOST_TEST(z.is_zero());
        if (g.name.ends_with("in A")) {
          BOOST_TEST(report.message.find("row 17, column 4") != std::string::npos, report.message);
        }
      }
    }
  });
}

BOOST_AUTO_TEST_CASE(the_same_seed_gives_the_same_bits) {
  for_every_solver([&](const Row& row) {
    for (const GramCase& original : {tall(), sparse_rows(), coherent()}) {
      const GramCase g = stored_for(row, original);
      const auto solver = row.make();
      Vec first, again, fresh;
      solver->solve(g.system(row.tolerance), first);
      solver->solve(g.system(row.tolerance), again);
      row.make()->solve(g.system(row.tolerance), fresh);
      BOOST_TEST(same_bits(first, again));
      BOOST_TEST(same_bits(first, fresh));
    }
  });
}

BOOST_AUTO_TEST_CASE(threads_do_not_change_a_bit) {
  const GramCase tall_case = tall(3000, 30), sparse_case = sparse_rows();
  for_every_solver([&](const Row& row) {
    for (const GramCase* original : {&tall_case, &sparse_case}) {
      const GramCase g = stored_for(row, *original);
      Vec one, four;
      {
        const ThreadScope scope(1);
        row.make()->solve(g.system(row.tolerance), one);
      }
      {
        const ThreadScope scope(4);
        row.make()->solve(g.system(row.tolerance), four);
      }
      BOOST_TEST(same_bits(one, four));
    }
  });
}

BOOST_AUTO_TEST_CASE(another_size_on_the_same_object_is_solved_as_if_it_were_new) {
  for_every_solver([&](const Row& row) {
    const auto solver = row.make();
    for (const GramCase& original : {tall(400, 20), tall(900, 35), tall(900, 20), tall(400, 20)}) {
      const GramCase g = stored_for(row, original);
      GramSystem system = g.system(row.tolerance);
      Vec used, fresh;
      solver->solve(system, used);
      row.make()->solve(system, fresh);
      BOOST_TEST(same_bits(used, fresh));
    }
  });
}

BOOST_AUTO_TEST_CASE(an_outer_iteration_repeats_bit_for_bit_whatever_was_solved_before) {
  GramCase first = tall(800, 20);
  GramCase second = first, third = tall(800, 20);
  second.shift = 1;
  third.A = scaled_rows(DataMatrix(third.dense), arma::linspace(1, 30, 800));
  third.dense.each_col() %= arma::linspace(1, 30, 800);
  for_every_solver([&](const Row& row) {
    const auto solver = row.make();
    std::vector<Vec> answers;
    for (int run = 0; run < 2; ++run) {
      double contraction = std::nan("");
      for (const GramCase* original : {&first, &second, &third}) {
        const GramCase g = stored_for(row, *original);
        GramSystem system = g.system(row.tolerance, Seed{static_cast<std::uint64_t>(answers.size() % 3)});
        system.contraction = contraction;
        contraction = 0.1;
        Vec z;
        const LinearReport report = solver->solve(system, z);
        if (std::isnan(system.contraction) || report.status != LinearStatus::unverified || row.approximate) check_answer(row, g, report, z);
        answers.push_back(z);
      }
    }
    for (Index i = 0; i < 3; ++i) BOOST_TEST(same_bits(answers[i], answers[i + 3]));
  });
}

BOOST_AUTO_TEST_CASE(an_interrupt_that_is_set_stops_at_once) {
  const std::atomic<bool> cancel{true};
  const Interrupt interrupt(std::numeric_limits<double>::infinity(), &cancel);
  for_every_solver([&](const Row& row) {
    const GramCase g = stored_for(row, tall());
    GramSystem system = g.system(row.tolerance);
    system.interrupt = &interrupt;
    Vec z;
    const LinearReport report = row.make()->solve(system, z);
    BOOST_TEST((report.status == LinearStatus::not_converged));
    BOOST_TEST(z.n_elem == 20u);
    BOOST_TEST(z.is_finite());
    BOOST_TEST(report.iterations == 0u);
  });
}

BOOST_AUTO_TEST_CASE(callers_mistakes_are_exceptions) {
  const Vec short_vector(7, arma::fill::ones);
  const Vec negative = -arma::ones(20);
  const Vec not_a_number(20, arma::fill::value(std::nan("")));
  const std::vector<std::function<void(GramSystem&)>> mistakes = {
      [](GramSystem& s) { s.A = nullptr; },
      [](GramSystem& s) { s.b = nullptr; },
      [&](GramSystem& s) { s.b = &short_vector; },
      [&](GramSystem& s) { s.c = &short_vector; },
      [&](GramSystem& s) { s.penalty = &short_vector; },
      [&](GramSystem& s) { s.penalty = &negative; },
      [&](GramSystem& s) { s.penalty = &not_a_number; },
      [](GramSystem& s) { s.shift = -1; },
      [](GramSystem& s) { s.shift = std::nan(""); },
      [](GramSystem& s) { s.tolerance = 0; },
      [](GramSystem& s) { s.tolerance = std::nan(""); },
  };
  for_every_solver([&](const Row& row) {
    const GramCase g = stored_for(row, tall());
    for (const auto& spoil : mistakes) {
      GramSystem system = g.system(row.tolerance);
      spoil(system);
      Vec z;
      BOOST_CHECK_THROW(row.make()->solve(system, z), InputError);
    }
  });
}

BOOST_AUTO_TEST_CASE(estimates_are_positive_and_grow_with_the_system) {
  for_every_solver([&](const Row& row) {
    const auto solver = row.make();
    const GramCase small = stored_for(row, tall(400, 20)), large = stored_for(row, tall(4000, 80));
    const Estimate less = solver->estimate(small.system(), Machine{}), more = solver->estimate(large.system(), Machine{});
    BOOST_TEST(less.seconds > 0);
    BOOST_TEST(less.bytes > 0);
    BOOST_TEST(more.seconds > less.seconds);
    BOOST_TEST(more.bytes > less.bytes);
  });
}
