// Events as trainers and market feeds publish them: the eight types in turn, some 200 bytes each, of one
// source that numbers them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace bench {

// Immutable.
class IngestText {
 public:
  explicit IngestText(const std::string& run);

  // Appends event `source_seq` (from 1) as its source publishes it, without a newline.
  void append_body(std::string& out, std::uint64_t source_seq) const;

  // Appends the events `first` to `last` as one message: newline-separated bodies.
  void append_message(std::string& out, std::uint64_t first, std::uint64_t last) const;

  // The mean size of a body whose number has seven digits.
  double body_bytes() const;

 private:
  std::vector<std::string> beginnings_;  // of bodies, up to their number
};

}  // namespace bench
