// Dead-man's switches of a cluster (PROTOCOL section 12): armed, re-armed and disarmed over any bridge, issued by one.
//
// What is armed is a row that all bridges have alike. Each counts the time on its own clock from when it has read the row.
// Whose row it is proposes first that the switch has expired, the others a little later; who is first in the log has it in
// hand, issues the command and then drops it. Where that bridge is not heard of any more the next one takes it up again. So
// the command is issued at least once; it goes with one idempotency key, by which the trainer's bridge knows it.
//
// While the log stands still nobody can tell what was re-armed elsewhere. Then, kInterlockUs after its time was over, each
// bridge issues it to its own trainers: it fails towards acting.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "cluster/log_pulse.h"
#include "cluster/shared_rows.h"
#include "event/messages.h"

namespace bridge {

inline constexpr std::size_t kSwitchAsksMax = 1024;            // that wait to be in the log
inline constexpr std::int64_t kSwitchAskUs = 5'000'000;        // then who waits is told so
inline constexpr std::int64_t kInterlockUs = 10'000'000;       // and the switch's time: the log has stood still for so long
inline constexpr std::int64_t kSwitchGraceUs = 10'000'000;     // at least, of one that was armed before this process
inline constexpr std::int64_t kSwitchSettleUs = 2'000'000;     // behind a stall: what waited to be re-armed comes first
inline constexpr std::int64_t kSwitchOthersUs = 500'000;       // that other bridges are later

// What switches need of others.
struct SwitchLinks {
  std::function<std::string()> problem;                    // why nothing can be proposed any more; "": not known
  std::function<bool(const std::string& node)> is_live;    // heard of, and has part in the cluster
  std::function<bool()> is_first;                          // no other live bridge has a smaller name
  // `data` of the event that tells of it.
  std::function<std::string(const std::string& name, const std::string& params_json)> told;
  // Issues it; here_only: to this bridge's own trainers, where it is for any. `done` is called once: whether all were reached whom it is for.
  std::function<void(const std::string& name, const std::string& params_json, const std::string& key, bool here_only,
                     std::function<void(bool reached)> done)>
      issue;
};

// Pure logic. One thread: the log's. References must outlive it.
class ClusterSwitches {
 public:
  // What came of it; of disarm(): whether it was armed.
  using Answer = std::function<void(const Result<bool, RequestError>&)>;

  ClusterSwitches(std::string node, SharedRows& rows, const Clock& clock, SwitchLinks links);

  // `answer` is called once, at once or later, unless this goes first.
  void arm(const std::string& name, std::int64_t timeout_us, const std::string& params_json, Answer answer);
  void disarm(const std::string& name, Answer answer);

  // Call every few tens of milliseconds.
  void tick(const LogPulse& pulse);

 private:
  // What this process knows of a row.
  struct Local {
    std::uint64_t version = 0;
    std::int64_t since_us = 0;  // it has known that version
    std::int64_t not_before_us = INT64_MIN;
    std::int64_t again_us = INT64_MIN;  // what it proposed of it may be proposed again
    int tries = 0;                      // to issue it
    bool waits = false;                 // for what came of the last one
    bool done = false;                  // it is to be dropped
    bool acted = false;                 // on its own trainers
    std::uint64_t seen = 0;
  };
  struct Ask {
    Answer answer;  // null: it has been called
    std::int64_t until_us = 0;
  };
  using AskPtr = std::shared_ptr<Ask>;

  std::optional<RequestError> refusal() const;
  AskPtr ask(Answer answer);
  void give_up(const AskPtr& waits);
  void answer_late(std::int64_t now_us);
  Local& local_of(const std::string& key, std::uint64_t version, std::int64_t now_us);
  void look_at_armed(const std::string& key, const FoldRow& row, const LogPulse& pulse, std::int64_t now_us);
  void look_at_taken(const std::string& key, const FoldRow& row, const LogPulse& pulse, std::int64_t now_us);
  void issue(const std::string& key, const FoldRow& row, Local& local);

  const std::string node_;
  SharedRows& rows_;
  const Clock& clock_;
  const SwitchLinks links_;
  std::map<std::string, Local> locals_;  // by key
  std::list<AskPtr> asks_;               // in the order of their ends
  std::int64_t still_us_ = 0;            // how long the log has stood still, as of the last tick
  std::uint64_t ticks_ = 0;
};

}  // namespace bridge
