#include <raphson/core/error.hpp>
#include <raphson/core/large_memory.hpp>
#include <raphson/core/threads.hpp>
#include <raphson/problems/generators.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>

namespace raphson {
namespace {

// Independent streams of one seed.
enum Stream : std::uint64_t { entries, patterns, coefficients, coherent, labels, left_factor, right_factor, residual };

Seed stream(Seed seed, Stream which) { return seed.split(Purpose::data, which); }

void require(bool holds, const char* option, double value, const char* range) {
  if (!holds) throw InputError(fmt::format("generator: {} = {}, expected {}.", option, value, range));
}

void check(const GeneratorOptions& o) {
  if (o.rows == 0 || o.columns == 0) throw InputError(fmt::format("generator: {} x {} data are empty.", o.rows, o.columns));
  require(std::isfinite(o.scale_span) && o.scale_span >= 1, "scale_span", o.scale_span, "a number >= 1");
  require(o.correlation >= 0 && o.correlation < 1, "correlation", o.correlation, "a number in [0, 1)");
  require(o.coherence >= 0 && o.coherence <= 1, "coherence", o.coherence, "a number in [0, 1]");
  require(o.density > 0 && o.density <= 1, "density", o.density, "a number in (0, 1]");
  require(std::isfinite(o.noise) && o.noise >= 0, "noise", o.noise, "a number >= 0");
}

Vec normal_vector(Index count, Seed seed) {
  Vec x(count, arma::fill::none);
  seed.normal(0, {x.memptr(), count});
  return x;
}

// first, ..., last with equal ratios.
Vec log_spaced(double last, Index count) {
  Vec s(count, arma::fill::ones);
  for (Index j = 1; j < count; ++j) s(j) = std::pow(last, static_cast<double>(j) / static_cast<double>(count - 1));
  return s;
}

Vec column_scales(const GeneratorOptions& o) {
  Vec scale = log_spaced(1 / o.scale_span, o.columns);
  const Seed shuffle = Seed(o.seed).split(Purpose::shuffle);
  for (Index j = o.columns; j > 1; --j) std::swap(scale(j - 1), scale(shuffle.below(j, j)));
  return scale;
}

void for_rows(Index rows, const std::function<void(Index row)>& task) {
  const Blocks blocks = cut(rows, 64, 1024);
  parallel_for(blocks.count(), [&](Index block) {
    for (Index i = blocks.begin(block); i < blocks.end(block); ++i) task(i);
  });
}

// x becomes an AR(1) process of unit variance.
void correlate(std::span<double> x, double correlation) {
  const double fresh = std::sqrt(1 - correlation * correlation);
  for (Index j = 1; j < x.size(); ++j) x[j] = correlation * x[j - 1] + fresh * x[j];
}

// Row i of the data stores `stored` numbers at values[i·stored], which belong to columns column(i, 0), column(i, 1), ...
template <class Column>
void fill_rows(double* values, Index stored, const GeneratorOptions& o, const Vec& scale, const Column& column) {
  const Seed seed(o.seed);
  const Seed numbers = stream(seed, entries);
  for_rows(o.rows, [&](Index i) {
    const std::span<double> row(values + i * stored, stored);
    numbers.normal(i * stored, row);
    correlate(row, o.correlation);
    for (Index e = 0; e < stored; ++e) row[e] *= scale(column(i, e));
  });
  const double large = 10 * std::sqrt(static_cast<double>(o.rows));
  const auto count = static_cast<Index>(std::llround(o.coherence * static_cast<double>(o.rows)));
  Index e = 0;
  for (const Index i : stream(seed, coherent).sample_without_replacement(o.rows, count)) {
    values[i * stored + e] = large * scale(column(i, e));
    e = (e + 1) % stored;
  }
}

DataMatrix generate_data(const GeneratorOptions& o, const Vec& scale) {
  const Index n = o.rows, d = o.columns;
  if (o.density == 1) {
    auto X = raw_matrix<double>(d, n);
    fill_rows(X.memptr(), d, o, scale, [](Index, Index e) { return e; });
    return DataMatrix::from_rows(std::move(X));
  }
  const Index stored = std::max<Index>(1, static_cast<Index>(std::llround(o.density * static_cast<double>(d))));
  arma::uvec column(n * stored, arma::fill::none), begin(n + 1, arma::fill::none);
  const Seed pattern = stream(Seed(o.seed), patterns);
  for (Index i = 0; i <= n; ++i) begin(i) = i * stored;
  for_rows(n, [&](Index i) {
    const std::vector<Index> chosen = pattern.split(Purpose::data, i).sample_without_replacement(d, stored);
    std::copy(chosen.begin(), chosen.end(), column.begin() + static_cast<std::ptrdiff_t>(i * stored));
  });
  Vec values(n * stored, arma::fill::none);
  fill_rows(values.memptr(), stored, o, scale, [&](Index i, Index e) { return column(i * stored + e); });
  return DataMatrix::from_rows(arma::sp_mat(column, begin, values, d, n));
}

// Data and truth; y holds the margins Cx*.
Generated generate_margins(const GeneratorOptions& o) {
  check(o);
  const Vec scale = column_scales(o);
  Generated problem{generate_data(o, scale), {}, normal_vector(o.columns, stream(Seed(o.seed), coefficients)) / scale};
  problem.y = problem.C.multiply(problem.truth);
  constexpr double median_of_normal = 0.67448975019608171;  // of |z|, z standard normal
  const double median = arma::median(arma::abs(problem.y));
  const double factor = median > 0 ? median_of_normal / median : 1;
  problem.truth *= factor;
  problem.y *= factor;
  return problem;
}

// Inversion: the smallest k with P(Y ≤ k) > uniform. For rates up to a few hundred.
double poisson_quantile(double rate, double uniform) {
  double probability = std::exp(-rate), cumulative = probability, k = 0;
  while (cumulative <= uniform && probability > 0) {
    k += 1;
    probability *= rate / k;
    cumulative += probability;
  }
  return k;
}

// An n × k matrix with orthonormal columns. One BLAS thread: the same bits on every machine with the same library.
arma::mat orthonormal(Index n, Index k, Seed seed) {
  arma::mat G(n, k, arma::fill::none), Q, R;
  seed.normal(0, {G.memptr(), G.n_elem});
  if (!arma::qr_econ(Q, R, G)) throw std::runtime_error("QR factorization of a Gaussian matrix failed.");
  return Q;
}

}  // namespace

Generated generate_regression(const GeneratorOptions& options) {
  Generated problem = generate_margins(options);
  problem.y += options.noise * normal_vector(options.rows, Seed(options.seed).split(Purpose::noise));
  return problem;
}

Generated generate_classification(const GeneratorOptions& options) {
  Generated problem = generate_margins(options);
  const Seed draw = stream(Seed(options.seed), labels);
  for (Index i = 0; i < options.rows; ++i) problem.y(i) = draw.uniform(i) < 1 / (1 + std::exp(-problem.y(i))) ? 1 : -1;
  return problem;
}

Generated generate_counts(const GeneratorOptions& options) {
  Generated problem = generate_margins(options);
  constexpr double largest = 4;
  const double factor = std::min(1.0, largest / arma::abs(problem.y).max());
  problem.truth *= factor;
  const Seed draw = stream(Seed(options.seed), labels);
  for (Index i = 0; i < options.rows; ++i) problem.y(i) = poisson_quantile(std::exp(factor * problem.y(i)), draw.uniform(i));
  return problem;
}

Generated generate_least_squares(Index rows, Index columns, double condition, double residual_norm, Seed seed) {
  if (columns == 0 || rows < columns)
    throw InputError(fmt::format("generator: least squares needs n >= d >= 1, not {} x {}.", rows, columns));
  require(std::isfinite(condition) && condition >= 1, "condition", condition, "a number >= 1");
  require(std::isfinite(residual_norm) && residual_norm >= 0, "residual_norm", residual_norm, "a number >= 0");
  require(rows > columns || residual_norm == 0, "residual_norm", residual_norm, "0 for square data, which fit every target");
  const SingleThreadedBlas guard;
  arma::mat U = orthonormal(rows, columns, stream(seed, left_factor));
  Vec e(rows, arma::fill::zeros);
  if (residual_norm > 0) {
    e = normal_vector(rows, stream(seed, residual));
    for (int pass = 0; pass < 2; ++pass) e -= U * (U.t() * e);
    e *= residual_norm / arma::norm(e);
  }
  U.each_row() %= log_spaced(1 / condition, columns).t();
  arma::mat C = U * orthonormal(columns, columns, stream(seed, right_factor)).t();
  const Vec truth = normal_vector(columns, stream(seed, coefficients));
  const Vec y = C * truth + e;
  return {DataMatrix(std::move(C)), y, truth};
}

Generated generate_sphere(Index rows, Index columns, Seed seed) {
  if (rows == 0 || columns == 0) throw InputError(fmt::format("generator: {} x {} data are empty.", rows, columns));
  auto X = raw_matrix<double>(columns, rows);
  const Seed numbers = stream(seed, entries);
  for_rows(rows, [&](Index i) {
    numbers.normal(i * columns, {X.colptr(i), columns});
    X.col(i) /= arma::norm(X.col(i));
  });
  const Vec u = arma::normalise(normal_vector(columns, stream(seed, coefficients)));
  const Vec v = arma::normalise(normal_vector(columns, stream(seed, residual)));
  const DataMatrix data = DataMatrix::from_rows(std::move(X));
  return {data, arma::sin(3 * data.multiply(u)) + 0.5 * arma::cos(4 * data.multiply(v)), u};
}

}  // namespace raphson
