// How far a source's run has come.
#pragma once

#include <cstdint>
#include <string>

namespace bridge {

struct SourcePosition {
  std::string source;
  std::string run;
  std::uint64_t last_source_seq = 0;
};

}  // namespace bridge
