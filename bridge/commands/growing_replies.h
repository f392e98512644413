// Replies that take long to write, such as lists: they are written in steps, so that none holds the loop up.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>

#include "base/memory_ledger.h"
#include "base/result.h"
#include "base/work_queue.h"
#include "event/json_writer.h"
#include "event/messages.h"

namespace bridge {

// Called with a command's `result` as JSON text.
using ResultDone = std::function<void(Result<std::string, RequestError>)>;

// All that are being written, at most kWaitingWorkMax of one asker. What they have so far is bounded over all of them:
// beyond half of the share only small ones and the oldest go on, the others are held until one has ended. So nobody is
// refused for what others ask for, and one always goes on. One thread: the log's.
class GrowingReplies {
 public:
  enum class State { more, waiting, ended };
  struct Reply {
    JsonWriter json;
    std::size_t kept_bytes = 0;  // what its writer keeps besides
  };
  using ReplyPtr = std::shared_ptr<Reply>;
  // One step: writes more until it has cost about kStepWork, and adds what it cost. `waiting`: until resume().
  using Write = std::function<State(const ReplyPtr&, std::uint64_t* work)>;

  // `work` null: each is written at once. `share` null: nobody counts. Both must outlive it.
  GrowingReplies(WorkQueue* work, MemoryShare* share);
  ~GrowingReplies();

  // Calls `done` once, now or later, unless the account ends before. A null account is nobody's: all is written at
  // once. `kept_bytes`: what its writer keeps already.
  void write(const std::shared_ptr<RequestBudget>& account, const ResultDone& done, Write step,
             std::size_t kept_bytes = 0);
  // Of one whose step was waiting.
  void resume(const ReplyPtr& reply);
  // Calls `done` with what is written already: in a turn of its own where that is much, as telling it costs too.
  // `held` is held until then.
  void tell(const std::weak_ptr<RequestBudget>& account, const ResultDone& done, std::string json,
            std::shared_ptr<const void> held = nullptr);

 private:
  struct Growing;
  struct All;
  void go_on(const std::shared_ptr<Growing>& reply, bool first);
  std::uint64_t step(const std::shared_ptr<Growing>& reply, bool* paused);
  bool may_go_on(const Growing& reply) const;
  bool may_wait();

  WorkQueue* const work_;
  MemoryShare* const share_;
  const std::shared_ptr<All> all_;
  std::set<std::shared_ptr<Growing>> waiting_;
};

}  // namespace bridge
