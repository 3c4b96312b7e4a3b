#pragma once
/// Sums of products of numbers rounded to eight bits, for machines that add up four such products in one instruction (AVX-512 VNNI):
/// at four times the rate of single precision. One thread each.

#include <raphson/core/sketch.hpp>
#include <raphson/core/types.hpp>

#include <vector>

namespace raphson::kernels {

/// Whether this machine has the instructions. Without them nothing else of this file may be called.
bool has_byte_products();

/// Up to `depth` rows of A, column j rounded to integer multiples of scale(j) = max |a_ij| / 127 over those rows. Columns lie in groups of
/// `group`; within a group four rows of each column make a word, word after word. Rows that are missing are zeros.
class BytePanel {
 public:
  static constexpr Index depth = 512;  ///< a group is 24 KiB: two stay in the first-level cache
  static constexpr Index group = 48;   ///< columns: three vectors of words

  /// Room for `columns`; pack then fills groups [first, last) from any thread, with rows begin .. begin + count of A.
  void resize(Index columns);
  template <class Src>
  void pack(const DenseRows<Src>& A, Index begin, Index count, Index first, Index last);

  Index columns() const { return columns_; }
  Index groups() const { return (columns_ + group - 1) / group; }
  const std::int8_t* words(Index g) const { return data_ + g * group * depth; }
  const float* scale(Index g) const { return scale_.data() + g * group; }
  const std::int32_t* sum(Index g) const { return sum_.data() + g * group; }  ///< of the integers of a column

 private:
  Index columns_ = 0;
  std::vector<std::int8_t> memory_;
  std::int8_t* data_ = nullptr;  ///< in memory_, at a multiple of 64 bytes
  std::vector<float> scale_;
  std::vector<std::int32_t> sum_;
};

/// C(i, j) += alpha Σ_s P(s, i) P(s, j) for i in the groups [row_first, row_last) and j in [column_first, column_last), where i ≥ j; C is
/// column-major with leading dimension ldc. The sums over s are exact. Entries with i < j in the same small block are overwritten with
/// anything. A NaN or infinity in a column of A makes that column's entries NaN.
void add_byte_products(const BytePanel& P, Index row_first, Index row_last, Index column_first, Index column_last, float alpha, float* C,
                       Index ldc);

}  // namespace raphson::kernels
