// What the journal has of alerts, kept up to date.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "alerts/alert_records.h"
#include "base/clock.h"

namespace bridge {

// Rows besides those of AlertKey: up to where events were looked at, and the last number that was given to an alert.
inline constexpr const char* kAlertsPosition = "position";
inline constexpr const char* kAlertsLastId = "last_id";

// What has changed is written within a second or two, as it all was at one moment, and once the events that told of it
// are on disk: after a kill a few events are looked at again, and nothing is known that the log does not tell. One
// thread: the log's.
class AlertKeeper {
 public:
  using Rows = std::vector<std::pair<std::string, std::string>>;  // a name, and a value or, to take it away, ""
  struct Links {
    // Writes them, and calls back whether that is done. Null: there is no journal.
    std::function<void(Rows, std::function<void(bool)>)> keep;
    std::function<std::uint64_t()> committed_seq;
  };

  // `alerts` outlives this.
  AlertKeeper(const AlertsById& alerts, const Clock& clock, Links links)
      : alerts_(alerts), clock_(clock), links_(std::move(links)) {}

  // The journal's rows were read: up to here its alerts had looked.
  void begin(std::uint64_t position) { saved_position_ = position; }

  bool keeps() const { return links_.keep != nullptr; }
  // Whether the journal has this as it is now.
  bool has(const AlertKey& key) const { return keeps() && dirty_.count(key) == 0; }

  // Call before what the record tells of changes.
  void changes(AlertKey key);

  // Writes what has changed, a part a call. `looked_at`: up to where events were; `seq`: all that was told until now is
  // in the log up to it. Not `settled`: something is half done.
  void save(std::uint64_t looked_at, std::uint64_t seq, bool settled);
  // The same, without waiting for the second to be over. False while the journal has not been given it all: call again.
  bool save_now(std::uint64_t looked_at, std::uint64_t seq, bool settled);

  // Writes these at once; `keys` are written again where that fails. `done` is called once, now or later, unless this
  // goes first.
  void keep(Rows rows, std::set<AlertKey> keys, const std::function<void(bool kept)>& done);
  // The alert is deleted, with all that it had raised: nothing that waits brings it back.
  void forget(std::uint64_t alert_id);

 private:
  // Rows as they were at one moment, to be written once the log is on disk up to `seq`.
  struct Capture {
    std::uint64_t seq;
    std::set<AlertKey> left, made;  // those that are not in `rows` yet, and those that are
    Rows rows;
  };
  void make_row(std::set<AlertKey>::iterator key);

  const AlertsById& alerts_;
  const Clock& clock_;
  const Links links_;
  std::set<AlertKey> dirty_;
  std::optional<Capture> capture_;
  std::uint64_t saved_position_ = 0;
  std::int64_t saved_us_ = 0;
  bool saving_ = false;
  const std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace bridge
