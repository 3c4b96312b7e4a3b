#include <raphson/core/threads.hpp>
#include <raphson/models/network/table_products.hpp>
#include <raphson/models/network/table_sums.hpp>

#include <algorithm>
#include <cmath>

namespace raphson {
namespace {

constexpr Index line_neurons = 512;  ///< in a cache line of bits
constexpr Index point_block = 512;   ///< observations whose sums stay in the second-level cache

/// How the neurons are shared out: lines of them, for any number of observations.
Blocks neuron_blocks(Index m) { return cut((m + line_neurons - 1) / line_neurons, 1, 64); }

struct Neurons {
  Index first, count;
  Neurons(const Blocks& blocks, Index b, Index m)
      : first(blocks.begin(b) * line_neurons), count(std::min(m, blocks.end(b) * line_neurons) - first) {}
  Index words() const { return (count + 63) / 64; }
};

/// partial_i = Σᵣ Φᵢᵣ ⟨V_r, xᵢ⟩ over the neurons given and all rows; V: 64·words rows.
void multiply_block(const DataMatrix& X, Index first, const ActivationPattern& Phi, const Neurons& neurons, const double* V,
                    double* partial) {
  const Index n = Phi.points(), d = X.cols(), width = table_width(d);
  const BitRows bits = Phi.bits();
  AlignedVector<double> sums(std::min(n, point_block) * width);
  for (Index point = 0; point < n; point += point_block) {
    const Index count = std::min(point_block, n - point);
    std::fill(sums.begin(), sums.end(), 0.0);
    add_selected_rows(bits.row(point) + neurons.first / 64, bits.stride, count, neurons.words(), V, width, sums.data());
    for (Index i = 0; i < count; ++i) {
      const double *x = X.dense().colptr(first + point + i), *s = sums.data() + i * width;
      double inner = 0;
      for (Index k = 0; k < d; ++k) inner += x[k] * s[k];
      partial[point + i] = inner;
    }
  }
}

/// Rows (vᵢ xᵢ)ᵢ, padded to whole words of observations with zeros.
AlignedVector<double> weighted_rows(const DataMatrix& X, const double* v) {
  const Index n = X.rows(), d = X.cols(), width = table_width(d);
  AlignedVector<double> V(round_up(n, 64) * width, 0.0);
  for (Index i = 0; i < n; ++i) {
    const double* x = X.dense().colptr(i);
    for (Index k = 0; k < d; ++k) V[i * width + k] = v[i] * x[k];
  }
  return V;
}

/// Σᵢ Φᵢᵣ Vᵢ over observations [begin, end), begin a multiple of 64, for up to a line of neurons from `first`: neuron first + 64w + b is
/// row 8b + w of `sums`.
void collect_line(const ActivationPattern& Phi, Index first, Index begin, Index end, const double* V, Index width, double* sums) {
  const BitRows bits = Phi.bits();
  alignas(cache_line) std::uint64_t turned[line_neurons];
  std::fill(sums, sums + line_neurons * width, 0.0);
  for (Index point = begin; point < end; point += 64) {
    transpose_bits(bits.row(point) + first / 64, bits.stride, std::min(Index{64}, end - point), turned);
    add_selected_rows(turned, 1, line_neurons, 1, V + point * width, width, sums);
  }
}

/// out(r) (d numbers, `distance` apart) = factor(r) times the sum of the r-th neuron of collect_line.
template <class Factor>
void take_line(const double* sums, Index width, Index d, Index count, const Factor& factor, double* out, Index distance) {
  for (Index r = 0; r < count; ++r) {
    const double *s = sums + (8 * (r % 64) + r / 64) * width, f = factor(r);
    for (Index k = 0; k < d; ++k) out[r * distance + k] = f * s[k];
  }
}

/// y = scale Σ over blocks, in their order.
void add_partials(const std::vector<double>& partial, Index n, double scale, double* y) {
  const Blocks pieces = cut(n, 4096);
  parallel_for(pieces.count(), [&](Index piece) {
    for (Index i = pieces.begin(piece); i < pieces.end(piece); ++i) {
      double sum = 0;
      for (Index at = i; at < partial.size(); at += n) sum += partial[at];
      y[i] = scale * sum;
    }
  });
}

double scale_of(const ActivationPattern& Phi) { return 1 / std::sqrt(static_cast<double>(Phi.neurons())); }

}  // namespace

void table_multiply(const DataMatrix& X, Index first, const ActivationPattern& Phi, const Vec& signs, const double* u, double* y) {
  const Index n = Phi.points(), m = Phi.neurons(), d = X.cols(), width = table_width(d);
  const Blocks blocks = neuron_blocks(m);
  std::vector<double> partial(blocks.count() * n);
  parallel_for(blocks.count(), [&](Index b) {
    const Neurons neurons(blocks, b, m);
    AlignedVector<double> V(neurons.words() * 64 * width, 0.0);
    for (Index r = 0; r < neurons.count; ++r) {
      const double a = signs[neurons.first + r], *from = u + (neurons.first + r) * d;
      for (Index k = 0; k < d; ++k) V[r * width + k] = a * from[k];
    }
    multiply_block(X, first, Phi, neurons, V.data(), partial.data() + b * n);
  });
  add_partials(partial, n, scale_of(Phi), y);
}

void table_multiply_transposed(const DataMatrix& X, const ActivationPattern& Phi, const Vec& signs, const double* v, double* u) {
  const Index n = Phi.points(), m = Phi.neurons(), d = X.cols(), width = table_width(d);
  const AlignedVector<double> V = weighted_rows(X, v);
  const Blocks lines{m, line_neurons};
  // Few neurons: the observations are what there is to share out.
  const Blocks points = lines.count() >= 8 ? Blocks{n, n} : Blocks{n, round_up(cut(n, 512, 16).size, 64)};
  const auto collect = [&](Index line, Index block, double* out) {
    AlignedVector<double> sums(line_neurons * width);
    const Index first = lines.begin(line);
    collect_line(Phi, first, points.begin(block), points.end(block), V.data(), width, sums.data());
    const auto factor = [&](Index r) { return scale_of(Phi) * signs[first + r]; };
    take_line(sums.data(), width, d, lines.length(line), factor, out + first * d, d);
  };
  if (points.count() == 1) return parallel_for(lines.count(), [&](Index line) { collect(line, 0, u); });
  parallel_sum<double>(
      points, m * d,
      [&](Index block, double* out) {
        for (Index line = 0; line < lines.count(); ++line) collect(line, block, out);
      },
      u);
}

void table_multiply_normal(const DataMatrix& X, const ActivationPattern& Phi, const double* v, double* y) {
  const Index n = Phi.points(), m = Phi.neurons(), d = X.cols(), width = table_width(d);
  const AlignedVector<double> V = weighted_rows(X, v);
  const Blocks blocks = neuron_blocks(m);
  std::vector<double> partial(blocks.count() * n);
  parallel_for(blocks.count(), [&](Index b) {
    const Neurons neurons(blocks, b, m);
    AlignedVector<double> sums(line_neurons * width), U(neurons.words() * 64 * width, 0.0);
    for (Index r = 0; r < neurons.count; r += line_neurons) {
      const auto squared_sign = [](Index) { return 1.0; };
      collect_line(Phi, neurons.first + r, 0, n, V.data(), width, sums.data());
      take_line(sums.data(), width, d, std::min(line_neurons, neurons.count - r), squared_sign, U.data() + r * width, width);
    }
    multiply_block(X, 0, Phi, neurons, U.data(), partial.data() + b * n);
  });
  add_partials(partial, n, scale_of(Phi) * scale_of(Phi), y);
}

}  // namespace raphson
