// A server in Python with FastAPI, uvicorn and pyzmq: fastapi_server.py. What the bridge replaces.
#include <algorithm>

#include "../program_subject.h"
#include "peers.h"
#include "server_peer.h"

namespace bench {
namespace {

// Debian's own, which sees Debian's packages whatever else PATH has.
constexpr const char* kPython = "/usr/bin/python3";

class FastapiPeer : public ProgramSubject {
 public:
  FastapiPeer() : ProgramSubject("fastapi", {kPython, PPO_BENCH_PEERS "/fastapi_server.py"}) {
    require_file(kPython, debian_package("python3"));
    for (const char* module : {"fastapi", "uvicorn", "zmq", "websockets", "uvloop"}) {
      require_file(std::string("/usr/lib/python3/dist-packages/") + module,
                   debian_package(std::string("python3-") + module));
    }
  }

  std::size_t message_events(std::size_t /*batch*/) const override { return 1; }

  // It waits for its slowest client, so a long window only makes the end of a measurement long.
  std::uint64_t window_events_max(std::size_t clients) const override {
    return std::max<std::uint64_t>(50'000 / clients, 1);
  }
};

}  // namespace

std::unique_ptr<Subject> make_fastapi_peer() {
  return std::make_unique<FastapiPeer>();
}

}  // namespace bench
