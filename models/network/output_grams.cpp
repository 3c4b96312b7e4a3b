#include <raphson/core/threads.hpp>
#include <raphson/models/network/jacobian.hpp>
#include <raphson/models/network/tiles.hpp>

#include <algorithm>

namespace raphson {
namespace {

using Words = AlignedVector<std::uint64_t>;

/// Outputs c < d and where their signs agree, a_c ∘ a_d = 1: Φ diag(a_c ∘ a_d) Φᵀ is twice ΦΦᵀ over those neurons, less ΦΦᵀ over all.
struct OutputPair {
  Index c, d;
  Words agree;  ///< a row of bits

  OutputPair(const Mat<double>& signs, Index one, Index other, Index words) : c(one), d(other), agree(words, 0) {
    for (Index r = 0; r < signs.n_rows; ++r) {
      if (signs(r, c) == signs(r, d)) agree[r / 64] |= std::uint64_t{1} << (r % 64);
    }
  }

  Vec factors(Index neurons) const {
    Vec factor(neurons);
    for (Index r = 0; r < neurons; ++r) factor[r] = static_cast<double>((agree[r / 64] >> (r % 64)) & 1u);
    return factor;
  }
};

std::vector<OutputPair> output_pairs(const Mat<double>& signs, Index words) {
  std::vector<OutputPair> pairs;
  for (Index c = 0; c < signs.n_cols; ++c) {
    for (Index d = c + 1; d < signs.n_cols; ++d) pairs.emplace_back(signs, c, d, words);
  }
  return pairs;
}

/// Rows [i, i + rows) of bits with those outside `mask` cleared, at the same distance from one another.
void mask_rows(const BitRows& bits, Index i, Index rows, const Words& mask, Words& out) {
  out.resize(rows * bits.stride);
  for (Index a = 0; a < rows; ++a) {
    const std::uint64_t* from = bits.row(i + a);
    for (Index w = 0; w < bits.words; ++w) out[a * bits.stride + w] = from[w] & mask[w];
  }
}

/// G is made of symmetric n × n blocks: entries (i, j) and (j, i) of blocks (c, d) and (d, c).
template <class Real>
void put(Mat<Real>& G, Index n, Index c, Index d, Index i, Index j, double value) {
  const Real entry = static_cast<Real>(value);
  G(c * n + i, d * n + j) = entry;
  G(c * n + j, d * n + i) = entry;
  G(d * n + i, c * n + j) = entry;
  G(d * n + j, c * n + i) = entry;
}

/// One tile of pairs of observations, in all blocks.
template <class Real>
class TileOfBlocks {
 public:
  TileOfBlocks(const NetworkJacobian& J, Index i, Index rows, Index j, Index cols, Mat<Real>& G)
      : n_(J.points()), i_(i), rows_(rows), j_(j), cols_(cols), inner_(rows * cols), all_(rows * cols), agreeing_(rows * cols), G_(G) {
    inner_products(J.data().X, i, rows, j, cols, inner_.data());
    const double factor = 1 / static_cast<double>(J.pattern().neurons());
    for (double& value : inner_) value *= factor;
    count_common_bits(J.pattern().bits().from(i), rows, J.pattern().bits().from(j), cols, all_.data());
  }

  void diagonal_blocks(Index outputs) {
    for (Index c = 0; c < outputs; ++c) {
      fill(c, c, [this](Index e) { return static_cast<double>(all_[e]); });
    }
  }

  void blocks_of(const OutputPair& pair, const BitRows& bits) {
    mask_rows(bits, i_, rows_, pair.agree, masked_);
    count_common_bits({masked_.data(), bits.stride, bits.words}, rows_, bits.from(j_), cols_, agreeing_.data());
    fill(pair.c, pair.d, [this](Index e) { return 2 * static_cast<double>(agreeing_[e]) - static_cast<double>(all_[e]); });
  }

 private:
  template <class Overlap>
  void fill(Index c, Index d, const Overlap& overlap) {
    for (Index b = 0; b < cols_; ++b) {
      for (Index a = i_ == j_ ? b : 0; a < rows_; ++a) put(G_, n_, c, d, i_ + a, j_ + b, inner_[b * rows_ + a] * overlap(b * rows_ + a));
    }
  }

  Index n_, i_, rows_, j_, cols_;
  std::vector<double> inner_;
  std::vector<std::uint32_t> all_, agreeing_;
  Words masked_;
  Mat<Real>& G_;
};

}  // namespace

template <class Real>
void NetworkJacobian::outputs_gram(Mat<Real>& G) const {
  const Index n = points(), m = Phi_.neurons();
  const BitRows bits = Phi_.bits();
  const auto pairs = output_pairs(data_->signs, Phi_.is_binary() ? bits.words : (m + 63) / 64);
  G.set_size(residuals(), residuals());
  if (Phi_.is_binary()) {
    const Blocks tiles{n, 64};
    parallel_for(tiles.count() * (tiles.count() + 1) / 2, [&](Index t) {
      Index I = 0;
      while ((I + 1) * (I + 2) / 2 <= t) ++I;
      const Index J = t - I * (I + 1) / 2;
      TileOfBlocks<Real> tile(*this, tiles.begin(I), tiles.length(I), tiles.begin(J), tiles.length(J), G);
      tile.diagonal_blocks(outputs());
      for (const OutputPair& pair : pairs) tile.blocks_of(pair, bits);
    });
    return;
  }
  Mat<double> all(n, n, arma::fill::zeros), block;
  add_dense_overlaps(nullptr, all);
  const auto place = [&](Index c, Index d) {
    multiply_by_inner_products(block);
    parallel_for(n, [&](Index j) {
      for (Index i = j; i < n; ++i) put(G, n, c, d, i, j, block(i, j));
    });
  };
  for (Index c = 0; c < outputs(); ++c) {
    block = all;
    place(c, c);
  }
  for (const OutputPair& pair : pairs) {
    const Vec agreeing = pair.factors(m);
    block.zeros(n, n);
    add_dense_overlaps(&agreeing, block);
    block = 2 * block - all;
    place(pair.c, pair.d);
  }
}

template void NetworkJacobian::outputs_gram<double>(Mat<double>&) const;
template void NetworkJacobian::outputs_gram<float>(Mat<float>&) const;

}  // namespace raphson
