#include <raphson/core/error.hpp>
#include <raphson/core/seed.hpp>
#include <raphson/models/network/setup.hpp>

#include <fmt/format.h>

#include <cmath>
#include <vector>

namespace raphson {

void check_training_data(const DataMatrix& X, const Mat<double>& y) {
  require_nonempty(X, "X");
  if (y.n_cols < 2)
    require_size(y.n_elem, X.rows(), "y", "one per row of X");
  else if (y.n_rows != X.rows())
    throw InputError(fmt::format("Y is {} x {}, X has {} rows: give Y a row for each row of X and a column for each output.", y.n_rows,
                                 y.n_cols, X.rows()));
  require_finite(X, "X");
  y.n_cols < 2 ? require_finite(Vec(y), "y") : require_finite(DataMatrix(y), "Y");
}

void check_features(const DataMatrix& X, const DataMatrix& trained_on) {
  const Index d = trained_on.cols();
  if (X.cols() == d) return;
  throw InputError(fmt::format("X has {} columns, the net was made for {}.{}", X.cols(), d,
                               X.rows() == d ? " Is X stored with points as columns? Use points_as_columns(X)." : ""));
}

void check_activation(const Activation& activation) {
  if (activation.kind == Activation::Kind::relu || (activation.sharpness > 0 && std::isfinite(activation.sharpness))) return;
  throw InputError(fmt::format("softplus: sharpness is {}. It must be positive and finite.", activation.sharpness));
}

Mat<double> draw_signs(std::uint64_t seed, Index width, Index outputs) {
  std::vector<std::uint64_t> bits(width);
  Mat<double> signs(width, outputs);
  for (Index c = 0; c < outputs; ++c) {
    Seed(seed).split(Purpose::output_signs, c).bits(0, bits);
    for (Index r = 0; r < width; ++r) signs(r, c) = (bits[r] >> 63) != 0 ? 1.0 : -1.0;
  }
  return signs;
}

Vec draw_weights(std::uint64_t seed, Index count) {
  Vec W(count);
  Seed(seed).split(Purpose::initial_weights).normal(0, std::span<double>(W.memptr(), W.n_elem));
  return W;
}

}  // namespace raphson
