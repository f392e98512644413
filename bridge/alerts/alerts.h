// Alerts as the log's thread has them: which there are and what is raised, their commands, events and actions.
// PROTOCOL section 9.
//
// It feeds its thread from a cursor of its own, out of memory or, behind that, the journal. Where that had come is kept
// (AlertKeeper): after a kill a few events are looked at again, and what the log tells already is not told twice.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rapidjson/document.h>

#include "alerts/alert_keeper.h"
#include "alerts/alerts_asker.h"
#include "alerts/alerts_thread.h"
#include "alerts/webhooks.h"
#include "base/clock.h"
#include "base/counters.h"
#include "base/log.h"
#include "base/result.h"
#include "cluster/shared_rows.h"
#include "event/json_writer.h"
#include "event/messages.h"
#include "log/event_log.h"
#include "log/own_events.h"
#include "log/past_reader.h"

namespace bridge {

struct AlertsOptions {
  std::size_t bytes_max = 16u << 20;  // of what waits and what is remembered
  std::size_t alerts_max = 1'000;
  std::vector<std::string> webhook_hosts;
};

// What alerts need of others. All is called on the log's thread, and calls back there.
struct AlertsLinks {
  using Rows = AlertKeeper::Rows;

  std::function<void(std::function<void()>)> post;  // from any thread
  PastReader* past = nullptr;                       // null where there is no journal, and both of these:
  std::function<void(Rows, std::function<void(bool)>)> keep;
  std::function<std::uint64_t()> committed_seq;
  // Why `command` is no command for a trainer.
  std::function<std::optional<RequestError>(const rapidjson::Value& command)> check_command;
  // Carries it out in the name of `from`. Without a target in it, `target` is meant. `done` is called once with
  // "success" or the error's type, and its message.
  std::function<void(const rapidjson::Value& command, const std::string& target, const std::string& from,
                     std::function<void(const std::string& outcome, const std::string& message)> done)>
      run_command;
};

// One thread: the log's. References must outlive it.
class Alerts {
 public:
  Alerts(AlertsOptions options, EventLog& log, OwnEvents& events, Counters& counters, const Clock& clock,
         AlertsLinks links);

  // Begins with what the journal had. Not `known`: there may be alerts in a journal that cannot be read.
  void start(const AlertsLinks::Rows& rows, bool known);
  // Of a bridge that is one of several: from now on alerts are rows that all of them have alike. Each looks at events; what is raised
  // and over is told, and acted on, by the one of which `tells` is true, and the others take it from the log. REQUIRES: start().
  void share(SharedRows& rows, std::function<bool()> tells);
  // A row has changed. REQUIRES: all events that are before it are in the log, and none behind.
  void on_rows();
  // Call every few milliseconds.
  void tick();
  // Has what was acknowledged written at once, rather than within a second or two. False while it is under way: call again.
  bool keep_now();

  static bool knows(std::string_view command);
  using Done = std::function<void(const Result<std::string, RequestError>&)>;
  // Calls `done` once with the command's `result` as JSON, now or later. `params` may be null (JSON) or an object.
  // Returns what it costs, see RequestBudget. REQUIRES: knows(command), and it is no list.
  std::uint64_t run(std::string_view command, const rapidjson::Value& params, const AlertsAsker& asker, const Done& done);

  // list_alerts: writes more of its result, until that has cost about `work_max`, and adds what it cost. True at its end.
  static bool is_list(std::string_view command) { return command == "list_alerts"; }
  struct Place {
    std::uint64_t alert_id = 0;  // written up to here
    std::optional<AlertSubject> raised = std::nullopt;  // and of that one, where it is open, up to here
    bool open = false;
    std::uint64_t seq = 0, behind = 0;  // when it was begun
  };
  // `scope`: what who asks may read; null: everything.
  bool list(Place& place, const ReadScopePtr& scope, JsonWriter& json, std::uint64_t work_max, std::uint64_t* work) const;

  std::size_t memory_bytes() const { return thread_.memory_bytes(); }

 private:
  using Params = rapidjson::Value;

  // Something that is done some at a time; true when it is.
  using Steps = std::function<bool()>;

  // Commands: alert_commands.cpp.
  void create(const Params& params, const Done& done);
  std::uint64_t end_raised(std::uint64_t id, const std::string& by, bool remove, const Done& done);
  void take_away(std::uint64_t id, AlertsLinks::Rows rows, std::set<AlertKey> keys, const Done& done);
  std::optional<RequestError> read_action(const rapidjson::Value& action, Alert* alert) const;
  void answer(const std::string& members, bool kept, const Done& done) const;

  void begin(Alert alert, Rule rule);
  // Of a cluster: alert_rows.cpp.
  void create_row(const Alert& alert, const Done& done);
  void change_row(std::uint64_t id, const std::string& by, bool remove, const Done& done);
  void take_row(const std::string& key, const FoldRow& row);
  void watch_role();
  std::function<void(const Result<std::string, RequestError>&)> in_time(const Done& done);

  void load(const AlertsLinks::Rows& rows);
  void watch(const Alert& alert, Rule rule);
  void pump();
  void on_slice(std::uint64_t from, const PastReader::Slice& slice);
  void push(const BlockPtr& block, std::uint64_t from);
  void in_turn(Steps steps);
  void go_on();
  bool apply_some(const AlertsThread::Progress& progress, std::size_t& next);
  void apply(const AlertChange& change);
  void tell(const Alert& alert, const AlertChange& change, const char* reason, const std::string& by = {});
  void act(const Alert& alert, const AlertChange& change);
  void acted(std::uint64_t id, std::uint64_t seq, const char* action, const std::string& outcome,
             const std::string& message);
  void save();
  static void put_head(JsonWriter& json, const Alert& alert, bool with_actions);

  const AlertsOptions options_;
  EventLog& log_;
  OwnEvents& events_;
  Counters& counters_;
  const Clock& clock_;
  const AlertsLinks links_;
  const std::shared_ptr<char> alive_ = std::make_shared<char>();

  AlertsById alerts_;
  AlertKeeper keeper_;
  std::uint64_t last_id_ = 0;
  std::uint64_t cursor_ = 0;      // handed to the thread
  std::uint64_t looked_at_ = 0;   // by the thread
  bool reading_ = false;

  std::deque<Steps> under_way_;  // in order: what the thread told of, and what ends or acknowledges many

  LogLimiter failed_lines_;

  SharedRows* rows_ = nullptr;  // null: alerts are this bridge's own
  std::function<bool()> tells_;
  bool follows_ = false;  // another bridge tells
  bool deferred_ = false;  // something of a row is to be done once more was looked at
  struct Waiting {
    Done done;
    std::int64_t until_us = 0;
  };
  std::deque<std::shared_ptr<Waiting>> waiting_;  // for a row to be in the log

  Webhooks webhooks_;
  AlertsThread thread_;
};

}  // namespace bridge
