// The commands that the bridge answers itself (PROTOCOL section 5).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <rapidjson/document.h>

#include "base/clock.h"
#include "base/counters.h"
#include "base/result.h"
#include "core/event_log.h"
#include "core/hub.h"
#include "core/snapshot.h"
#include "core/source_registry.h"
#include "core/type_counts.h"
#include "event/messages.h"

namespace bridge {

// What is told of a connection.
struct ClientInfo {
  std::uint64_t connection = 0;  // counts connections from 1
  std::string client_id;         // as registered; may be empty
  std::string client_type;
  std::string remote;            // address:port
  bool deflate = false;          // it takes compressed messages
  std::int64_t connected_us = 0;  // wall clock
  std::vector<std::string> subscriptions;
  std::string filter_json;  // may be empty
  std::uint64_t events_sent = 0;
  std::uint64_t bytes_sent = 0;
  std::uint64_t lag = 0;  // events of the log it has not come to
  std::uint64_t gaps = 0;
};

// Lists the connections of the moment.
class ClientDirectory {
 public:
  virtual ~ClientDirectory() = default;
  virtual std::vector<ClientInfo> clients() const = 0;
  virtual std::size_t client_count() const = 0;
};

// All that the commands look at. Everything must outlive OwnCommands.
struct BridgeView {
  EventLog& log;
  Hub& hub;
  Snapshot& snapshot;
  const SourceRegistry& sources;
  const SourceTracker& tracker;
  const TypeCounts& types;
  const Counters& counters;
  const Clock& clock;
  HistoryLimits history_limits;
  std::size_t clients_max;
  std::string version;
};

// One thread: the log's.
class OwnCommands {
 public:
  explicit OwnCommands(BridgeView view);

  // Set once the server is there; before, no client is listed.
  void set_directory(const ClientDirectory* directory) { directory_ = directory; }

  static bool knows(std::string_view command);

  // The command's `result` as JSON text. `params` may be null (JSON) or an object.
  // REQUIRES: knows(command).
  Result<std::string, RequestError> run(std::string_view command, const rapidjson::Value& params);

  const BridgeView& view() const { return view_; }

 private:
  std::string get_status();
  Result<std::string, RequestError> get_recent_events(const rapidjson::Value& params);
  std::string get_sources();
  std::string get_clients();
  std::string get_snapshot();
  std::string get_event_types();

  BridgeView view_;
  const ClientDirectory* directory_ = nullptr;
  const std::int64_t started_wall_us_;
  const std::int64_t started_steady_us_;
};

}  // namespace bridge
