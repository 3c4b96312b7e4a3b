#pragma once
/// Arrays that begin on a cache line.

#include <raphson/core/large_memory.hpp>
#include <raphson/core/types.hpp>

#include <new>
#include <vector>

namespace raphson {

inline constexpr Index cache_line = 64;  ///< bytes

template <class T>
struct CacheLineAllocator {
  using value_type = T;
  CacheLineAllocator() = default;
  template <class U>
  CacheLineAllocator(const CacheLineAllocator<U>&) {}
  T* allocate(std::size_t count) {
    void* memory = ::operator new (count * sizeof(T), std::align_val_t{cache_line});
    prefer_large_pages(memory, count * sizeof(T));
    return static_cast<T*>(memory);
  }
  void deallocate(T* at, std::size_t) { ::operator delete (at, std::align_val_t{cache_line}); }
  bool operator==(const CacheLineAllocator&) const { return true; }
};

template <class T>
using AlignedVector = std::vector<T, CacheLineAllocator<T>>;

inline Index round_up(Index value, Index multiple) { return (value + multiple - 1) / multiple * multiple; }

}  // namespace raphson
