#pragma once
/// Whether two sets of data are the same, in 64 bits.

#include <raphson/core/data_matrix.hpp>

#include <cstdint>
#include <string_view>

namespace raphson {

/// A hash of everything added, in that order, with sizes: equal content gives equal values on every machine of one byte order, different
/// content different ones but for accidents of 2⁻⁶⁴. No protection against someone who wants two contents to collide. One read of the data.
class Fingerprint {
 public:
  Fingerprint& add(std::string_view bytes);
  Fingerprint& add(const Mat<double>& v);  ///< its elements; a column is a vector
  Fingerprint& add(const DataMatrix& X);
  std::uint64_t value() const { return value_; }

 private:
  void mix(std::uint64_t word);

  std::uint64_t value_ = 0x9e3779b97f4a7c15;
};

}  // namespace raphson
