#include "ppo-client/tail.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "feed/client.h"
#include "feed/json.h"
#include "ppo-client/connection.h"
#include "ppo-client/event_printer.h"
#include "ppo-client/json_text.h"
#include "ppo-client/number.h"
#include "ppo-client/text.h"

namespace client {
namespace {

using feed::Message;

// How soon a signal, or a reader that went away, is noticed while nothing comes.
constexpr std::chrono::milliseconds kTailTick{100};
constexpr std::chrono::milliseconds kTypesWait{1000};
constexpr size_t kTypesShown = 20;

std::string lost_line(const feed::Notice& notice) {
  std::string line = "connection lost (" + notice.reason + "); ";
  line += notice.resumed_at ? "resuming from " + grouped(notice.resumed_at->seq)
                            : std::string("connecting again");
  return printable(line);
}

std::string found_line(const feed::Notice& notice) {
  std::string line = "connected again";
  if (notice.epoch_changed) {
    line += "; the bridge numbers anew (epoch " + notice.epoch + "), what was seen is left out";
  } else if (notice.recovered) {
    line += *notice.recovered ? ", nothing missed" : "; not everything missed is still there";
  }
  return printable(line);
}

class Tail {
 public:
  Tail(const Options& options, const TailOptions& task, const Style& style, Output& out,
       Output& err)
      : json_(options.json), count_(task.count), where_(task.where), printer_(style), out_(out), err_(err) {}

  // False: that was all.
  bool take(const Message& message) {
    switch (message.kind) {
      case Message::Kind::kEvent:
        if (where_ && !where_->passes(message.text)) return true;
        out_.line(json_ ? one_line(message.text, out_.is_terminal()) : printer_.event(message.text));
        return !count_ || ++shown_ < *count_;
      case Message::Kind::kGap:
        out_.line(json_ ? one_line(message.text, out_.is_terminal()) : printer_.gap(message.gap));
        return true;
      case Message::Kind::kReply:
        say("the bridge says: " + compact(message.text));
        return true;
      case Message::Kind::kConnected:
        say(found_line(message.notice));
        return true;
      case Message::Kind::kDisconnected:
        say(lost_line(message.notice));
        return true;
      case Message::Kind::kFailed:
        say(error_line(message.notice.error_type, message.notice.reason));
        code_ = message.notice.error_type.empty() ? kExitFailed : kExitRefused;
        return false;
    }
    return true;
  }

  // The terminal may have another width by now.
  void flush() {
    out_.flush();
    printer_.set_width(out_.terminal_width());
  }

  ExitCode code() const { return code_; }

 private:
  // After what came before it, also where both go to the same terminal.
  void say(const std::string& line) {
    flush();
    err_.line(line);
    err_.flush();
  }

  const bool json_;
  const std::optional<std::uint64_t> count_;
  const std::optional<Where> where_;
  std::uint64_t shown_ = 0;
  EventPrinter printer_;
  Output& out_;
  Output& err_;
  ExitCode code_ = kExitOk;
};

// Which of the wanted types no event has had so far, and which there are; "" where all were seen, or the bridge does
// not say, or where it has begun anew and older ones are wanted. A name that is misspelt would be waited for without a word.
std::string unseen_types(feed::Client& client, const std::vector<std::string>& wanted, bool only_new) {
  const std::string fields = R"({"command":"get_event_types","params":{}})";
  const feed::Reply reply = client.request("command", fields, kTypesWait);
  if (!reply.ok) return {};
  std::vector<std::string> seen;
  feed::json::for_each_element(feed::json::member(feed::json::member(reply.text, "result"), "event_types"),
                               [&](std::string_view entry) {
                                 const auto type = feed::json::as_string(feed::json::member(entry, "type"));
                                 if (type) seen.push_back(*type);
                               });
  std::string unseen, others;
  for (const std::string& type : wanted) {
    const bool prefix = !type.empty() && type.back() == '*';
    const std::string_view begin = std::string_view(type).substr(0, type.size() - (prefix ? 1 : 0));
    const bool there = std::any_of(seen.begin(), seen.end(), [&](const std::string& one) {
      return prefix ? one.compare(0, begin.size(), begin) == 0 : one == type;
    });
    if (!there) unseen += (unseen.empty() ? "" : ", ") + type;
  }
  for (size_t i = 0; i < seen.size() && i < kTypesShown; ++i) others += (i == 0 ? "" : ", ") + seen[i];
  if (seen.size() > kTypesShown) others += ", ...";
  if (unseen.empty() || (seen.empty() && !only_new)) return {};
  return printable("no event of type " + unseen + " since the bridge began; " +
                   (others.empty() ? "none of any" : "there are " + others));
}

}  // namespace

ExitCode tail(const Options& options, const TailOptions& task, const Style& style, Output& out,
              Output& err, const std::function<bool()>& stop) {
  feed::Client client(feed_options(options, task.subscription));
  client.start();
  feed::Notice first;
  if (const auto failed = await_connection(client, options, err, stop, &first)) return *failed;
  if (first.recovered == false) {
    err.line("the bridge's history does not reach back as far as --since asks");
    err.flush();
  }

  if (task.subscription.types && !task.subscription.types->empty()) {
    const bool only_new = std::holds_alternative<std::monostate>(task.subscription.since);
    const std::string unseen = unseen_types(client, *task.subscription.types, only_new);
    if (!unseen.empty()) err.line(unseen);
    err.flush();
  }

  Tail view(options, task, style, out, err);
  while (!stop() && !out.broken()) {
    // What waits is printed at once when nothing more is there, and together while much is coming.
    const auto wait = out.empty() ? kTailTick : std::chrono::milliseconds(0);
    const std::optional<Message> message = client.next(wait);
    if (message) {
      if (!view.take(*message)) break;
    } else if (!out.empty()) {
      view.flush();
    } else if (out.reader_gone() || client.finished()) {
      break;
    }
  }
  out.flush();
  client.stop();
  return view.code();
}

}  // namespace client
