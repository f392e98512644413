#include "base/memory_ledger.h"

#include <malloc.h>
#include <unistd.h>

#include <cstdio>

namespace bridge {

std::size_t resident_bytes() {
  std::FILE* const file = std::fopen("/proc/self/statm", "re");
  if (file == nullptr) return 0;
  unsigned long pages = 0;
  if (std::fscanf(file, "%*u %lu", &pages) != 1) pages = 0;
  std::fclose(file);
  return pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

std::size_t allocated_bytes() {
  const struct mallinfo2 info = ::mallinfo2();
  return info.uordblks + info.hblkhd;
}

}  // namespace bridge
