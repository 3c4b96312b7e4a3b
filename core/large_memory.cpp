#include <raphson/core/large_memory.hpp>

#include <cstdint>

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace raphson {

void prefer_large_pages([[maybe_unused]] const void* data, [[maybe_unused]] Index bytes) noexcept {
#ifdef MADV_HUGEPAGE
  constexpr std::uintptr_t page = 4096, worthwhile = 4 << 20;
  if (bytes < worthwhile) return;
  const auto begin = (reinterpret_cast<std::uintptr_t>(data) + page - 1) / page * page;
  const auto end = (reinterpret_cast<std::uintptr_t>(data) + bytes) / page * page;
  // Advice that is not taken changes nothing.
  static_cast<void>(madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE));
#endif
}

}  // namespace raphson
