// The bridge without its sockets: everything between them is the real thing.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/counters.h"
#include "commands/command_dispatcher.h"
#include "commands/own_commands.h"
#include "commands/source_watch.h"
#include "conversation/client_protocol.h"
#include "journal.h"
#include "log/event_log.h"
#include "log/own_events.h"
#include "sources/intake.h"
#include "sources/source_table.h"
#include "sources/source_tracker.h"
#include "stream/cohorts.h"
#include "stream/feed.h"
#include "stream/replay.h"
#include "stream/snapshot.h"
#include "world.h"

namespace sim {

class SimSource;

// One process of the bridge, from its start to its end. The world and the sources must outlive it.
class SimBridge final : private bridge::TrainerLink {
 public:
  // Called with each text message for a client, in order.
  using ToClient = std::function<void(const std::string& text)>;

  SimBridge(World& world, const std::vector<std::unique_ptr<SimSource>>& sources, std::string epoch,
            bridge::HistoryLimits limits, std::size_t held_bytes_max, JournalManners journal);

  // The first of this process; those that its clock adds are named after it.
  const std::string& epoch() const { return log_.epochs().front().epoch; }
  // Whether nothing of this process's log is ever out of reach.
  bool keeps_all() const { return journal_manners_ == JournalManners::keeps_all; }
  // Blocks that were read from the journal for clients.
  std::uint64_t read_back() { return cohorts_.past().given(); }
  const bridge::EventLog& log() const { return log_; }
  const bridge::SourceTable& sources() const { return sources_; }
  const bridge::SourceTracker& tracker() const { return tracker_; }

  // From sources: a message of events, and what comes over a control connection: a hello or an answer.
  void take(const std::string& message);
  void control(const std::string& connection, const std::string& json);
  void disconnected(const std::string& connection);

  // Clients: a connection, its requests and its end. What was given to it counts as written once
  // written() is called; no more is given before.
  std::uint64_t open(ToClient to_client);
  void request(std::uint64_t connection, const std::string& text);
  void written(std::uint64_t connection);
  void close(std::uint64_t connection);

  // Every payload of the log from the first one on, gap messages in their places: what came since the
  // last call.
  std::vector<std::string> grown();

  // Whether the bridge has a place for this start of a source, a control connection of it, or had one a
  // moment ago, and whether any of its events have passed.
  bool knows(const std::string& source, const std::string& run) const {
    return sources_.find(source, run) != nullptr;
  }
  bool is_connected(const std::string& source, const std::string& run) const;
  bool is_spoken_for(const std::string& source, const std::string& run) const;
  bool has_met(const std::string& source, const std::string& run) const;

  // Every body that came in is accounted for, `rejected` of them as such, and what waits is within its limits.
  void check_counters(std::uint64_t rejected) const;

 private:
  struct Session {
    Session(SimBridge& bridge, std::uint64_t connection, ToClient to);
    bridge::Feed feed;
    bridge::ClientProtocol protocol;
    ToClient to_client;
    bool writing = false;
  };

  bool send(const std::string& source, const std::string& json) override;
  void every_tick();
  void every_second();
  void announce_soon();
  void pump_soon(std::uint64_t connection);
  void pump(std::uint64_t connection);
  // `what` later, unless the bridge has ended by then.
  void after(std::int64_t delay_us, std::function<void()> what);

  World& world_;
  const std::vector<std::unique_ptr<SimSource>>& sources_by_name_;
  const std::size_t held_bytes_max_;
  bridge::Counters counters_;
  bridge::Snapshot snapshot_{100, 1 << 20};
  const JournalManners journal_manners_;
  SimJournal journal_;
  bridge::EventLog log_;
  bridge::Cohorts cohorts_;
  bridge::Replays replays_;
  bridge::SourceTable sources_;
  bridge::SourceTracker tracker_;
  bridge::TypeCounts types_;
  bridge::OwnCommands own_commands_;
  bridge::OwnEvents own_events_;
  bridge::CommandDispatcher dispatcher_;
  bridge::SourceWatch source_watch_;
  bridge::Intake intake_;
  bridge::Feed everything_;
  std::map<std::uint64_t, std::unique_ptr<Session>> sessions_;
  std::uint64_t last_connection_ = 0;
  bool announcing_ = false;
  const std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace sim
