#include "app/queue_sizes.h"

namespace bridge {

QueueSizes::QueueSizes(MemoryLedger& memory, const Queues& queues)
    : queues_(queues),
      history_(memory[Queue::history]),
      held_(memory[Queue::held_events]),
      journal_(memory[Queue::journal_queue]),
      runs_(memory[Queue::runs]),
      alerts_(memory[Queue::alerts]),
      past_(memory[Queue::past]),
      sources_(memory[Queue::sources]),
      commands_(memory[Queue::commands]),
      backlog_(memory[Queue::thread_backlog]),
      snapshot_(memory[Queue::snapshot]) {}

void QueueSizes::count() {
  history_.set(queues_.log.history().bytes());
  held_.set(queues_.tracker.held_bytes());
  if (queues_.journal != nullptr) {
    const JournalStatus journal = queues_.journal->status();
    journal_.set(journal.queue_bytes);
    runs_.set(journal.runs_memory_bytes);
  } else {
    runs_.set(queues_.runs.memory_bytes());
  }
  alerts_.set(queues_.alerts.memory_bytes());
  past_.set(queues_.past.bytes());
  sources_.set(queues_.sources.bytes());
  commands_.set(queues_.router.bytes());
  backlog_.set(queues_.clients.backlog_bytes());
  if (queues_.snapshot != nullptr) snapshot_.set(queues_.snapshot->bytes());
}

}  // namespace bridge
