#pragma once
/// What making a network of any depth begins with. Internal to the network models.

#include <raphson/core/data_matrix.hpp>
#include <raphson/models/two_layer_relu.hpp>

namespace raphson {

/// Throws InputError for data that no network can be trained on: no rows, y (a column for each output) of another length, numbers that are
/// not finite.
void check_training_data(const DataMatrix& X, const Mat<double>& y);
/// Throws InputError unless X has as many columns as the data that the net was made for.
void check_features(const DataMatrix& X, const DataMatrix& trained_on);
/// Throws InputError for a sharpness that is not positive and finite.
void check_activation(const Activation& activation);

/// ±1, equally likely, m × C: the signs of an output do not depend on how many there are.
Mat<double> draw_signs(std::uint64_t seed, Index width, Index outputs);
/// Standard Gaussian.
Vec draw_weights(std::uint64_t seed, Index count);

}  // namespace raphson
