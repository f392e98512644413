#include "net/event_receiver.h"

namespace bridge {

Result<bool> EventReceiver::start(const ReceiverOptions& options) {
  plain_.set_message_bytes_max(static_cast<std::size_t>(options.message_bytes_max));
  ReceiverOptions others = options;
  others.bind.clear();
  others.connect.clear();
  for (const std::string& endpoint : options.bind) {
    if (!plain_.takes(endpoint)) {
      others.bind.push_back(endpoint);
      continue;
    }
    auto bound = plain_.listen(endpoint);
    if (!bound) return Failure{"events.bind: cannot listen on " + endpoint + ": " + bound.error().message};
    endpoints_.push_back(bound.value());
  }
  for (const std::string& endpoint : options.connect) {
    if (plain_.takes(endpoint)) {
      plain_.connect(endpoint);
    } else {
      others.connect.push_back(endpoint);
    }
  }
  if (others.bind.empty() && others.connect.empty()) return true;
  auto started = zmq_.start(others);
  endpoints_.insert(endpoints_.end(), zmq_.endpoints().begin(), zmq_.endpoints().end());
  return started;
}

}  // namespace bridge
