#include "ppo-client/tail_check.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "feed/bridges.h"
#include "feed/client.h"
#include "feed/json.h"
#include "ppo-client/connection.h"
#include "ppo-client/log_check.h"
#include "ppo-client/number.h"
#include "ppo-client/text.h"

namespace client {
namespace {

using feed::Message;
using std::chrono::milliseconds;
using Steady = std::chrono::steady_clock;

constexpr milliseconds kSayEvery{2000};
constexpr milliseconds kCheckTick{20};
constexpr int kMessagesAtOnce = 1000;
// Wrong things that are told one by one.
constexpr std::uint64_t kToldMax = 20;

class Checking {
 public:
  Checking(const Options& options, const TailOptions& task, Output& out, Output& err)
      : json_(options.json),
        from_now_(std::holds_alternative<std::monostate>(task.subscription.since)),
        urls_(bridge_list::split(options.url)),
        check_(urls_),
        there_(urls_.size(), false),
        out_(out),
        err_(err) {
    feed::Subscription all;
    all.since = task.subscription.since;
    all.batch = true;
    for (const std::string& url : urls_) {
      feed::Options one = feed_options(options, all);
      one.url = url;
      one.doubles = true;
      clients_.push_back(std::make_unique<feed::Client>(one));
      clients_.back()->start();
    }
  }

  // What has come from all of them; waits a moment where that is nothing.
  void turn() {
    bool came = false;
    for (std::size_t i = 0; i < clients_.size(); ++i) {
      for (int n = 0; n < kMessagesAtOnce; ++n) {
        const auto message = clients_[i]->next(milliseconds(0));
        if (!message) break;
        came = true;
        take(i, *message);
      }
    }
    if (came) return;
    turn_ = (turn_ + 1) % clients_.size();
    if (const auto message = clients_[turn_]->next(kCheckTick)) take(turn_, *message);
  }

  void say_progress() {
    if (json_) {
      feed::json::Object line;
      line.add_number("compared", check_.compared()).add_number("wrong", wrong_);
      line.add_number("not_compared", check_.not_compared());
      std::string bridges;
      for (std::size_t i = 0; i < urls_.size(); ++i) {
        feed::json::Object bridge;
        bridge.add_string("url", urls_[i]).add_number("seq", check_.last(i)).add("connected", there_[i] ? "true" : "false");
        bridges += (i == 0 ? "" : ",") + bridge.text();
      }
      out_.line(line.add("bridges", "[" + bridges + "]").text());
    } else {
      std::string line = grouped(check_.compared()) + " events compared, " + grouped(wrong_) + " wrong";
      for (std::size_t i = 0; i < urls_.size(); ++i) {
        line += "; " + urls_[i] + (there_[i] ? " at " : " away at ") + grouped(check_.last(i));
      }
      out_.line(printable(line));
    }
    out_.flush();
  }

  std::uint64_t compared() const { return check_.compared(); }
  bool failed() const { return failed_; }

  ExitCode end() {
    for (const auto& client : clients_) client->stop();
    say_progress();
    for (std::size_t i = 0; i < urls_.size(); ++i) {
      if (!ever_[i]) note("error: " + urls_[i] + " was never there");
    }
    if (check_.not_compared() > 0) {
      note("error: " + grouped(check_.not_compared()) + " events were not compared: a bridge was too far behind");
    }
    return told_ ? kExitFailed : kExitOk;
  }

 private:
  void take(std::size_t bridge, const Message& message) {
    switch (message.kind) {
      case Message::Kind::kEvent:
        return judge(check_.event(bridge, message.envelope, message.text));
      case Message::Kind::kGap:
        return judge(urls_[bridge] + " says that events are missing: " + message.text);
      case Message::Kind::kConnected:
        there_[bridge] = ever_[bridge] = true;
        return judge(check_.connected(bridge, message.notice.epoch, from_now_ ? message.notice.seq + 1 : 0));
      case Message::Kind::kDisconnected:
        there_[bridge] = false;
        err_.line(printable(urls_[bridge] + " is away: " + message.notice.reason));
        return err_.flush();
      case Message::Kind::kFailed:
        failed_ = true;
        return note(error_line(message.notice.error_type, urls_[bridge] + ": " + message.notice.reason));
      case Message::Kind::kReply:
        return;
    }
  }

  void judge(const std::string& wrong) {
    if (wrong.empty()) return;
    if (++wrong_ <= kToldMax) note("wrong: " + wrong);
    told_ = true;
  }

  void note(const std::string& line) {
    out_.flush();
    err_.line(printable(line));
    err_.flush();
    told_ = true;
  }

  const bool json_;
  const bool from_now_;
  const std::vector<std::string> urls_;
  std::vector<std::unique_ptr<feed::Client>> clients_;
  LogCheck check_;
  std::vector<bool> there_;
  std::vector<bool> ever_ = there_;
  std::size_t turn_ = 0;
  std::uint64_t wrong_ = 0;
  bool told_ = false;  // something that is not as it should be
  bool failed_ = false;
  Output& out_;
  Output& err_;
};

}  // namespace

ExitCode tail_check(const Options& options, const TailOptions& task, Output& out, Output& err,
                    const std::function<bool()>& stop) {
  Checking checking(options, task, out, err);
  auto say_at = Steady::now() + kSayEvery;
  while (!stop() && !out.broken() && !checking.failed() && !(task.count && checking.compared() >= *task.count)) {
    checking.turn();
    if (Steady::now() < say_at) continue;
    say_at = Steady::now() + kSayEvery;
    checking.say_progress();
  }
  return checking.end();
}

}  // namespace client
