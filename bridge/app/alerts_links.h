// What alerts have to do with besides the log: the journal, which keeps them, and commands.
#pragma once

#include <functional>

#include "alerts/alerts.h"
#include "commands/command_dispatcher.h"
#include "store/journal.h"

namespace bridge {

// `journal`: null where it is off. Both outlive whoever has the links.
AlertsLinks alerts_links(std::function<void(std::function<void()>)> post, CommandDispatcher& dispatcher, Journal* journal);

}  // namespace bridge
