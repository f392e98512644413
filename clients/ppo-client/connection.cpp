#include "ppo-client/connection.h"

#include <unistd.h>

#include <chrono>
#include <utility>

#include "ppo-client/text.h"

namespace client {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr milliseconds kTick{100};

}  // namespace

feed::Options feed_options(const Options& options, feed::Subscription subscription) {
  feed::Options feed;
  feed.url = options.url;
  feed.client_id = "ppo-client-" + std::to_string(::getpid());
  feed.client_type = "terminal";
  feed.token = options.token;
  feed.ca = options.ca;
  feed.subscription = std::move(subscription);
  feed.connect_timeout = options.timeout;
  feed.backoff = options.backoff;
  return feed;
}

feed::Subscription no_events() {
  feed::Subscription none;
  none.types.emplace();
  return none;
}

std::optional<ExitCode> await_connection(feed::Client& client, const Options& options, Output& err,
                                         const std::function<bool()>& stop,
                                         feed::Notice* connected) {
  const auto until = Clock::now() + options.wait;
  std::string reason;
  while (!stop()) {
    const std::optional<feed::Message> message = client.next(kTick);
    if (message && message->kind == feed::Message::Kind::kConnected) {
      if (connected != nullptr) *connected = message->notice;
      return std::nullopt;
    }
    if (message && message->kind == feed::Message::Kind::kFailed) {
      err.line(error_line(message->notice.error_type, message->notice.reason));
      err.flush();
      return message->notice.error_type.empty() ? kExitFailed : kExitRefused;
    }
    if (message && message->kind == feed::Message::Kind::kDisconnected) {
      reason = message->notice.reason;
    }
    if (!reason.empty() && Clock::now() >= until) {
      err.line("cannot connect to " + printable(options.url) + ": " + printable(reason));
      err.flush();
      return kExitFailed;
    }
  }
  return kExitOk;
}

std::string error_line(const std::string& error_type, const std::string& message) {
  std::string line = "error";
  if (!error_type.empty()) line += ": " + error_type;
  if (!message.empty()) line += ": " + message;
  return printable(line);
}

}  // namespace client
