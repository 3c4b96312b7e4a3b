#include <raphson/core/dense.hpp>
#include <raphson/core/tall_operator.hpp>
#include <raphson/solvers/sketches/kronecker_sketch.hpp>
#include <raphson/solvers/sketches/sketches.hpp>

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

namespace raphson {
namespace {

/// All features of some neurons, each neuron with a weight of its own; rows left over are zero.
struct ChosenNeurons {
  std::vector<Index> neuron;  ///< increasing
  std::vector<double> weight;
};

template <class Real>
class NeuronSample final : public KroneckerSketch<Real> {
 public:
  NeuronSample(std::string kind, Index s, Index N, Index features, ChosenNeurons chosen)
      : KroneckerSketch<Real>(s, N, features), kind_(std::move(kind)), place_(N / features, none), chosen_(std::move(chosen)) {
    for (Index t = 0; t < chosen_.neuron.size(); ++t) place_[chosen_.neuron[t]] = t;
  }
  std::string kind() const override { return kind_; }

  bool apply_kronecker(const KroneckerColumns<Real>& A, Mat<Real>& B) const override {
    check_factors(A.left(), A.right(), this->cols_, this->features_);
    Mat<Real> columns(this->rows_, A.count());
    parallel_for(A.count(), [&](Index j) {
      std::vector<Real> u(A.left()), v(A.right());
      A.left_factor(j, u.data());
      A.right_factor(j, v.data());
      Real* out = columns.colptr(j);
      std::fill_n(out, this->rows_, Real(0));
      for (Index t = 0; t < chosen_.neuron.size(); ++t) {
        const Real factor = static_cast<Real>(chosen_.weight[t]) * u[chosen_.neuron[t]];
        for (Index k = 0; k < v.size(); ++k) out[t * v.size() + k] = factor * v[k];
      }
    });
    B = columns.t();
    return true;
  }

 private:
  static constexpr Index none = static_cast<Index>(-1);
  double entry(Index r, Index k, Index& row) const override {
    if (place_[r] == none) return 0;
    row = place_[r] * this->features_ + k;
    return chosen_.weight[place_[r]];
  }

  std::string kind_;
  std::vector<Index> place_;
  ChosenNeurons chosen_;
};

/// ⌊s/d⌋ neurons drawn uniformly without replacement, scaled by √(m/⌊s/d⌋).
ChosenNeurons uniform_neurons(Index s, Index neurons, Index features, Seed seed) {
  const Index count = s / features;
  const double weight = std::sqrt(static_cast<double>(neurons) / static_cast<double>(count));
  return {seed.split(Purpose::sketch).sample_without_replacement(neurons, count), std::vector<double>(count, weight)};
}

/// c = ⌊s/d⌋ neurons drawn with replacement, neuron r with probability pᵣ; one that comes up t times is taken once, with √(t/(c pᵣ)).
ChosenNeurons weighted_neurons(Index count, const Vec& probability, Seed seed) {
  const Vec ends = arma::cumsum(probability);
  const Seed draws = seed.split(Purpose::sketch);
  std::vector<Index> times(probability.n_elem, 0);
  for (Index t = 0; t < count; ++t) {
    const double u = draws.uniform(t) * ends.back();
    ++times[std::min<Index>(times.size() - 1, static_cast<Index>(std::upper_bound(ends.begin(), ends.end(), u) - ends.begin()))];
  }
  ChosenNeurons chosen;
  for (Index r = 0; r < times.size(); ++r) {
    if (times[r] == 0) continue;
    chosen.neuron.push_back(r);
    chosen.weight.push_back(std::sqrt(static_cast<double>(times[r]) / (static_cast<double>(count) * probability[r])));
  }
  return chosen;
}

constexpr Index probes = 16;

/// Estimates of Σ over the features of a neuron of aᵢᵀ(AᵀA + λI)⁻¹aᵢ, λ 1e-6 of the mean diagonal: lengths of A L⁻ᵀx for Gaussian x. A
/// hashed AᵀA would lose rows that collide, and with them the scores that count (off by orders of magnitude); AᵀA itself is counted from
/// bits. Should it not factor, lengths of A x.
Vec neuron_scores(const Operator& A, Index features, Seed seed) {
  const Index k = A.cols();
  Mat<double> G, X(k, probes), Y;
  A.gram(G);
  G.diag() += 1e-6 * arma::trace(G) / static_cast<double>(k);
  seed.split(Purpose::probe).normal(0, std::span<double>(X.memptr(), X.n_elem));
  if (cholesky(G)) {
    for (Index j = 0; j < probes; ++j) {
      Vec x = X.col(j);
      solve_lower_transposed(G, x);
      X.col(j) = x;
    }
  }
  A.apply(X, Y);
  Vec score(A.rows() / features, arma::fill::zeros);
  for (Index j = 0; j < probes; ++j) {
    for (Index i = 0; i < A.rows(); ++i) score[i / features] += Y(i, j) * Y(i, j);
  }
  return score;
}

class NeuronKind final : public SketchKind {
 public:
  NeuronKind(Index features, bool leverage) : features_(features), leverage_(leverage) {}
  std::string name() const override { return leverage_ ? "leverage-neurons" : "uniform-neurons"; }
  std::unique_ptr<Sketch<double>> make(Index s, Index N, Seed seed) const override { return uniform<double>(s, N, seed); }
  std::unique_ptr<Sketch<float>> make_single(Index s, Index N, Seed seed) const override { return uniform<float>(s, N, seed); }
  std::unique_ptr<Sketch<double>> make_for(const Operator& A, Index s, Seed seed) const override { return draw<double>(A, s, seed); }
  std::unique_ptr<Sketch<float>> make_single_for(const Operator& A, Index s, Seed seed) const override { return draw<float>(A, s, seed); }
  double flops(Index s, Index N, Index k) const override {
    const double copied = double(s) * double(k);
    if (!leverage_) return copied;
    const double gram = double(k) * double(k) * (double(N) / double(features_) + double(k) / 3);  // of bits a thirtieth
    return copied + gram + 2.0 * double(probes) * double(N) * double(k);
  }
  double bytes(Index s, Index N, Index k) const override {
    return 16 * double(s) * double(k) + (leverage_ ? 8.0 * (double(probes) * double(N) + double(k) * double(k)) : 0);
  }
  bool uses_factors() const override { return true; }

 private:
  void check(Index s, Index N) const {
    check_sketch_size(s, N);
    check_features(name(), N, features_);
    if (s < features_) {
      throw InputError(fmt::format("{} sketch: size {} is below the {} rows of one neuron. Take more.", name(), s, features_));
    }
  }

  template <class Real>
  std::unique_ptr<Sketch<Real>> uniform(Index s, Index N, Seed seed) const {
    if (leverage_) throw InputError(fmt::format("{} looks at the matrix that it samples: call make_for(A, s, seed).", name()));
    check(s, N);
    return std::make_unique<NeuronSample<Real>>(name(), s, N, features_, uniform_neurons(s, N / features_, features_, seed));
  }

  /// Half by scores, half uniform: no neuron that is drawn weighs more than √2 times what it would uniformly.
  template <class Real>
  std::unique_ptr<Sketch<Real>> draw(const Operator& A, Index s, Seed seed) const {
    if (!leverage_) return uniform<Real>(s, A.rows(), seed);
    check(s, A.rows());
    const Vec score = neuron_scores(A, features_, seed);
    const double total = arma::accu(score), m = static_cast<double>(score.n_elem);
    Vec p(score.n_elem, arma::fill::value(1 / m));
    if (total > 0 && std::isfinite(total)) p = 0.5 * score / total + 0.5 / m;
    return std::make_unique<NeuronSample<Real>>(name(), s, A.rows(), features_, weighted_neurons(s / features_, p, seed));
  }

  Index features_;
  bool leverage_;
};

}  // namespace

std::shared_ptr<const SketchKind> uniform_neurons_sketch(Index features) { return std::make_shared<NeuronKind>(features, false); }
std::shared_ptr<const SketchKind> leverage_neurons_sketch(Index features) { return std::make_shared<NeuronKind>(features, true); }

}  // namespace raphson
