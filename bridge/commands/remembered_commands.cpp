#include "commands/remembered_commands.h"

#include <algorithm>
#include <iterator>

#include "commands/remote_command.h"

namespace bridge {
namespace {

std::string key_of(const Command& command) {
  return command.idempotency_key.empty() ? "" : command.requester + '\n' + command.idempotency_key;
}

}  // namespace

bool tries_again(const TrainerAnswer& answer) {
  if (answer.success) return false;
  switch (answer.error.type) {
    case ErrorType::busy:
    case ErrorType::timeout:
    case ErrorType::unknown_target:
      return true;
    default:
      return is_away(answer.error);
  }
}

std::size_t CommandRequest::bytes() const {
  std::size_t sum = sizeof(CommandRequest) + command.params_json.size() + command.target.size() +
                    2 * (command.requester.size() + command.idempotency_key.size());
  for (const TrainerAnswer& answer : outcome.answers) {
    sum += sizeof answer + answer.result_json.size() + answer.error.message.size();
  }
  return sum;
}

CommandRequestPtr RememberedCommands::find(const Command& command, std::int64_t now_us) {
  make_room(now_us);
  const auto found = by_key_.find(key_of(command));
  return found == by_key_.end() ? nullptr : found->second.request;
}

void RememberedCommands::add(const CommandRequestPtr& request) {
  const std::string key = key_of(request->command);
  if (key.empty()) return;
  if (const auto earlier = by_key_.find(key); earlier != by_key_.end()) forget(earlier);
  order_.push_back(key);
  const std::size_t bytes = request->bytes();
  by_key_[key] = {request, std::prev(order_.end()), bytes};
  bytes_ += bytes;
}

void RememberedCommands::finish(const CommandRequest& request) {
  const auto found = by_key_.find(key_of(request.command));
  if (found == by_key_.end() || found->second.request.get() != &request) return;
  const auto& answers = request.outcome.answers;
  if (std::all_of(answers.begin(), answers.end(), tries_again)) return forget(found);
  bytes_ += request.bytes() - found->second.bytes;
  found->second.bytes = request.bytes();
  make_room(request.submitted_us);
}

// Keys leave in the order in which they came.
void RememberedCommands::make_room(std::int64_t now_us) {
  while (!order_.empty()) {
    const auto oldest = by_key_.find(order_.front());
    const CommandRequest& request = *oldest->second.request;
    const bool full = by_key_.size() >= kIdempotencyKeysMax || bytes_ > bytes_max_;
    if (!request.done || (!full && now_us - request.submitted_us < kIdempotencyUs)) return;
    forget(oldest);
  }
}

void RememberedCommands::forget(Entries::iterator entry) {
  bytes_ -= entry->second.bytes;
  order_.erase(entry->second.order);
  by_key_.erase(entry);
}

}  // namespace bridge
