// Whether a role may read an event (PROTOCOL section 10). All ways to read ask here.
#pragma once

#include <cstddef>
#include <string_view>

#include "access/read_scope.h"
#include "event/block.h"

namespace bridge {

bool may_read(const ReadScope& scope, const Block& block, std::size_t index);

// The same with the right to read everything.
inline bool may_read(const ReadScopePtr& scope, const Block& block, std::size_t index) {
  return scope == nullptr || may_read(*scope, block, index);
}

// The same of one event that was written out before, `data_bytes` of it its data; tells its type, which lies in `json`.
bool may_read(const ReadScopePtr& scope, std::string_view json, std::size_t data_bytes, std::string_view* type);

}  // namespace bridge
