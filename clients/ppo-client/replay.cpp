#include "ppo-client/replay.h"

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

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

// How soon a signal is noticed while nothing comes.
constexpr std::chrono::milliseconds kReplayTick{100};

constexpr std::array<const char*, 7> kTopColumns = {
    "seq", "timestamp", "type", "source", "run", "source_seq", "source_timestamp"};
constexpr std::array<const char*, 2> kDataColumns = {"agent_id", "item"};

class Show {
 public:
  Show(const ReplayOptions& task, bool json, const Style& style, Output& out)
      : format_(json && task.format == ReplayOptions::Format::kLines
                    ? ReplayOptions::Format::kNdjson
                    : task.format),
        printer_(style),
        out_(out) {
    if (format_ == ReplayOptions::Format::kCsv) out_.line(csv_header());
  }

  void event(const std::string& text) {
    switch (format_) {
      case ReplayOptions::Format::kLines:
        out_.line(printer_.event(text));
        return;
      case ReplayOptions::Format::kNdjson:
        out_.line(one_line(unmarked(text), out_.is_terminal()));
        return;
      case ReplayOptions::Format::kCsv:
        out_.line(out_.is_terminal() ? printable(csv_line(text)) : csv_line(text));
        return;
    }
  }

  std::string gap(const feed::Gap& gap) const { return printer_.gap(gap); }

 private:
  const ReplayOptions::Format format_;
  EventPrinter printer_;
  Output& out_;
};

}  // namespace

std::string unmarked(const std::string& event) {
  constexpr std::string_view kMark = R"(,"replay":true})";
  const bool marked = event.size() >= kMark.size() &&
                      event.compare(event.size() - kMark.size(), kMark.size(), kMark) == 0;
  return marked ? event.substr(0, event.size() - kMark.size()) + "}" : event;
}

std::string csv_header() {
  std::string line;
  for (const char* column : kTopColumns) line += std::string(column) + ",";
  for (const char* column : kDataColumns) line += std::string(column) + ",";
  return line + "data";
}

std::string csv_line(const std::string& event) {
  std::string line;
  for (const char* column : kTopColumns) {
    line += csv_field(feed::json::member(event, column)) + ",";
  }
  const std::string_view data = feed::json::member(event, "data");
  for (const char* column : kDataColumns) line += csv_field(feed::json::member(data, column)) + ",";
  return line + csv_field(one_line(data));
}

ExitCode replay(const Options& options, const ReplayOptions& task, const Style& style, Output& out,
                Output& err, const std::function<bool()>& stop) {
  feed::Client client(feed_options(options, no_events()));
  client.start();
  if (const auto failed = await_connection(client, options, err, stop, nullptr)) return *failed;
  const feed::Reply reply = client.request("command", task.fields, options.timeout);
  if (!reply.ok) {
    err.line(error_line(reply.error_type, reply.error));
    err.flush();
    return reply.outcome == feed::Reply::Outcome::kAnswered ? kExitRefused : kExitFailed;
  }

  Show show(task, options.json, style, out);
  std::uint64_t passed = 0;
  const auto say = [&](const std::string& line) {
    out.flush();
    err.line(line);
    err.flush();
  };
  while (!stop() && !out.broken()) {
    const auto wait = out.empty() ? kReplayTick : std::chrono::milliseconds(0);
    const std::optional<Message> message = client.next(wait);
    if (!message) {
      if (!out.empty()) {
        out.flush();
      } else if (out.reader_gone() || client.finished()) {
        break;
      }
      continue;
    }
    if (message->kind == Message::Kind::kDisconnected || message->kind == Message::Kind::kFailed) {
      say("error: the connection was lost (" + printable(message->notice.reason) +
          "); this is not all");
      client.stop();
      return kExitFailed;
    }
    if (!message->envelope.replay) continue;
    if (message->kind == Message::Kind::kGap) {
      say(show.gap(message->gap));
    } else if (message->envelope.type == "replay_end" && !message->envelope.seq) {
      const std::string_view data = feed::json::member(message->text, "data");
      const auto events = feed::json::as_u64(feed::json::member(data, "events")).value_or(0);
      const auto missing = feed::json::as_u64(feed::json::member(data, "missing")).value_or(0);
      say((task.where ? grouped(passed) + " of " : std::string()) + grouped(events) + " events" +
          (missing == 0 ? std::string()
                        : "; " + grouped(missing) + " are no longer held by the bridge"));
      break;
    } else if (!task.where || task.where->passes(message->text)) {
      ++passed;
      show.event(message->text);
    }
  }
  out.flush();
  client.stop();
  return kExitOk;
}

}  // namespace client
