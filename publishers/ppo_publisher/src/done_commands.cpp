#include "done_commands.h"

#include <algorithm>
#include <utility>

#include "command_message.h"
#include "names.h"

namespace ppo {

std::optional<std::string> DoneCommands::find(const WaitingCommand& waiting,
                                              Clock::time_point now) {
  if (waiting.idempotency_key.empty()) return std::nullopt;
  const std::lock_guard lock(mutex_);
  forget(0, now);
  const Done* const done = known(waiting.idempotency_key);
  if (done == nullptr) return std::nullopt;
  const Command& then = done->command;
  const Command& command = waiting.command;
  if (then.name != command.name || then.agent_id != command.agent_id ||
      then.params != command.params) {
    return error_reply(command.id, "bad_request",
                       "idempotency_key is of another command: " +
                           printable(then.name + " " + then.agent_id + " " + then.params));
  }
  return repeated_reply(done->reply, then.id, command.id);
}

void DoneCommands::add(const WaitingCommand& waiting, std::string reply, Clock::time_point now) {
  if (waiting.idempotency_key.empty()) return;
  Done done{waiting.command, waiting.idempotency_key, std::move(reply), now};
  const std::lock_guard lock(mutex_);
  if (known(done.key) != nullptr) return;
  forget(done.bytes(), now);
  bytes_ += done.bytes();
  done_.push_back(std::move(done));
}

const DoneCommands::Done* DoneCommands::known(const std::string& key) const {
  const auto found = std::find_if(done_.begin(), done_.end(),
                                  [&key](const Done& done) { return done.key == key; });
  return found == done_.end() ? nullptr : &*found;
}

// The oldest, until there is so much room.
void DoneCommands::forget(std::size_t room, Clock::time_point now) {
  while (!done_.empty()) {
    const bool full = room != 0 && (done_.size() >= kDoneMax || bytes_ + room > kDoneBytesMax);
    if (!full && now - done_.front().at < kDoneFor) return;
    bytes_ -= done_.front().bytes();
    done_.pop_front();
  }
}

}  // namespace ppo
