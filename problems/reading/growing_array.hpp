#pragma once
/// Where numbers wait until it is known how many there are.

#include <raphson/core/large_memory.hpp>
#include <raphson/core/types.hpp>

#include <algorithm>
#include <memory>
#include <vector>

namespace raphson::reading {

/// An array that grows in blocks, and gives them back one by one as it is moved to its place: unlike a vector that doubles, it never
/// holds large data twice. Blocks double up to 32 MiB, from where on malloc always returns them to the system.
template <class T>
class GrowingArray {
 public:
  Index size() const { return size_; }

  void push(T x) {
    if (used_ == capacity_) add_block();
    last_[used_++] = x;
    ++size_;
  }

  /// Copies all of it to out[0..size) and is empty then.
  void move_to(T* out) {
    for (Block& block : blocks_) {
      const Index count = std::min(block.capacity, size_);
      std::copy_n(block.items.get(), count, out);
      block.items.reset();
      out += count;
      size_ -= count;
    }
    blocks_.clear();
    used_ = capacity_ = 0;
  }

  Col<T> take_column() {
    Col<T> out(size_, arma::fill::none);
    move_to(out.memptr());
    return out;
  }

  /// As a matrix with `rows` rows, filled column by column.
  Mat<T> take_matrix(Index rows) {
    auto out = raw_matrix<T>(rows, rows ? size_ / rows : 0);
    move_to(out.memptr());
    return out;
  }

 private:
  struct Block {
    std::unique_ptr<T[]> items;
    Index capacity;
  };
  static constexpr Index most = (Index{32} << 20) / sizeof(T);

  void add_block() {
    capacity_ = capacity_ == 0 ? 1024 : std::min(2 * capacity_, most);
    blocks_.push_back({std::make_unique_for_overwrite<T[]>(capacity_), capacity_});
    prefer_large_pages(blocks_.back().items.get(), capacity_ * sizeof(T));
    last_ = blocks_.back().items.get();
    used_ = 0;
  }

  std::vector<Block> blocks_;
  T* last_ = nullptr;
  Index used_ = 0, capacity_ = 0;  // of the last block
  Index size_ = 0;
};

}  // namespace raphson::reading
