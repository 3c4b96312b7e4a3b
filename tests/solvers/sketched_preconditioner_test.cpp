/// The preconditioner of a sketch in single precision: what it asks of A, and where it gives way to double precision.

#include <raphson/core/data_matrix.hpp>
#include <raphson/core/machine.hpp>
#include <raphson/core/preconditioner.hpp>
#include <raphson/core/row_gram.hpp>
#include <raphson/solvers/preconditioners/sketched.hpp>
#include <raphson/solvers/sketches/sketches.hpp>
#include <support/sketching.hpp>

#include <boost/test/unit_test.hpp>

namespace {

using namespace raphson;

constexpr Index N = 3000, k = 20;

GramSystem system_of(std::shared_ptr<const Operator> A) {
  GramSystem system;
  system.A = std::move(A);
  return system;
}

GramSystem scaled_system(double scale) {
  return system_of(scaled_rows(DataMatrix::from_rows(arma::mat(scale * test::random_matrix(k, N, 3)))));
}

/// Counts which sketch it is asked for.
class Asked final : public Operator {
 public:
  Index rows() const override { return N; }
  Index cols() const override { return k; }
  void apply(const Mat<double>& X, Mat<double>& Y) const override { A_->apply(X, Y); }
  void apply_adjoint(const Mat<double>& X, Mat<double>& Y) const override { A_->apply_adjoint(X, Y); }
  void sketch(const Sketch<double>& S, Mat<double>& B) const override {
    ++doubles;
    A_->sketch(S, B);
  }
  void sketch_single(const Sketch<double>& S, Mat<float>& B) const override {
    ++singles;
    A_->sketch_single(S, B);
  }
  mutable int doubles = 0, singles = 0;

 private:
  std::shared_ptr<const Operator> A_ = scaled_system(1).A;
};

std::unique_ptr<Preconditioner> build(const GramSystem& system, SketchOptions options) {
  std::string why;
  auto M = sketched_preconditioner(options)->build(system, 0, why);
  BOOST_REQUIRE_MESSAGE(M, why);
  return M;
}

}  // namespace

/// M of 400 rows for 20 columns: κ(M⁻¹AᵀA) ≤ ((√20 + 1)/(√20 − 1))² < 2.5, and M⁻¹AᵀA close to the identity, whatever the unit of A.
BOOST_AUTO_TEST_CASE(data_whose_squares_leave_single_precision_are_sketched_in_double) {
  for (const Precision precision : {Precision::f32, Precision::i8}) {
    for (const double scale : {1.0, 1e4, 1e-4, 1e30, 1e-30, 1e100}) {
      const GramSystem system = scaled_system(scale);
      const auto M = build(system, {.size = 400, .precision = precision});
      BOOST_TEST_INFO_SCOPE("scale " << scale << ": " << M->name());
      const bool fits = scale > 1e-10 && scale < 1e10;
      BOOST_TEST((M->name().find("f64") == std::string::npos) == fits);
      BOOST_TEST(M->sketch_size() == 400u);
      Vec z;
      Mat<double> product;
      const arma::mat x(test::random_matrix(k, 1, 9) / scale);
      system.A->apply_normal(x, product);
      M->solve(product.as_col(), z);
      BOOST_TEST(arma::norm(z - x) <= 0.8 * arma::norm(x));
    }
  }
}

BOOST_AUTO_TEST_CASE(single_precision_never_forms_the_sketch_in_double) {
  for (const Precision precision : {Precision::f64, Precision::f32, Precision::i8}) {
    const auto A = std::make_shared<const Asked>();
    build(system_of(A), {.size = 400, .precision = precision});
    BOOST_TEST(A->doubles == (precision == Precision::f64 ? 1 : 0));
    BOOST_TEST(A->singles == (precision == Precision::f64 ? 0 : 1));
  }
}

/// By rows, dense and sparse, and by the default.
BOOST_AUTO_TEST_CASE(operators_give_the_same_sketch_in_single_precision) {
  class Plain final : public Operator {
   public:
    explicit Plain(std::shared_ptr<const Operator> A) : A_(std::move(A)) {}
    Index rows() const override { return A_->rows(); }
    Index cols() const override { return A_->cols(); }
    void apply(const Mat<double>& X, Mat<double>& Y) const override { A_->apply(X, Y); }
    void apply_adjoint(const Mat<double>& X, Mat<double>& Y) const override { A_->apply_adjoint(X, Y); }

   private:
    std::shared_ptr<const Operator> A_;
  };
  const test::Data<double> data(N, k, true, true);
  const auto dense = scaled_rows(DataMatrix::from_rows(arma::mat(data.storage.head_rows(k))), data.scale, true);
  const auto sparse = scaled_rows(DataMatrix::from_rows(arma::sp_mat(data.columns)), data.scale, true);
  const auto S = sparse_sign_sketch()->make(400, N, Seed(1));
  arma::mat expected;
  S->apply(data.A, expected);
  for (const auto& A : {dense, sparse, std::shared_ptr<const Operator>(std::make_shared<Plain>(dense))}) {
    Mat<float> B(3, 3);
    A->sketch_single(*S, B);
    BOOST_TEST_REQUIRE(B.n_rows == k + 1);
    BOOST_TEST_REQUIRE(B.n_cols == 400u);
    BOOST_TEST(arma::abs(arma::conv_to<arma::mat>::from(B.t()) - expected).max() <= 1e-5 * arma::abs(expected).max());
  }
}

/// Not a number is nobody's range: double precision is tried, and says so.
BOOST_AUTO_TEST_CASE(a_sketch_that_is_not_finite_is_refused) {
  arma::mat C = test::random_matrix(k, N, 3);
  C(3, 17) = std::numeric_limits<double>::quiet_NaN();
  std::string why;
  const GramSystem system = system_of(scaled_rows(DataMatrix::from_rows(std::move(C))));
  BOOST_TEST(!sketched_preconditioner({.size = 400, .precision = Precision::f32})->build(system, 0, why));
  BOOST_TEST(why.find("not finite") != std::string::npos, why);
}

/// (s + k)k numbers of four bytes where A is known by its rows and the kind rounds as it goes; SA in both precisions elsewhere.
BOOST_AUTO_TEST_CASE(estimates_count_the_bytes_of_the_sketch) {
  const auto bytes = [](std::shared_ptr<const SketchKind> kind, Precision precision) {
    return sketched_preconditioner({.kind = std::move(kind), .size = 400, .precision = precision, .products = Precision::f64})
        ->estimate_build(scaled_system(1), Machine::nominal())
        .bytes;
  };
  for (const auto& kind : {count_sketch(), sparse_sign_sketch(), uniform_rows_sketch(), srht_sketch(), norm_rows_sketch()}) {
    BOOST_TEST(bytes(kind, Precision::f64) == 8.0 * 420 * 20);
    BOOST_TEST(bytes(kind, Precision::f32) == 4.0 * 420 * 20);
  }
  BOOST_TEST(bytes(gaussian_sketch(), Precision::f32) == 4.0 * 420 * 20 + 8.0 * 400 * 20);
}
