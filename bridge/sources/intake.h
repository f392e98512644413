// The way in: bodies from any socket become events of the log, or are refused and counted; those that
// count (source, run, source_seq) in their order, each once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/counters.h"
#include "base/log.h"
#include "event/envelope.h"
#include "event/schemas.h"
#include "log/event_log.h"
#include "log/own_events.h"
#include "log/type_counts.h"
#include "sources/repair_answer.h"
#include "sources/source_table.h"
#include "sources/source_tracker.h"

namespace bridge {

// What became of one message.
struct IntakeOutcome {
  std::uint64_t accepted = 0;  // events, and announcements too
  std::uint64_t rejected = 0;
  Reject first_reject = Reject::none;
  std::string first_detail;  // of the first rejected body
};

// Who sent a message, as far as that is known.
struct BodySender {
  std::string address = {}, name = {}, credential = {};
};
// Asked for only where something is wrong with the message.
using PeerName = std::function<BodySender()>;

// Whether its sender may publish events of this type as this source, "" for one that names none; of type _source: whether
// he may speak for it at all.
using SenderRule = std::function<bool(std::string_view type, std::string_view source)>;

// Of whom a control connection is.
struct HelloFrom {
  const SenderRule* rule = nullptr;  // null: any source's
  const PeerName* peer = nullptr;
  std::uint64_t since = 0;  // see SourceTable::hello()
};

// A message that is being taken in: a body, or several separated by newlines. Its bytes must stay.
struct IntakeBatch {
  // `peer` may be null where nobody knows.
  explicit IntakeBatch(std::string_view message, const PeerName* from = nullptr)
      : left(message), peer(from) {}

  std::string_view left;
  const PeerName* peer;
  const SenderRule* rule = nullptr;  // null: anything; stays until the batch has ended
  IntakeOutcome outcome;
  bool begun = false;
  bool one_body = false;
  bool ended = false;
};

// A body that was refused. The views end with the call.
struct RejectedBody {
  Reject why = Reject::none;
  std::string_view detail;
  std::string_view body;
  std::string_view source;  // as it names itself; may be empty
  BodySender peer;
};
using RejectListener = std::function<void(const RejectedBody&)>;

// One thread: the log's. All references must outlive it.
class Intake {
 public:
  Intake(std::size_t event_bytes_max, EventLog& log, SourceTable& sources,
         SourceTracker& tracker, TypeCounts& types, OwnEvents& own_events, Counters& counters,
         const Clock& clock, RejectListener on_reject);

  // Of the next ones.
  void set_event_bytes_max(std::size_t bytes) { parser_.set_event_bytes_max(bytes); }

  // From now on events' data is checked against these, and with `reject` refused where it is not as they say.
  // Null: nothing is.
  void set_schemas(Schemas* schemas, bool reject) {
    schemas_ = schemas;
    schemas_reject_ = reject;
  }

  // Takes one message: a body, or several separated by newlines, of which a bad one rejects itself
  // only. A body that is spread over lines (as people write JSON by hand) counts as one.
  // `outcome` may be null where nobody asks, `peer` where nobody knows.
  void take(std::string_view message, IntakeOutcome* outcome = nullptr,
            const PeerName* peer = nullptr);

  // The same in parts: goes on until about `cost_max` bytes are taken in, at least by one body, and
  // returns how many. A body counts for more than its bytes, a refused one for still more.
  // REQUIRES: begin_turn() in the same turn of the loop.
  std::size_t take_some(IntakeBatch& batch, std::size_t cost_max);
  // All that is taken in until the next call is of this moment: a reading of the clocks is a tenth of
  // what a lone event costs. Of events that waited so many go on in a turn, and the others in the next: then
  // `on_more` is called, once, and go_on() is to follow.
  void begin_turn();
  void set_on_more(std::function<void()> on_more) { on_more_ = std::move(on_more); }
  // True where it added to the log.
  bool go_on();

  // Takes what comes over a control connection, where it is a hello: true, and `reply` is what to answer
  // (empty: nothing). False where it is something else.
  bool take_hello(std::string_view connection, std::string_view body, std::string* reply,
                  const HelloFrom& from = {});

  // Where clients and browsers connect, for those that say hello; of characters that JSON takes as they are.
  void set_clients_address(std::string ws) { clients_address_ = std::move(ws); }

  // Called with a source that nobody is connected for and the address of a REP that it announces.
  void set_on_control(std::function<void(const std::string& source, const std::string& address)> f) {
    on_control_ = std::move(f);
  }

  // Takes what a source sent again, or that it did not. True where it added to the log. What comes
  // while something is being taken (a source restarts, and so its questions end) is taken behind
  // it. Events are taken a few at a time, later where there is an `on_more`. `rule`: of who sends them; null: anything.
  bool take_repair(const RepairAnswer& answer, const SenderRule* rule = nullptr);

  // Of answers that are not taken yet. No more should come in while it is much.
  std::size_t waiting_bytes() const { return waiting_bytes_; }

  // Looks after holes. Call every few milliseconds while tracker().busy(). True where it added to
  // the log.
  bool tick();

  // The bridge ends: what waits for nothing that could come goes on.
  void stop();

  const SourceTracker& tracker() const { return tracker_; }

 private:
  bool take_body(std::string_view body, IntakeOutcome& outcome);
  bool is_one_body_over_lines(std::string_view message);
  bool against_schema();
  void accept(std::string_view body);
  void announce();
  void append(Run* run, bool numbered);
  void tell_unbelieved(const PeerName* peer);
  template <class Change>
  bool change(Change&& f);
  void follow_up();
  // Events of an answer, as far as they were not taken yet.
  struct Repair {
    RepairAnswer answer;
    std::string text;
    std::string_view left;  // of it
    SenderRule rule;        // none: anything
    SourceTracker::AnswerPlace place;
  };
  void take_repairs();
  bool take_some(Repair& repair, Run& run);
  void take_repaired(Repair& repair, Run& run);
  void take_answer(const RepairAnswer& answer);
  void ask_for_more();
  Reject judge(const SenderRule* rule) const;
  const std::string& detail_of(Reject why) const;
  void take_deferred();
  void report_lost(const SourceTracker::Step& step);
  void reject(Reject reject, std::string_view body, IntakeOutcome& outcome);

  EnvelopeParser parser_;
  EventLog& log_;
  SourceTable& sources_;
  SourceTracker& tracker_;
  TypeCounts& types_;
  OwnEvents& own_events_;
  Counters& counters_;
  const Clock& clock_;
  const RejectListener on_reject_;
  std::function<void(const std::string& source, const std::string& address)> on_control_;
  std::string clients_address_;
  std::int64_t wall_us_ = 0;  // one reading of the clocks a message, or a turn
  std::int64_t steady_us_ = 0;
  SourceTracker::Step step_;           // kept for its memory
  const PeerName* peer_ = nullptr;     // of the message that is being taken
  const SenderRule* rule_ = nullptr;   // likewise
  Schemas* schemas_ = nullptr;
  bool schemas_reject_ = false;
  LogLimiter unbelieved_lines_;
  std::string mismatch_;               // of the event that was checked last
  std::function<void()> on_more_;
  std::size_t follow_up_left_ = 0;     // what they may cost in this turn
  bool more_ = false;                  // on_more_ was called
  bool taking_ = false;                // the parser and the step are in use
  std::deque<RepairAnswer> deferred_;  // none with events
  std::deque<Repair> repairs_;
  std::size_t waiting_bytes_ = 0;      // of these
  std::string repaired_;               // the body of one, kept for its memory
};

}  // namespace bridge
