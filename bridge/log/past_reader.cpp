#include "log/past_reader.h"

#include <algorithm>

namespace bridge {

bool PastExtent::holds(std::uint64_t from_seq, std::uint64_t to_seq) const {
  if (from_seq < first_seq || to_seq > last_seq) return false;
  if (holes == nullptr) return true;
  const auto hole = std::partition_point(holes->begin(), holes->end(),
                                         [from_seq](const SeqRange& h) { return h.to < from_seq; });
  return hole == holes->end() || hole->from > to_seq;
}

}  // namespace bridge
