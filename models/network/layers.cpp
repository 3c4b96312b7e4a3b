#include <raphson/core/threads.hpp>
#include <raphson/models/network/layer_input.hpp>
#include <raphson/models/network/layers.hpp>
#include <raphson/models/network/parallel_gemm.hpp>
#include <raphson/models/network/softplus.hpp>

#include <algorithm>
#include <array>
#include <cmath>

namespace raphson {
namespace {

/// z ← scale·φ(z), slope ← scale·φ′(z) unless null.
void activate(const Activation& activation, double scale, Index count, double* z, double* slope) {
  if (activation.kind == Activation::Kind::relu) {
    if (slope) {
      for (Index i = 0; i < count; ++i) slope[i] = z[i] >= 0 ? scale : 0.0;
    }
    for (Index i = 0; i < count; ++i) z[i] = scale * std::max(z[i], 0.0);
    return;
  }
  std::array<double, softplus_run> value{};
  const Blocks runs{count, softplus_run};
  for (Index run = 0; run < runs.count(); ++run) {
    double* here = z + runs.begin(run);
    softplus_here(runs.length(run), activation.sharpness, here, value.data());
    for (Index i = 0; i < runs.length(run); ++i) {
      if (slope) slope[runs.begin(run) + i] = scale * here[i];
      here[i] = scale / activation.sharpness * value[i];
    }
  }
}

/// Calls task(first, count) for consecutive runs of the n·m numbers of a layer.
template <class Task>
void for_runs(Index numbers, const Task& task) {
  const Blocks runs{numbers, Index{1} << 14};
  parallel_for(runs.count(), [&](Index run) { task(runs.begin(run), runs.length(run)); });
}

}  // namespace

Index LayeredNet::begin(Index layer) const {
  Index position = 0;
  for (Index l = 0; l < layer; ++l) position += weights(l);
  return position;
}

double LayeredNet::scale(Index layer) const { return std::sqrt((layer + 1 == layers() ? 1.0 : 2.0) / static_cast<double>(widths[layer])); }

double LayerRecord::bytes(double rows, const std::vector<Index>& widths) {
  double numbers = 0;
  for (Index l = 0; l < widths.size(); ++l) numbers += (l + 1 < widths.size() ? 2 : 1) * static_cast<double>(widths[l]);
  return sizeof(double) * rows * numbers;
}

Vec forward(const LayeredNet& net, const DataMatrix& X, const double* theta, LayerRecord* record) {
  const Index n = X.rows();
  Mat<double> last;  // h of the layer before
  for (Index l = 0; l < net.layers(); ++l) {
    const Index m = net.widths[l], before = net.inputs(l);
    const double* W = theta + net.begin(l);
    Mat<double> h(n, m, arma::fill::none), slope;
    if (l == 0) {
      project(X, m, W, h.memptr());
    } else {
      const Mat<double>& input = record ? record->outputs.back() : last;
      parallel_gemm(false, false, n, m, before, input.memptr(), n, W, before, h.memptr(), n);
    }
    if (record) slope.set_size(n, m);
    for_runs(n * m, [&](Index first, Index count) {
      activate(net.activation, net.scale(l), count, h.memptr() + first, record ? slope.memptr() + first : nullptr);
    });
    if (record) record->slopes.push_back(std::move(slope));
    if (record && l + 1 < net.layers()) {
      record->outputs.push_back(std::move(h));
    } else {
      last = std::move(h);
    }
  }
  Vec f(n);
  parallel_gemm(false, false, n, 1, last.n_cols, last.memptr(), n, net.signs.memptr(), last.n_cols, f.memptr(), n);
  return f;
}

void backward(const LayeredNet& net, const double* theta, LayerRecord& record) {
  const Index top = net.layers() - 1, n = record.slopes[top].n_rows;
  parallel_for(net.widths[top], [&](Index r) {
    for (double& slope : record.slopes[top].col(r)) slope *= net.signs[r];
  });
  Mat<double> through;
  for (Index l = top; l-- > 0;) {
    const Index m = net.widths[l], after = net.widths[l + 1];
    through.set_size(n, m);
    parallel_gemm(false, true, n, m, after, record.slopes[l + 1].memptr(), n, theta + net.begin(l + 1), m, through.memptr(), n);
    double* slope = record.slopes[l].memptr();
    for_runs(n * m, [&](Index first, Index count) {
      for (Index i = first; i < first + count; ++i) slope[i] *= through.memptr()[i];
    });
  }
}

}  // namespace raphson
