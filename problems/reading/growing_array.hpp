#pragma once
/// Where numbers wait until it is known how many there are.

#include <raphson/core/types.hpp>

#include <algorithm>
#include <memory>
#include <vector>

namespace raphson::reading {

/// An array that grows in blocks, and gives them back one by one as it is moved to its place: unlike a vector that doubles, it never
/// holds the numbers twice.
template <class T>
class GrowingArray {
 public:
  Index size() const { return size_; }

  void push(T x) {
    if (size_ == blocks_.size() * block) blocks_.push_back(std::make_unique_for_overwrite<T[]>(block));
    blocks_.back()[size_++ % block] = x;
  }

  /// Copies all of it to out[0..size) and is empty then.
  void move_to(T* out) {
    for (std::unique_ptr<T[]>& each : blocks_) {
      const Index count = std::min(block, size_);
      std::copy_n(each.get(), count, out);
      each.reset();
      out += count;
      size_ -= count;
    }
    blocks_.clear();
  }

  Col<T> take_column() {
    Col<T> out(size_, arma::fill::none);
    move_to(out.memptr());
    return out;
  }

  /// As a matrix with `rows` rows, filled column by column.
  Mat<T> take_matrix(Index rows) {
    Mat<T> out(rows, rows ? size_ / rows : 0, arma::fill::none);
    move_to(out.memptr());
    return out;
  }

 private:
  static constexpr Index block = Index{1} << 16;
  std::vector<std::unique_ptr<T[]>> blocks_;
  Index size_ = 0;
};

}  // namespace raphson::reading
