#pragma once
/// Column and row scaling for networks, remembered so that predictions undo it.

#include <raphson/core/data_matrix.hpp>

#include <string>

namespace raphson {

/// x ↦ ((x − mean)/deviation, 1) scaled to unit norm; y ↦ (y − mean)/deviation, for each column of targets. Each part can be switched off.
///
/// Dense data only are centred and scaled by columns: for sparse data that would fill in every zero, so their columns stay as they
/// are, and text() says so; the constant (a stored column) and unit rows apply to both. A row that is zero stays zero.
/// Cost: two reads of the data for fit, one and a new copy for features.
struct Standardization {
  bool columns = true, constant = true, unit_rows = true, target = true;
  bool sparse = false;                                         ///< learned from sparse data: columns are left as they are
  Vec mean = {}, deviation = {};                               ///< d, of the training data; a constant column has deviation 1
  arma::rowvec target_mean = {0.0}, target_deviation = {1.0};  ///< C

  /// Learns mean and deviation (population, as numpy's std) from training data X (n × d) and y (n × C; may be empty when `target` is off).
  /// Throws InputError for empty or non-finite data and sizes that do not match.
  void fit(const DataMatrix& X, const arma::mat& y);
  /// X (any rows, d columns) as the model sees it. Throws InputError before fit, for another d, and for the other form of storage
  /// (dense after fitting sparse data, or the reverse).
  DataMatrix features(const DataMatrix& X) const;
  arma::mat targets(const arma::mat& y) const;
  arma::mat undo_targets(const arma::mat& f) const;
  /// One sentence for the report: "columns standardized, constant feature appended, rows scaled to unit norm, target standardized
  /// (mean 22.3, deviation 10.1)"; for several targets no figures.
  std::string text() const;
};

}  // namespace raphson
