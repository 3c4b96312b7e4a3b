#pragma once
/// Column and row scaling for networks, remembered so that predictions undo it.

#include <raphson/core/data_matrix.hpp>

#include <string>

namespace raphson {

/// x ↦ ((x − mean)/deviation, 1) scaled to unit norm; y ↦ (y − mean)/deviation. Each part can be switched off.
struct Standardization {
  bool columns = true, constant = true, unit_rows = true, target = true;
  Vec mean, deviation;  ///< d, of the training data; a constant column has deviation 1
  double target_mean = 0, target_deviation = 1;

  /// Learns mean and deviation (population, as numpy's std) from training data.
  void fit(const DataMatrix& X, const Vec& y);
  DataMatrix features(const DataMatrix& X) const;
  Vec targets(const Vec& y) const;
  Vec undo_targets(const Vec& f) const;
  /// One sentence for the report.
  std::string text() const;
};

}  // namespace raphson
