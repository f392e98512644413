// Who asks something of alerts.
#pragma once

#include <string>

#include "access/read_scope.h"

namespace bridge {

// What he calls himself, and who that is, where one has to say so.
struct AlertsAsker {
  std::string client_id, identity;
  ReadScopePtr scope = {};  // what of it may be told; null: everything
};

}  // namespace bridge
