// A thread for questions about runs, so that they hold up neither the log nor the journal. It reads the journal's
// file over a connection of its own; where there is no journal it keeps the runs in memory.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/clock.h"
#include "runs/asker_rounds.h"
#include "runs/run_queries.h"

namespace bridge {

// Where questions about runs are asked. One thread: the log's.
class PastRuns {
 public:
  using Done = std::function<void(const Result<RunAnswer, RequestError>&)>;
  virtual ~PastRuns() = default;

  // `done` is called once, later, on this thread, unless `asker` has expired. False where too much waits already.
  // `scope`: what he may read; null: everything. What he may not read he may not change.
  [[nodiscard]] virtual bool ask(RunQuery query, ReadScopePtr scope, std::weak_ptr<const void> asker, Done done) = 0;
};

struct RunsThreadOptions {
  std::string path;  // of the journal; "": in memory
  RunLimits limits;  // of what is in memory
  std::size_t queue_bytes_max = 32u << 20;  // of blocks that are yet to be folded in; likewise
};

// Constructor, destructor, ask() and push() on one thread.
class RunsThread final : public PastRuns {
 public:
  // What became of a question before it is read up: what is in memory of the journal's is written, or the change
  // that it is about is.
  // not_proposed, not_taken: by the log of a cluster; the second may be so later.
  enum class Prepared { read, changed, unknown_run, failed, not_proposed, not_taken };
  struct Listener {
    std::function<void(std::function<void()>)> post;  // runs a function on the asker's thread, later
    std::function<void(const RunQuery&, std::function<void(Prepared)>)> prepare;
  };

  RunsThread(RunsThreadOptions options, const Clock& clock, Listener listener);
  ~RunsThread() override;

  bool ask(RunQuery query, ReadScopePtr scope, std::weak_ptr<const void> asker, Done done) override;

  // Folds a block in, in memory. What there is no room for is counted as missed.
  void push(BlockPtr block);
  // Of what waits, and of all that is in memory.
  std::size_t memory_bytes() const;

 private:
  struct Question {
    RunQuery query;
    ReadScopePtr scope;
    std::weak_ptr<const void> asker;
    Done done;
    std::uint64_t round = 0;
  };
  void on_prepared(Question question, Prepared prepared);
  void run();
  void begin_in_memory();  // opens the database where there is none yet; throws DatabaseError
  void fold(const std::deque<BlockPtr>& blocks);
  bool enough_waits() const;  // that it does not gather any longer; mutex_ is held
  std::size_t held_bytes() const;
  Result<RunAnswer, RequestError> answer(const Question& question);

  const RunsThreadOptions options_;
  const Clock& clock_;
  const Listener listener_;
  AskerRounds rounds_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Question> questions_;  // guarded; by their rounds
  std::uint64_t begun_round_ = 0;   // guarded
  std::deque<BlockPtr> blocks_;     // guarded
  std::size_t queue_bytes_ = 0;     // guarded; with what is being folded in
  std::uint64_t missed_ = 0;        // guarded: events
  std::size_t memory_bytes_ = 0;    // guarded: of the database and the store
  bool stopping_ = false;           // guarded

  // The thread's own.
  std::unique_ptr<Database> memory_;
  std::unique_ptr<RunStore> store_;

  const std::shared_ptr<char> alive_ = std::make_shared<char>();
  std::thread thread_;
};

}  // namespace bridge
