// The audit log: who came in, who did not, and who commanded what, as JSON lines that stay on disk (PROTOCOL section 10).
//
// A thread of its own writes them and answers get_audit. Who records waits for no disk: what there is no room for in the
// queue, or on the disk, is counted, and said in the log and, once there is room again, in the file ("lost").
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "audit/audit_file.h"
#include "audit/audit_lines.h"
#include "base/clock.h"
#include "base/result.h"

namespace bridge {

inline constexpr std::size_t kAuditLinesAskedMax = 1000;

struct AuditOptions {
  AuditFileOptions file;  // path "": lines go to the bridge's log, questions that were answered left out
  std::function<void(std::function<void()>)> post;  // runs a function later on the thread that asks
  std::size_t queue_bytes_max = 1 << 20;
};

struct AuditCounts {
  std::uint64_t lines = 0;     // written
  std::uint64_t left_out = 0;  // no room in the queue
  std::uint64_t failed = 0;    // not taken by the disk
};

// start(), ask() and the destructor on one thread, all else on any. The clock outlives it.
class Audit {
 public:
  Audit(AuditOptions options, const Clock& clock);
  // Waits a second at most for what is to be written yet.
  ~Audit();
  Audit(const Audit&) = delete;
  Audit& operator=(const Audit&) = delete;

  // A failure names audit.file and why it cannot be opened.
  Result<bool> start();

  void record(const AuditEntry& entry);

  bool has_file() const { return !options_.file.path.empty(); }
  // `done` is called later, by `post`, with {"entries":[..],"before":..} : the newest first; see AuditFile::read().
  // False where too many wait already.
  [[nodiscard]] bool ask(std::string before, std::size_t count, std::function<void(std::string result_json)> done);

  AuditCounts counts() const;
  // Why lines are lost; "" where none are.
  std::string problem() const;

 private:
  struct State;
  static void run(const std::shared_ptr<State>& state);

  const AuditOptions options_;
  const std::shared_ptr<State> state_;  // the thread's as well, which may hang in a write when the program ends
};

// A command that is under way: recorded once it is known what became of it, or that nobody will know.
class AuditNote {
 public:
  AuditNote(std::weak_ptr<Audit> audit, AuditEntry entry);
  ~AuditNote();
  AuditNote(const AuditNote&) = delete;
  AuditNote& operator=(const AuditNote&) = delete;

  void end(std::string_view outcome);
  // It was none: nothing is recorded.
  void leave_out() { audit_.reset(); }

 private:
  std::weak_ptr<Audit> audit_;  // what is under way may outlive it
  AuditEntry entry_;
};

}  // namespace bridge
