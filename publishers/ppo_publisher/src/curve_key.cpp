#include "curve_key.h"

#include <utility>

namespace ppo {
namespace {

constexpr std::chrono::milliseconds kAnswer{2500};  // a bridge that takes hellos has answered one by then
constexpr std::chrono::seconds kAgain{5};

}  // namespace

Handshakes::Handshakes(std::string endpoint, std::optional<CurveKey> key, Say say)
    : endpoint_(std::move(endpoint)), key_(std::move(key)), say_(std::move(say)) {}

bool Handshakes::see(int event) {
  if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
    broken_ = 0;
    said_.clear();
    asked_at_.reset();
    again_at_ = Clock::time_point::max();
  }
  const std::string why = connecting::refusal(event, key_, broken_);
  if (!why.empty()) refuse(why);
  return (event & connecting::kFailures) != 0;
}

void Handshakes::refuse(const std::string& why) {
  again_at_ = Clock::now() + kAgain;
  say(why + "; events wait, it is tried again");
}

void Handshakes::say(const std::string& why) {
  const std::string text = "the bridge at " + endpoint_ + " " + why;
  if (said_.insert(text).second && say_) say_(text);
}

void Handshakes::unanswered() {
  if (!key_) return;
  if (!asked_at_) asked_at_ = Clock::now();
  if (Clock::now() < *asked_at_ + kAnswer) return;
  say("takes nothing from this source: the key of " + key_->path + " speaks for its own name, and for names that begin with that and '-'");
}

void Handshakes::move_to(const std::string& endpoint) {
  endpoint_ = endpoint;
  broken_ = 0;
  again_at_ = Clock::time_point::max();
}

void Handshakes::connect_again(zmq::socket_t& socket) {
  if (again_at_ == Clock::time_point::max()) return;
  try {
    socket.disconnect(endpoint_);
  } catch (const zmq::error_t&) {
    // ZeroMQ had given it up already.
  }
  if (Clock::now() < again_at_) return;
  again_at_ = Clock::time_point::max();
  connecting::connect(socket, endpoint_);
}

}  // namespace ppo
