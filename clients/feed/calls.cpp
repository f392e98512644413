#include "feed/calls.h"

#include <utility>

#include "feed/json.h"

namespace feed {

Reply no_answer(Reply::Outcome outcome, const char* type, std::string why) {
  Reply reply;
  reply.outcome = outcome;
  reply.error_type = type;
  reply.error = std::move(why);
  return reply;
}

void Calls::add(const std::shared_ptr<Call>& call) {
  call->id = next_id();
  calls_[call->id] = call;
}

std::shared_ptr<Call> Calls::take(const std::string& id) {
  const auto found = calls_.find(id);
  if (found == calls_.end()) return nullptr;
  std::shared_ptr<Call> call = std::move(found->second);
  calls_.erase(found);
  return call;
}

void Calls::send(const std::string& epoch, const Send& send) {
  for (const auto& [id, call] : calls_) {
    if (call->sent) continue;
    json::Object request;
    request.add_string("action", call->action).add_string("id", id);
    if (call->replacing) add_members(*call->replacing, since_json(call->replacing->since, epoch), request);
    request.add_members_of(call->fields);
    call->sent = send(request.text());
  }
}

void Calls::drop(const std::string& why, bool all) {
  for (auto entry = calls_.begin(); entry != calls_.end();) {
    Call& call = *entry->second;
    if (!all && !call.sent) {
      ++entry;
      continue;
    }
    call.answer.set_value(no_answer(Reply::Outcome::kDisconnected, "disconnected", why));
    entry = calls_.erase(entry);
  }
}

}  // namespace feed
