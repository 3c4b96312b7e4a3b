// Every operator passes the same checks: one row in `rows()`.
#include <raphson/core/data_matrix.hpp>
#include <raphson/core/error.hpp>
#include <raphson/core/function_operator.hpp>
#include <raphson/core/threads.hpp>
#include <raphson/models/two_layer_relu.hpp>

#include <fmt/format.h>
#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

using namespace raphson;

namespace {

/// An operator beside the matrix that it should be.
struct Row {
  std::string name;
  std::shared_ptr<const Operator> A;
  arma::mat reference;
  bool shares_work = false;  ///< a product costs less than two flops for each nonzero
};
std::ostream& operator<<(std::ostream& out, const Row& row) { return out << row.name; }

arma::mat random(Index rows, Index cols, std::uint64_t key) {
  arma::mat A(rows, cols);
  Seed{key}.normal(0, std::span<double>(A.memptr(), A.n_elem));
  return A;
}

arma::sp_mat random_sparse(Index rows, Index cols, std::uint64_t key) {
  arma::mat A = random(rows, cols, key);
  A.transform([](double v) { return std::abs(v) < 1.3 ? 0.0 : v; });
  return arma::sp_mat(A);
}

arma::mat with(const arma::mat& C, const Vec& scale, bool constant) {
  arma::mat A = constant ? arma::join_rows(C, arma::mat(C.n_rows, 1, arma::fill::ones)).eval() : C;
  return scale.is_empty() ? A : (arma::diagmat(scale) * A).eval();
}

/// Jᵀ or J of a net with so many outputs at its initial weights.
Row network(Index n, Index d, Index width, Index outputs, Activation activation) {
  const arma::mat X = random(n, d, 5);
  const TwoLayerRelu model(DataMatrix(X), random(n, outputs, 6), {.width = width, .activation = activation, .seed = 7});
  const Vec W = model.initial_weights();
  const arma::mat Z = X * arma::mat(W.memptr(), d, width);
  arma::mat J(n * outputs, d * width);
  for (Index i = 0; i < n; ++i) {
    for (Index r = 0; r < width; ++r) {
      const bool relu = activation.kind == Activation::Kind::relu;
      const double slope = relu ? (Z(i, r) >= 0 ? 1.0 : 0.0) : 1 / (1 + std::exp(-activation.sharpness * Z(i, r)));
      for (Index c = 0; c < outputs; ++c) {
        J(c * n + i, arma::span(r * d, r * d + d - 1)) = model.output_signs()(r, c) * slope / std::sqrt(double(width)) * X.row(i);
      }
    }
  }
  const bool wide = J.n_cols >= J.n_rows;
  return {fmt::format("network of {} outputs, {}, {} x {}", outputs, model.name(), J.n_rows, J.n_cols), model.linearize(W)->matrix(),
          wide ? arma::mat(J.t()) : J, true};
}

std::vector<Row> rows() {
  std::vector<Row> table;
  for (const auto& [n, d] : {std::pair<Index, Index>{1, 1}, {37, 5}, {1500, 20}, {2500, 210}, {5, 9}}) {
    for (const bool constant : {false, true}) {
      for (const bool scaled : {false, true}) {
        const Vec scale = scaled ? Vec(arma::abs(random(n, 1, 3).as_col())) : Vec{};
        const std::string text = std::to_string(n) + "x" + std::to_string(d) + (constant ? "+1" : "") + (scaled ? " scaled" : "");
        const arma::mat C = random(n, d, 1);
        table.push_back({"dense " + text, scaled_rows(DataMatrix(C), scale, constant), with(C, scale, constant)});
        const arma::sp_mat S = random_sparse(n, d, 2);
        table.push_back({"sparse " + text, scaled_rows(DataMatrix(S), scale, constant), with(arma::mat(S), scale, constant)});
      }
    }
  }
  const arma::mat C = random(90, 17, 5);
  table.push_back({"function",
                   std::make_shared<FunctionOperator>(
                       90, 17, [C](const Vec& x, Vec& y) { y = C * x; }, [C](const Vec& x, Vec& y) { y = C.t() * x; }),
                   C});
  for (const Index outputs : {1u, 3u}) {
    for (const Activation& activation : {Activation::relu(), Activation::softplus(2)}) {
      for (const Index width : {10u, 140u}) table.push_back(network(60, 4, width, outputs, activation));
    }
  }
  return table;
}

double distance(const arma::mat& A, const arma::mat& B) {
  BOOST_REQUIRE(A.n_rows == B.n_rows);
  BOOST_REQUIRE(A.n_cols == B.n_cols);
  return arma::norm(A - B, "fro") / (1 + arma::norm(B, "fro"));
}

}  // namespace

BOOST_DATA_TEST_CASE(products_agree_with_the_matrix, boost::unit_test::data::make(rows()), row) {
  const arma::mat& M = row.reference;
  const Operator& A = *row.A;
  BOOST_REQUIRE(A.rows() == M.n_rows);
  BOOST_REQUIRE(A.cols() == M.n_cols);
  arma::mat Y;
  for (const Index p : {1u, 3u}) {
    const arma::mat X = random(M.n_cols, p, 7), Z = random(M.n_rows, p, 8);
    A.apply(X, Y);
    BOOST_TEST(distance(Y, M * X) < 1e-13);
    A.apply_adjoint(Z, Y);
    BOOST_TEST(distance(Y, M.t() * Z) < 1e-13);
    A.apply_normal(X, Y);
    BOOST_TEST(distance(Y, M.t() * (M * X)) < 1e-13);
  }
  A.gram(Y);
  BOOST_TEST(distance(Y, M.t() * M) < 1e-13);
  BOOST_TEST(distance(Y, Y.t()) == 0);
  Vec g;
  A.gram_diagonal(g);
  BOOST_TEST(distance(g, (M.t() * M).eval().diag()) < 1e-13);
  const std::vector<Index> index{M.n_rows - 1, 0, M.n_rows / 2};
  A.gather_rows(index, Y);
  for (Index i = 0; i < index.size(); ++i) BOOST_TEST(distance(Y.col(i), M.row(index[i]).t()) < 1e-14);
  arma::fmat sample;
  A.sampled_gram(index, sample);
  const arma::mat drawn = M.rows(arma::uvec{index[0], index[1], index[2]});
  BOOST_TEST(distance(arma::conv_to<arma::mat>::from(sample), drawn.t() * drawn) < 1e-6);
  if (A.has_sparse_gram()) {
    arma::sp_mat G;
    A.sparse_gram(G);
    BOOST_TEST(distance(arma::mat(G), M.t() * M) < 1e-13);
  } else {
    arma::sp_mat G;
    BOOST_CHECK_THROW(A.sparse_gram(G), InputError);
  }
  BOOST_TEST(A.non_finite().empty());
  if (!row.shares_work) BOOST_TEST(A.cost().apply.flops >= 2 * static_cast<double>(arma::accu(M != 0)));
}

BOOST_DATA_TEST_CASE(single_precision_is_the_same_operator, boost::unit_test::data::make(rows()), row) {
  const auto single = row.A->single();
  BOOST_TEST((single != nullptr) == (row.name != "function"));
  if (!single) return;
  const arma::fmat X = arma::conv_to<arma::fmat>::from(random(row.reference.n_cols, 2, 7));
  arma::fmat Y;
  single->apply_normal(X, Y);
  BOOST_TEST(distance(arma::conv_to<arma::mat>::from(Y), row.reference.t() * (row.reference * arma::conv_to<arma::mat>::from(X))) < 1e-5);
  single->gram(Y);
  BOOST_TEST(distance(arma::conv_to<arma::mat>::from(Y), row.reference.t() * row.reference) < 1e-5);
}

BOOST_DATA_TEST_CASE(eleven_bits_are_nearly_the_same_operator, boost::unit_test::data::make(rows()), row) {
  const auto half = row.A->half();
  if (!half) return;
  BOOST_TEST(row.A->cost().half);
  const arma::fmat X = arma::conv_to<arma::fmat>::from(random(row.reference.n_cols, 2, 7));
  const arma::fmat U = arma::conv_to<arma::fmat>::from(random(row.reference.n_rows, 2, 8));
  const auto far = [](const arma::fmat& Y, const arma::mat& exact) { return distance(arma::conv_to<arma::mat>::from(Y), exact); };
  const arma::mat AX = row.reference * arma::conv_to<arma::mat>::from(X);
  arma::fmat Y;
  half->apply(X, Y);
  BOOST_TEST(far(Y, AX) < 1e-3);
  half->apply_adjoint(U, Y);
  BOOST_TEST(far(Y, row.reference.t() * arma::conv_to<arma::mat>::from(U)) < 1e-3);
  half->apply_normal(X, Y);
  BOOST_TEST(far(Y, row.reference.t() * AX) < 1e-3);
  const auto bits = [&](int threads) {
    const ThreadScope scope(threads);
    half->apply_normal(X, Y);
    return std::vector<float>(Y.begin(), Y.end());
  };
  BOOST_TEST(bits(1) == bits(3));
}

BOOST_DATA_TEST_CASE(same_bits_for_any_thread_count, boost::unit_test::data::make(rows()), row) {
  const auto run = [&](int threads) {
    const ThreadScope scope(threads);
    std::vector<arma::mat> results(4);
    row.A->apply(random(row.reference.n_cols, 2, 7), results[0]);
    row.A->apply_adjoint(random(row.reference.n_rows, 2, 8), results[1]);
    row.A->apply_normal(random(row.reference.n_cols, 1, 9), results[2]);
    row.A->gram(results[3]);
    return results;
  };
  const auto one = run(1);
  for (const int threads : {2, 4}) {
    const auto other = run(threads);
    for (Index i = 0; i < one.size(); ++i) BOOST_TEST(std::equal(one[i].begin(), one[i].end(), other[i].begin()));
  }
}

BOOST_AUTO_TEST_CASE(a_sparse_gram_keeps_its_pattern) {
  const arma::sp_mat C = random_sparse(200, 30, 4);
  arma::sp_mat G, H;
  scaled_rows(DataMatrix(C), {}, true)->sparse_gram(G);
  // Zero weights remove values, not positions.
  Vec scale(200, arma::fill::zeros);
  scale[7] = 1;
  const DataMatrix data(C);
  scaled_rows(data, scale, true)->sparse_gram(H);
  BOOST_TEST(G.n_nonzero == H.n_nonzero);
  BOOST_TEST(std::equal(G.row_indices, G.row_indices + G.n_nonzero, H.row_indices));
}

BOOST_AUTO_TEST_CASE(data_are_found_however_they_came) {
  const arma::mat C = random(12, 5, 1);
  const arma::mat columns = C.t();
  const DataMatrix by_copy(C), by_view(points_as_columns(columns)), by_rows = DataMatrix::from_rows(arma::mat(C.t()));
  BOOST_TEST(by_view.dense().memptr() == columns.memptr());
  for (const DataMatrix& data : {by_copy, by_view, by_rows}) {
    BOOST_TEST(data.rows() == 12u);
    BOOST_TEST(data.cols() == 5u);
    for (Index i = 0; i < 12; ++i) {
      for (Index j = 0; j < 5; ++j) BOOST_REQUIRE(data.at(i, j) == C(i, j));
    }
  }
  const arma::sp_mat S = random_sparse(12, 5, 3);
  const DataMatrix sparse(S);
  BOOST_TEST(distance(arma::mat(sparse.sparse().t()), arma::mat(S)) == 0);
  const std::vector<Index> index{3, 3, 11};
  for (const DataMatrix& data : {by_copy, sparse}) {
    const DataMatrix chosen = data.select_rows(index);
    for (Index i = 0; i < index.size(); ++i) {
      for (Index j = 0; j < 5; ++j) BOOST_TEST(chosen.at(i, j) == data.at(index[i], j));
    }
  }
  BOOST_CHECK_THROW(by_copy.at(12, 0), InputError);
  BOOST_CHECK_THROW(by_copy.select_rows({12}), InputError);
  BOOST_CHECK_THROW(by_copy.sparse(), InputError);
}

BOOST_AUTO_TEST_CASE(non_finite_data_are_named) {
  arma::mat C = random(20, 6, 1);
  C(17, 4) = arma::datum::nan;
  C(18, 0) = arma::datum::inf;
  C(18, 1) = arma::datum::inf;
  const auto text = [](const auto& action) {
    try {
      action();
    } catch (const InputError& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  BOOST_TEST(text([&] { require_finite(DataMatrix(C), "A"); }) ==
             "A has 3 non-finite values; first at row 17, column 4 (nan). Remove or impute those rows.");
  BOOST_TEST(scaled_rows(DataMatrix(C))->non_finite() == "row 17, column 4 (nan)");
  BOOST_TEST(text([&] { require_nonempty(DataMatrix(arma::mat(0, 12)), "A"); }) == "A is 0 x 12: no observations.");
}
