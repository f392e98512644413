// Questions to the bridge that have no answer yet.
#pragma once

#include <cstdint>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "feed/message.h"
#include "feed/subscription.h"

namespace feed {

// A question. Its asker holds it too, but looks at nothing of it before the answer.
struct Call {
  std::string id;
  std::string action;
  std::string fields;  // members of the request besides
  std::optional<Subscription> replacing;
  std::promise<Reply> answer;
  bool sent = false;
};

Reply no_answer(Reply::Outcome outcome, const char* type, std::string why);

// One thread.
class Calls {
 public:
  static constexpr const char* kIdPrefix = "feed-";
  // Whether an id is one of next_id()'s, of this client or another.
  static bool is_own(const std::string& id) { return id.rfind(kIdPrefix, 0) == 0; }
  // For a request of this client, each once.
  std::string next_id() { return kIdPrefix + std::to_string(++next_id_); }

  // Waits for an answer from now on, under an id of its own.
  void add(const std::shared_ptr<Call>& call);
  // Nobody waits for it any more.
  void forget(const std::string& id) { calls_.erase(id); }
  bool empty() const { return calls_.empty(); }
  // Whom this answers; null: nobody waits for it.
  std::shared_ptr<Call> take(const std::string& id);

  // Hands over to `send` what has not been sent; `epoch` is that of places in the log.
  using Send = std::function<bool(const std::string& request)>;
  void send(const std::string& epoch, const Send& send);

  // Ends those that were sent: whether they were carried out, nobody knows, so they are not sent again. Those that were not
  // wait for the next connection, as long as their deadlines let them, unless there is none to come (`all`).
  void drop(const std::string& why, bool all);

 private:
  std::map<std::string, std::shared_ptr<Call>> calls_;
  std::uint64_t next_id_ = 0;
};

}  // namespace feed
