#pragma once
/// The whole library.

#include <raphson/core/data_matrix.hpp>
#include <raphson/core/derivative_check.hpp>
#include <raphson/core/early_stopping.hpp>
#include <raphson/core/function_operator.hpp>
#include <raphson/core/minimize.hpp>
#include <raphson/models/deep_relu.hpp>
#include <raphson/models/linear_model.hpp>
#include <raphson/models/network/lazy_start.hpp>
#include <raphson/models/network/recommended_width.hpp>
#include <raphson/models/network/train_state.hpp>
#include <raphson/models/regularization_path.hpp>
#include <raphson/models/two_layer_relu.hpp>
#include <raphson/problems/generators.hpp>
#include <raphson/problems/named.hpp>
#include <raphson/problems/readers.hpp>
#include <raphson/problems/rosenbrock.hpp>
#include <raphson/problems/standardize.hpp>
#include <raphson/solvers/first_order.hpp>
#include <raphson/solvers/sketches/sketches.hpp>
#include <raphson/solvers/solvers.hpp>
