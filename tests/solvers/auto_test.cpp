/// What auto chooses, says, and does when the choice does not deliver. The choice rests on nominal rates, so it is the same everywhere.

#include <raphson/core/error.hpp>
#include <raphson/models/two_layer_relu.hpp>
#include <raphson/problems/generators.hpp>
#include <raphson/solvers/auto.hpp>
#include <raphson/solvers/estimates.hpp>
#include <raphson/solvers/preconditioned_cg.hpp>
#include <raphson/solvers/preconditioned_gd.hpp>
#include <raphson/solvers/sketch_and_solve.hpp>
#include <raphson/solvers/sketches/sketches.hpp>
#include <raphson/solvers/sparse_cholesky.hpp>
#include <support/gram_cases.hpp>

#include <boost/test/unit_test.hpp>

using namespace raphson;
using namespace raphson::test;

namespace {

/// A dense matrix that only says how large it is.
class Shape : public Operator {
 public:
  Shape(Index rows, Index cols) : rows_(rows), cols_(cols) {}
  Index rows() const override { return rows_; }
  Index cols() const override { return cols_; }
  void apply(const Mat<double>&, Mat<double>& Y) const override { Y.zeros(rows_, 1); }
  void apply_adjoint(const Mat<double>&, Mat<double>& Y) const override { Y.zeros(cols_, 1); }
  OperatorCost cost() const override {
    const double N = static_cast<double>(rows_), k = static_cast<double>(cols_);
    return {.apply = {2 * N * k, 8 * N * k},
            .normal = {4 * N * k, 8 * N * k},
            .gram = {N * k * k, 24 * N * k},
            .row = {k, 8 * k},
            .nonzeros = N * k,
            .gram_nonzeros = k * k};
  }

 private:
  Index rows_, cols_;
};

Estimate choice(std::shared_ptr<const Operator> A, double memory_limit = std::numeric_limits<double>::infinity()) {
  const Vec b(A->cols(), arma::fill::ones);
  GramSystem system;
  system.A = std::move(A);
  system.b = &b;
  return Auto({}, memory_limit).estimate(system, Machine{});
}

}  // namespace

BOOST_AUTO_TEST_CASE(small_matrices_are_factored) {
  const Estimate estimate = choice(std::make_shared<Shape>(2000, 30));
  BOOST_TEST(estimate.used == "exact");
  BOOST_TEST(estimate.reason.find("exact: predicted ") == 0u, estimate.reason);
  BOOST_TEST(estimate.reason.find("; needs ") != std::string::npos, estimate.reason);
}

BOOST_AUTO_TEST_CASE(tall_matrices_with_many_columns_are_sketched) {
  auto A = std::make_shared<Shape>(400000, 2000);
  const Estimate wide = choice(A);
  BOOST_TEST(wide.used == "preconditioned-cg");
  BOOST_TEST(wide.reason.find("f64") == std::string::npos, wide.reason);  // factored in single precision
  BOOST_TEST(wide.reason.find("exact ") != std::string::npos, wide.reason);
}

BOOST_AUTO_TEST_CASE(memory_decides_before_time) {
  const auto A = std::make_shared<Shape>(300000, 100000);
  BOOST_TEST(choice(A, 1e9).used == "jacobi-cg");
  BOOST_TEST(choice(A, 1e9).bytes < 1e9);
  // Nothing fits: the smallest is named, and check_can_solve refuses it.
  GramSystem system;
  const Vec b(100000, arma::fill::ones);
  system.A = A;
  system.b = &b;
  BOOST_CHECK_THROW(check_can_solve(Auto({}, 1e3), system, 1e3), InputError);
}

BOOST_AUTO_TEST_CASE(factors_are_kept_where_the_matrix_varies) {
  // As networks: products and a Gram matrix by kernels of our own.
  class Varying final : public Shape {
   public:
    Varying(Index rows, Index cols, double product, double gram) : Shape(rows, cols), product_(product), gram_(gram) {}
    OperatorCost cost() const override {
      OperatorCost cost = Shape::cost();
      cost.apply = {product_ / 2, 0, true};
      cost.normal = {product_, 0, true};
      cost.gram = {gram_, 0, true};
      cost.varies = true;
      return cost;
    }

   private:
    double product_, gram_;
  };
  const auto choose = [](Index k, double product, double gram) {
    return choice(std::make_shared<Varying>(100 * k, k, product, gram)).reason;
  };
  BOOST_TEST(choose(50, 1e5, 1e6).starts_with("exact:"));
  // A new factor for the price of three products: steps with an old one do.
  BOOST_TEST(choose(2000, 5e8, 5e8).starts_with("chord:"), choose(2000, 5e8, 5e8));
  // Products are cheap beside the factor: it preconditions them.
  BOOST_TEST(choose(4000, 5e8, 3e9).starts_with("preconditioned-cg (AᵀA kept, f32):"), choose(4000, 5e8, 3e9));
}

BOOST_AUTO_TEST_CASE(large_networks_go_to_their_kernel) {
  const Index n = 16000;
  Generated data = generate_sphere(n, 10, Seed(3));
  TwoLayerReluOptions options;
  options.width = 8192;
  const TwoLayerRelu net(std::move(data.C), std::move(data.y), options);
  const auto at = net.linearize(net.initial_weights());
  const Estimate estimate = choice(at->matrix());
  BOOST_TEST(estimate.used == "kernel-cg", estimate.reason);
}

BOOST_AUTO_TEST_CASE(what_is_sketched_for_every_system_is_paid_for_every_system) {
  const GramCase g = tall();
  for (const Estimate& e : {SketchAndSolve().estimate(g.system(), Machine{}), PreconditionedGd().estimate(g.system(), Machine{})}) {
    BOOST_TEST(e.seconds > 0);
    BOOST_TEST(e.run_seconds(25) == 25 * e.seconds, boost::test_tools::tolerance(1e-12));
  }
}

BOOST_AUTO_TEST_CASE(sketches_of_networks_have_their_price) {
  // A sketch by columns forms all of Jᵀ; one of its factors does not, and the Gram matrix from bits is cheaper than either.
  Generated data = generate_sphere(500, 10, Seed(3));
  TwoLayerReluOptions options;
  options.width = 4096;
  const TwoLayerRelu net(std::move(data.C), std::move(data.y), options);
  const auto A = net.linearize(net.initial_weights())->matrix();
  const double by_columns = sketch_seconds(*A, *count_sketch(), 2000, Machine::nominal()),
               by_factors = sketch_seconds(*A, *tensor_sketch(10), 2000, Machine::nominal());
  BOOST_TEST(by_columns > 10 * by_factors);
  BOOST_TEST(by_factors > 4 * gram_seconds(*A, Machine::nominal()));
}

BOOST_AUTO_TEST_CASE(narrow_bands_go_to_sparse_cholesky) {
  if (!has_sparse_cholesky()) return;
  arma::sp_mat A(6000, 3000);
  for (Index i = 0; i < 6000; ++i) {
    A(i, i / 2) = 1;
    A(i, (i / 2 + 1) % 3000) = 0.9;
  }
  const Estimate estimate = choice(scaled_rows(DataMatrix(A)));
  BOOST_TEST(estimate.used == "sparse-cholesky", estimate.reason);
}

// Rows that look well mixed, while all columns hang together by what they share: the diagonal does not cure that, which shows after some
// iterations, and a sample of the rows does.
BOOST_AUTO_TEST_CASE(sparse_rows_that_only_look_well_mixed_are_sampled) {
  arma::arma_rng::set_seed(7);
  arma::sp_mat C = arma::sprandu(40000, 400, 0.1);
  C.col(0).ones();
  const auto A = scaled_rows(DataMatrix(C));
  BOOST_TEST(choice(A).reason.starts_with("jacobi-cg:"));
  const Vec b = arma::randu<Vec>(400);
  GramSystem system;
  system.A = A;
  system.b = &b;
  system.tolerance = 1e-8;
  Vec z;
  const LinearReport report = Auto().solve(system, z);
  BOOST_TEST((report.status == LinearStatus::converged), report.message);
  BOOST_TEST(report.reason.starts_with("preconditioned-cg (one row of "), report.reason);
  BOOST_TEST(report.reason.find("after jacobi-cg did not deliver") != std::string::npos, report.reason);
}

// What compare prints for preconditioned-cg is what auto weighs.
BOOST_AUTO_TEST_CASE(one_formula_predicts_preconditioned_cg) {
  const auto A = std::make_shared<Shape>(400000, 2000);
  const Vec b(2000, arma::fill::ones);
  GramSystem system;
  system.A = A;
  system.b = &b;
  const SketchOptions asked{.size = 16000, .precision = Precision::f32};
  const Estimate direct = PreconditionedCg(asked, Reuse::while_contracting).estimate(system, Machine::nominal());
  const Estimate through = Auto(asked).estimate(system, Machine::nominal());
  BOOST_TEST(through.used == "preconditioned-cg");
  BOOST_TEST(through.seconds == direct.seconds);
  BOOST_TEST(through.once == direct.once);
}

BOOST_AUTO_TEST_CASE(cg_is_not_predicted_to_take_more_iterations_than_unknowns) {
  for (const bool jacobi : {false, true}) {
    BOOST_TEST(plain_cg_iterations(1e-8, 30, jacobi) <= 61);
    BOOST_TEST(plain_cg_iterations(0.05, 30, jacobi) <= 15);
  }
}

// The margin of a millisecond, in words.
BOOST_AUTO_TEST_CASE(a_quicker_rival_is_named_with_the_reason_against_it) {
  const Estimate estimate = choice(std::make_shared<Shape>(1000, 60));
  BOOST_TEST(estimate.used == "exact");
  BOOST_TEST(estimate.reason.find(" s, which saves too little to be worth leaving exact for") != std::string::npos, estimate.reason);
}

BOOST_AUTO_TEST_CASE(the_report_says_what_was_used_and_why) {
  const GramCase g = tall();
  Auto solver;
  Vec z;
  const LinearReport report = solver.solve(g.system(), z);
  const Estimate estimate = solver.estimate(g.system(), Machine::nominal());
  BOOST_TEST(report.used == estimate.used);
  BOOST_TEST(report.reason == estimate.reason);
}

BOOST_AUTO_TEST_CASE(when_the_choice_does_not_deliver_the_next_best_is_used) {
  // κ(AᵀA) = 1e10, which no diagonal cures.
  arma::mat U, V, R;
  arma::qr_econ(U, R, gaussian(120, 60, 61));
  arma::qr_econ(V, R, gaussian(60, 60, 62));
  GramCase g = dense_case("hard for jacobi-cg", U * arma::diagmat(arma::logspace(0, -5, 60)) * V.t());
  g.b = g.dense.t() * gaussian(120, 1, 63);
  // Products that claim to cost nothing make jacobi-cg look best.
  class Cheap final : public Shape {
   public:
    explicit Cheap(arma::mat A) : Shape(A.n_rows, A.n_cols), A_(std::move(A)) {}
    void apply(const Mat<double>& X, Mat<double>& Y) const override { Y = A_ * X; }
    void apply_adjoint(const Mat<double>& X, Mat<double>& Y) const override { Y = A_.t() * X; }
    OperatorCost cost() const override {
      OperatorCost cost = Shape::cost();
      cost.apply = cost.normal = {1, 1};
      cost.gram = {1e10, 1e9};  // and the rest to be worth leaving exact for
      return cost;
    }

   private:
    arma::mat A_;
  };
  g.A = std::make_shared<Cheap>(g.dense);
  Auto solver;
  Vec z;
  BOOST_TEST(solver.estimate(g.system(1e-9), Machine{}).used == "jacobi-cg");
  const LinearReport report = solver.solve(g.system(1e-9), z);
  BOOST_TEST((report.status == LinearStatus::converged), report.message);
  BOOST_TEST(g.residual(z) <= 2e-9);
  BOOST_TEST(report.used != "jacobi-cg");
  BOOST_TEST_REQUIRE(!report.fallbacks.empty());
  BOOST_TEST(report.fallbacks.front().starts_with("jacobi-cg: "), report.fallbacks.front());
  BOOST_TEST(report.reason.find("after jacobi-cg did not deliver") != std::string::npos, report.reason);
}
