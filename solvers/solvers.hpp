#pragma once
/// Every linear-system strategy that comes with the library.

#include <raphson/solvers/auto.hpp>
#include <raphson/solvers/cg.hpp>
#include <raphson/solvers/chord.hpp>
#include <raphson/solvers/exact.hpp>
#include <raphson/solvers/kernel_cg.hpp>
#include <raphson/solvers/least_squares.hpp>
#include <raphson/solvers/natural_gradient.hpp>
#include <raphson/solvers/preconditioned_cg.hpp>
#include <raphson/solvers/preconditioned_gd.hpp>
#include <raphson/solvers/sketch_and_solve.hpp>
#include <raphson/solvers/sparse_cholesky.hpp>
