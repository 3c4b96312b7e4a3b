#include <raphson/core/large_memory.hpp>

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <fstream>

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace raphson {

void prefer_large_pages([[maybe_unused]] const void* data, [[maybe_unused]] Index bytes) noexcept {
#ifdef MADV_HUGEPAGE
  constexpr std::uintptr_t page = 4096, worthwhile = 2 << 20;
  if (bytes < worthwhile) return;
  // Whole pages, with what lies beside the data on the first and the last: advice changes no content, and without its first page a large
  // page is none.
  const auto begin = reinterpret_cast<std::uintptr_t>(data) / page * page;
  const auto end = (reinterpret_cast<std::uintptr_t>(data) + bytes + page - 1) / page * page;
  // Advice that is not taken changes nothing.
  static_cast<void>(madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE));
#endif
}

double available_memory() {
  double bytes = static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
  for (const char* path : {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    double limit = 0;
    if (std::ifstream(path) >> limit && limit > 0) bytes = std::min(bytes, limit);
  }
  return bytes;
}

}  // namespace raphson
