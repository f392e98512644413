// A server in Node with npm's ws and zeromq: server.mjs.
#include <algorithm>

#include "../program_subject.h"
#include "peers.h"
#include "server_peer.h"

namespace bench {
namespace {

class NodePeer : public ProgramSubject {
 public:
  NodePeer() : ProgramSubject("node", {"node", PPO_BENCH_PEERS "/server.mjs"}) {
    (void)installed_program("node", "nodejs");
    for (const char* module : {"ws", "zeromq"}) {
      require_file(std::string(PPO_BENCH_PEERS "/node_modules/") + module,
                   "npm ci in tests/bench/peers installs it, as ./dev bench --peers does");
    }
  }

  std::size_t message_events(std::size_t /*batch*/) const override { return 1; }

  // It keeps all that a client has not read yet, without a limit. It is as fast with any window.
  std::uint64_t window_events_max(std::size_t clients) const override {
    return std::max<std::uint64_t>(200'000 / clients, 1);
  }
};

}  // namespace

std::unique_ptr<Subject> make_node_peer() {
  return std::make_unique<NodePeer>();
}

}  // namespace bench
