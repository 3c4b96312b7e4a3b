#include <raphson/core/error.hpp>
#include <raphson/core/seed.hpp>
#include <raphson/problems/standardize.hpp>

#include <boost/test/unit_test.hpp>

#include <cmath>
#include <limits>

using namespace raphson;

namespace {

arma::mat dense(const DataMatrix& C) { return C.is_sparse() ? arma::mat(C.sparse()).t() : arma::mat(C.dense().t()); }

bool close(const arma::mat& A, const arma::mat& B) { return arma::approx_equal(A, B, "absdiff", 1e-14); }

const arma::mat train = {{1, 10, 5}, {2, 30, 5}, {3, 20, 5}, {6, 20, 5}};
const Vec train_target = {1, 3, 5, 7};
// Means 3, 20, 5; population deviations sqrt(3.5), sqrt(50), none.
const arma::mat scaled = {
    {-2 / std::sqrt(3.5), -10 / std::sqrt(50.0), 0}, {-1 / std::sqrt(3.5), 10 / std::sqrt(50.0), 0}, {0, 0, 0}, {3 / std::sqrt(3.5), 0, 0}};

}  // namespace

BOOST_AUTO_TEST_CASE(columns_by_population_deviation) {
  Standardization s{.constant = false, .unit_rows = false};
  s.fit(train, train_target);
  BOOST_TEST(close(dense(s.features(train)), scaled));
  BOOST_TEST(s.deviation(2) == 1);
  BOOST_TEST(s.target_mean(0) == 4);
  BOOST_TEST(s.target_deviation(0) == std::sqrt(5.0), boost::test_tools::tolerance(1e-15));
  BOOST_TEST(close(s.targets(train_target), Vec{-3, -1, 1, 3} / std::sqrt(5.0)));
  BOOST_TEST(close(s.undo_targets(s.targets(train_target)), train_target));
  BOOST_TEST(s.text() == "columns standardized, target standardized (mean 4, deviation 2.23607)");
}

BOOST_AUTO_TEST_CASE(constant_then_unit_rows) {
  Standardization s;
  s.fit(train, train_target);
  const arma::mat Z = dense(s.features(train));
  BOOST_REQUIRE_EQUAL(Z.n_cols, 4u);
  for (Index i = 0; i < 4; ++i) {
    arma::rowvec expected = arma::join_rows(scaled.row(i), arma::rowvec{1});
    BOOST_TEST(close(Z.row(i), expected / arma::norm(expected)));
  }
}

BOOST_AUTO_TEST_CASE(new_data_use_what_training_taught) {
  Standardization s{.constant = false, .unit_rows = false};
  s.fit(train, train_target);
  const arma::mat fresh = {{3, 20, 7}, {1000, 20, 5}};
  BOOST_TEST(close(dense(s.features(fresh)), {{0, 0, 2}, {997 / std::sqrt(3.5), 0, 0}}));
}

BOOST_AUTO_TEST_CASE(zero_rows_and_rounded_constants_stay_finite) {
  Standardization s{.constant = false};
  const arma::mat X = {{0.1, 1}, {0.1, 3}, {0.1, 2}};  // the mean of 0.1, 0.1, 0.1 is not 0.1 exactly
  s.fit(X, Vec{1, 1, 1});
  BOOST_TEST(s.deviation(0) == 1);
  BOOST_TEST(s.target_deviation(0) == 1);
  const arma::mat Z = dense(s.features(X));
  BOOST_TEST(Z.is_finite());
  BOOST_TEST(std::abs(Z(1, 1)) == 1);
  Standardization rows{.columns = false, .constant = false};
  rows.fit(arma::mat{{0, 0}, {3, 4}}, Vec{1, 2});
  BOOST_TEST(close(dense(rows.features(arma::mat{{0, 0}, {3, 4}})), {{0, 0}, {0.6, 0.8}}));
}

BOOST_AUTO_TEST_CASE(sparse_data_stay_sparse) {
  arma::sp_mat X(3, 4);
  X(0, 1) = 3;
  X(0, 3) = 4;
  X(2, 0) = -2;
  Standardization s{.constant = false};
  s.fit(X, Vec{1, 2, 3});
  const DataMatrix Z = s.features(X);
  BOOST_REQUIRE(Z.is_sparse());
  BOOST_TEST(Z.nonzeros() == 3u);
  BOOST_TEST(close(dense(Z), {{0, 0.6, 0, 0.8}, {0, 0, 0, 0}, {-1, 0, 0, 0}}));
  BOOST_TEST(s.text().find("columns as they are (the data are sparse)") == 0);

  Standardization with_constant;
  with_constant.fit(X, Vec{1, 2, 3});
  const DataMatrix W = with_constant.features(X);
  BOOST_TEST(W.nonzeros() == 6u);
  BOOST_TEST(close(dense(W).row(1), arma::rowvec{0, 0, 0, 0, 1}));
  BOOST_TEST(close(dense(W).row(0), arma::rowvec{0, 3, 0, 4, 1} / std::sqrt(26.0)));
}

BOOST_AUTO_TEST_CASE(everything_off_changes_nothing) {
  Standardization s{.columns = false, .constant = false, .unit_rows = false, .target = false};
  s.fit(train, {});
  BOOST_TEST(close(dense(s.features(train)), train));
  BOOST_TEST(close(s.targets(train_target), train_target));
  BOOST_TEST(s.text() == "data and target as they are");
}

BOOST_AUTO_TEST_CASE(each_target_has_its_own_scale) {
  Standardization s;
  const arma::mat Y = arma::join_rows(train_target, -100 * train_target + 7);
  s.fit(train, Y);
  BOOST_TEST(s.target_mean(0) == 4);
  BOOST_TEST(s.target_mean(1) == -393);
  BOOST_TEST(close(s.targets(Y).col(1), -s.targets(Y).col(0)));
  BOOST_TEST(close(s.undo_targets(s.targets(Y)), Y));
  BOOST_TEST(s.text().ends_with("each target standardized"));
  BOOST_CHECK_THROW(s.targets(train_target), InputError);
  BOOST_CHECK_THROW(s.undo_targets(train_target), InputError);
}

BOOST_AUTO_TEST_CASE(mistakes) {
  Standardization s;
  BOOST_CHECK_THROW(s.features(train), InputError);
  BOOST_CHECK_THROW(s.fit(train, {1, 2}), InputError);
  BOOST_CHECK_THROW(s.fit(arma::mat(0, 3), {}), InputError);
  arma::mat bad = train;
  bad(1, 2) = std::numeric_limits<double>::quiet_NaN();
  BOOST_CHECK_THROW(s.fit(bad, train_target), InputError);
  BOOST_CHECK_THROW(s.fit(train, {1, 2, 3, std::numeric_limits<double>::infinity()}), InputError);
  s.fit(train, train_target);
  BOOST_CHECK_THROW(s.features(arma::mat(4, 2, arma::fill::ones)), InputError);
  BOOST_CHECK_THROW(s.features(arma::sp_mat(4, 3)), InputError);
}
