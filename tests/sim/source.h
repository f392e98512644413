// Those who publish: with the publisher library's ring and answers, or as strangers would.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "announcement.h"
#include "outbox.h"
#include "world.h"

namespace sim {

enum class SourceKind {
  library,   // the publisher library: its ring waits, keeps and replays, beside any command
  stranger,  // a PUB that drops, and a REP that does one thing at a time
  plain,     // a PUB that drops, and nothing else
};

// How this source behaves, all of it drawn from the seed.
struct SourceManners {
  SourceKind kind = SourceKind::library;
  std::size_t ring_events = 1000;
  std::uint64_t drops_one_in = 0;    // stranger, plain: 0 = never
  bool knows_replay = true;          // stranger
  bool announces_at_once = true;     // stranger: whenever it is connected, not only once a second
  std::uint64_t hangs_one_in = 0;    // of requests: never answered; 0 = never
  std::int64_t answer_us_max = 20 * kMs;
  std::uint64_t restarts_one_in = 0;  // of bursts; 0 = never
};

// What became of an event, for the checks: which numbers there are, of which start.
struct Published {
  std::string run;
  std::uint64_t head = 0;
};

class SimBridge;

// A process that publishes. The world must outlive it.
class SimSource {
 public:
  SimSource(World& world, std::string name, SourceManners manners);

  const std::string& name() const { return name_; }
  const SourceManners& manners() const { return manners_; }
  // As the bridge knows the control connection: the library's is a new one each time, a stranger's has his
  // name and says nothing of him.
  const std::string& connection() const { return connection_; }
  bool has_control() const { return manners_.kind != SourceKind::plain; }
  // The bridge of the moment has heard from this start of it that it can be asked.
  bool introduced(const std::string& run) const { return introduced_.count(run) != 0; }
  // Its control channel has been there for a while.
  bool control_is_stable() const {
    return control_open_ && world_.clock.steady_us() - control_open_since_us_ >= 4000 * kMs;
  }
  // The starts so far, oldest first.
  const std::vector<Published>& runs() const { return runs_; }

  // `bridge` is who listens now; null: nobody. What was under way to the one before is lost.
  void bridge_changed(SimBridge* bridge);
  // The connection for events ends, and soon begins anew.
  void cut_events();
  // The same for the one for control.
  void cut_control();

  // From the bridge; false where nobody is connected.
  bool request(const std::string& json);

  // No more faults of its own, and no more events.
  void settle();

 private:
  void start_run();
  void burst();
  void publish();
  void pump();
  void announce();
  void announce_every_second();
  void connect_events();
  void connect_control();
  void end_control();
  void hello();
  void deliver(std::string message, bool introduces = false);
  void take(const std::string& json);
  std::string answer_to(const std::string& json);
  std::string replay(const std::string& id, std::uint64_t from, std::uint64_t to);
  void answer(const std::string& json, std::int64_t delay_us);
  void next_request();

  World& world_;
  const std::string name_;
  const SourceManners manners_;
  std::vector<Published> runs_;
  SimBridge* bridge_ = nullptr;
  bool settled_ = false;
  bool busy_ = false;  // a stranger with a request
  std::deque<std::string> requests_;

  std::unique_ptr<ppo::Outbox> outbox_;              // library
  std::unique_ptr<ppo::Announcement> announcement_;  // likewise
  std::vector<std::string> bodies_;                  // others

  std::unique_ptr<Wire> events_;
  std::unique_ptr<Wire> requests_in_;
  std::unique_ptr<Wire> answers_;
  std::set<std::string> introduced_;  // runs
  std::string connection_;
  bool events_open_ = false;
  bool control_open_ = false;
  std::int64_t control_open_since_us_ = 0;
  std::uint64_t events_connection_ = 0;  // counts attempts: an outdated one comes to nothing
  std::uint64_t control_connection_ = 0;
};

}  // namespace sim
