/// What each kind of sketch promises beyond the contract.

#include <raphson/core/error.hpp>
#include <raphson/core/threads.hpp>
#include <raphson/solvers/sketches/sketches.hpp>
#include <support/sketching.hpp>

#include <array>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstring>
#include <numbers>

namespace {

using namespace raphson;

arma::mat draw(const SketchKind& kind, Index s, Index N, std::uint64_t seed) {
  arma::mat S;
  kind.make(s, N, Seed(seed))->apply(arma::mat(N, N, arma::fill::eye), S);
  return S;
}

double off(const arma::mat& X, const arma::mat& Y) { return arma::abs(X - Y).max(); }

/// Products of the tests themselves: OpenBLAS's own threads are invisible to ThreadSanitizer.
struct OneBlasThread {
  SingleThreadedBlas blas;
};
BOOST_GLOBAL_FIXTURE(OneBlasThread);

}  // namespace

BOOST_AUTO_TEST_CASE(count_sketch_has_one_sign_a_column_spread_evenly) {
  constexpr Index s = 20, N = 2000;
  const arma::mat S = draw(*count_sketch(), s, N, 4);
  BOOST_TEST(arma::all(arma::sum(S != 0) == 1));
  BOOST_TEST(arma::all(arma::sum(arma::abs(S)) == 1.0));
  const arma::rowvec sign = arma::sum(S);
  BOOST_TEST(std::abs(arma::accu(sign)) <= 5 * std::sqrt(double(N)));
  for (const Index lag : {1u, 2u, 32u, 64u, 128u})
    BOOST_TEST(std::abs(arma::dot(sign.head(N - lag), sign.tail(N - lag))) <= 5 * std::sqrt(double(N)), "signs repeat after " << lag);
  const arma::vec load = arma::sum(arma::abs(S), 1);
  const double chi_squared = arma::accu(arma::square(load - double(N) / s)) / (double(N) / s);
  BOOST_TEST(chi_squared <= 19 + 5 * std::sqrt(2.0 * 19));
  BOOST_TEST(chi_squared >= 3.0);  // no law of chance fills buckets this evenly (1e-5)
}

BOOST_AUTO_TEST_CASE(sparse_sign_has_its_nonzeros_in_distinct_rows) {
  for (const Index nonzeros : {Index{1}, Index{3}, Index{8}, Index{70}}) {
    const Index s = nonzeros < 20 ? 20 : 90, N = 1000;
    const arma::mat S = draw(*sparse_sign_sketch(nonzeros), s, N, 4);
    BOOST_TEST(arma::all(arma::sum(S != 0) == nonzeros));
    const arma::vec entries = arma::nonzeros(arma::abs(S));
    BOOST_TEST(arma::abs(entries - 1 / std::sqrt(double(nonzeros))).max() <= 1e-15);
    BOOST_TEST(std::abs(arma::accu(arma::sign(S))) <= 5 * std::sqrt(double(N * nonzeros)));
    const arma::vec load = arma::conv_to<arma::vec>::from(arma::sum(S != 0, 1));
    const double p = double(nonzeros) / double(s);
    BOOST_TEST(arma::abs(load - double(N) * p).max() <= 5 * std::sqrt(double(N) * p * (1 - p)));
  }
}

BOOST_AUTO_TEST_CASE(sparse_sign_fills_sketches_smaller_than_its_nonzeros) {
  const arma::mat S = draw(*sparse_sign_sketch(8), 3, 10, 4);
  BOOST_TEST(off(arma::abs(S), arma::mat(3, 10, arma::fill::value(1 / std::sqrt(3.0)))) <= 1e-15);
  BOOST_CHECK_THROW(sparse_sign_sketch(0), InputError);
}

BOOST_AUTO_TEST_CASE(uniform_rows_are_distinct_and_all_of_them_are_the_identity) {
  const arma::mat S = draw(*uniform_rows_sketch(), 30, 120, 4);
  BOOST_TEST(off(S * S.t(), 4 * arma::eye(30, 30)) <= 1e-12);
  BOOST_TEST(arma::all(arma::sum(S != 0, 1) == 1));
  BOOST_TEST(off(draw(*uniform_rows_sketch(), 50, 50, 4), arma::eye(50, 50)) == 0.0);
}

BOOST_AUTO_TEST_CASE(srht_has_entries_of_one_size_and_orthogonal_rows) {
  for (const Index N : std::initializer_list<Index>{1, 2, 4, 8, 32, 64, 77}) {
    const Index s = (N + 1) / 2;
    const arma::mat S = draw(*srht_sketch(), s, N, 4);
    BOOST_TEST(off(arma::abs(S), arma::mat(s, N, arma::fill::value(1 / std::sqrt(double(s))))) <= 1e-14);
    if (N != 77) BOOST_TEST(off(S * S.t(), double(N) / double(s) * arma::eye(s, s)) <= 1e-12, "N = " << N);
  }
}

BOOST_AUTO_TEST_CASE(fourier_is_the_orthonormal_cosine_transform_of_signed_rows) {
  std::shared_ptr<const SketchKind> kind;
  try {
    kind = fourier_sketch();
  } catch (const InputError& e) {
    BOOST_TEST(std::strstr(e.what(), "RAPHSON_WITH_FFTW") != nullptr);
    return;
  }
  for (const Index N : {Index{1}, Index{2}, Index{30}, Index{64}, Index{135}}) {  // lengths 2^a 3^b 5^c: no padding
    const arma::mat S = draw(*kind, N, N, 4);
    arma::mat cosines(N, N);
    for (Index t = 0; t < N; ++t)
      for (Index i = 0; i < N; ++i)
        cosines(t, i) =
            std::sqrt((t == 0 ? 1.0 : 2.0) / double(N)) * std::cos(std::numbers::pi * (double(i) + 0.5) * double(t) / double(N));
    BOOST_TEST(off(arma::abs(S), arma::abs(cosines)) <= 1e-12, "N = " << N);
    BOOST_TEST(off(S * S.t(), arma::eye(N, N)) <= 1e-12, "N = " << N);
  }
  const arma::mat padded = draw(*kind, 200, 211, 4);  // to 216 rows
  BOOST_TEST(arma::abs(padded).max() <= std::sqrt(2.0 / 200) + 1e-12);
  BOOST_TEST(off(draw(*kind, 211, 211, 4), draw(*kind, 211, 211, 4)) == 0.0);
}

BOOST_AUTO_TEST_CASE(plans_of_the_fourier_sketch_may_be_made_on_several_threads) {
  std::shared_ptr<const SketchKind> kind;
  try {
    kind = fourier_sketch();
  } catch (const InputError&) {
    return;
  }
  const ThreadScope scope(4);
  std::vector<arma::mat> S(24);
  parallel_for(S.size(), [&](Index i) { S[i] = draw(*kind, 20, 100 + i % 3, 7); });
  for (Index i = 3; i < S.size(); ++i) BOOST_TEST(off(S[i], S[i % 3]) == 0.0);
}

BOOST_AUTO_TEST_CASE(gaussian_entries_are_normal_with_variance_one_over_s) {
  constexpr Index s = 100, N = 400;
  const arma::vec z = arma::vectorise(draw(*gaussian_sketch(), s, N, 4)) * std::sqrt(double(s));
  const double count = double(z.n_elem);
  BOOST_TEST(std::abs(arma::mean(z)) <= 5 / std::sqrt(count));
  BOOST_TEST(std::abs(arma::mean(arma::square(z)) - 1) <= 5 * std::sqrt(2 / count));
  BOOST_TEST(std::abs(arma::mean(arma::vec(arma::pow(z, 4))) - 3) <= 5 * std::sqrt(96 / count));
  BOOST_TEST(arma::vec(arma::unique(z)).n_elem == z.n_elem);  // no number is used twice
}

BOOST_AUTO_TEST_CASE(sparse_kinds_touch_only_what_is_stored) {
  // A missing entry is not a zero times something: an infinite value in one row reaches only the rows of S A that hold it.
  arma::mat A(50, 3, arma::fill::ones);
  A(7, 1) = std::numeric_limits<double>::infinity();
  for (const auto& kind : {count_sketch(), sparse_sign_sketch(4)}) {
    const arma::mat S = draw(*kind, 20, 50, 4);
    arma::mat Y;
    kind->make(20, 50, Seed(4))->apply(A, Y);
    for (Index r = 0; r < 20; ++r) BOOST_TEST(std::isfinite(Y(r, 1)) == (S(r, 7) == 0));
  }
}

namespace {

/// (S A)ᵀ of dense rows in Out on 1 and 3 threads, beside that of sparse rows in Real.
template <class Real, class Out>
void check_tiles(const SketchKind& kind, Index s, Index N, Index d, double tolerance) {
  const test::Data<Real> data(N, d, true, true);
  const auto S = [&] {
    if constexpr (sizeof(Real) == 4) return kind.make_single(s, N, Seed(5));
    if constexpr (sizeof(Real) == 8) return kind.make(s, N, Seed(5));
  }();
  Mat<Out> dense[2];
  for (const int i : {0, 1}) {
    const ThreadScope scope(1 + 2 * i);
    if constexpr (sizeof(Out) == sizeof(Real)) S->apply_rows(data.dense(), dense[i]);
    if constexpr (sizeof(Out) < sizeof(Real)) S->apply_rows_single(data.dense(), dense[i]);
  }
  BOOST_TEST(std::memcmp(dense[0].memptr(), dense[1].memptr(), dense[0].n_elem * sizeof(Out)) == 0);
  Mat<Real> sparse;
  S->apply_rows(data.sparse(), sparse);
  BOOST_TEST(off(arma::conv_to<arma::mat>::from(dense[0]), arma::conv_to<arma::mat>::from(sparse)) <=
             tolerance * double(arma::abs(sparse).max()));
}

}  // namespace

/// Tiles of every length, the last one shorter; one strip of columns and several, the last one narrower than a vector; all rows in one
/// part and in several; and S with so many rows, or so few entries, that whole rows are gathered.
BOOST_AUTO_TEST_CASE(tiles_and_whole_rows_add_up_to_the_same_sketch) {
  for (const Index nonzeros : {Index{1}, Index{2}, Index{3}, Index{8}}) {
    for (const auto& [s, N, d] :
         {std::array<Index, 3>{40, 20000, 19}, {3000, 20000, 37}, {300, 3000, 131}, {9000, 9500, 70}, {30000, 31000, 5}, {5, 5, 1}}) {
      BOOST_TEST_INFO_SCOPE("nonzeros " << nonzeros << ", s " << s << ", N " << N << ", d " << d);
      check_tiles<double, double>(*sparse_sign_sketch(nonzeros), s, N, d, 1e-13);
      check_tiles<float, float>(*sparse_sign_sketch(nonzeros), s, N, d, 3e-6);
      check_tiles<double, float>(*sparse_sign_sketch(nonzeros), s, N, d, 3e-6);
    }
  }
}
