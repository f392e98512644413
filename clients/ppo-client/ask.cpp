#include "ppo-client/ask.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "feed/json.h"
#include "ppo-client/alerts_text.h"
#include "ppo-client/cluster_text.h"
#include "ppo-client/connection.h"
#include "ppo-client/event_printer.h"
#include "ppo-client/json_text.h"
#include "ppo-client/registry.h"
#include "ppo-client/report.h"
#include "ppo-client/runs_text.h"
#include "ppo-client/slow_text.h"
#include "ppo-client/trainer_reply.h"

namespace client {
namespace {

namespace json = feed::json;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kRest{200};  // where the bridge wants to be asked less often

// What was asked for: `results` of a command to all trainers, else `result`.
std::string_view result_of(std::string_view reply) {
  for (const char* const key : {"result", "results", "data"}) {
    const std::string_view found = json::member(reply, key);
    if (!found.empty()) return found;
  }
  return reply;
}

// Of an answer that is an error.
ExitCode code_of(std::string_view error_type) {
  const bool open = error_type == "timeout" || error_type == "unknown_outcome";
  return open ? kExitUnknown : kExitRefused;
}

// A command to all trainers succeeds as a whole where each of them did what it was told.
ExitCode code_of_all(std::string_view reply) {
  ExitCode code = kExitOk;
  json::for_each_element(json::member(reply, "results"), [&](std::string_view entry) {
    const feed::Reply said = feed::read_reply(std::string(entry));
    if (!said.ok) code = std::max(code, code_of(said.error_type));
  });
  return code;
}

void show_events(std::string_view result, bool as_json, const Style& style, Output& out,
                 Output& err) {
  EventPrinter printer(style);
  const std::string_view events = json::member(result, "events");
  json::for_each_element(events.empty() ? result : events, [&](std::string_view event) {
    out.line(as_json ? one_line(event, out.is_terminal()) : printer.event(event));
  });
  if (json::member(result, "complete") == "false") {
    out.flush();
    err.line("older events that match are no longer held by the bridge");
  }
}

// A trainer's answer with what it was to, several as a table, the bridge's own as JSON.
void show_result(const std::string& reply, const Style& style, Output& out) {
  std::string text = all_trainers_text(reply, style);
  if (text.empty()) text = one_trainer_text(reply, style);
  if (text.empty()) text = pretty(result_of(reply)) + "\n";
  out.text(text);
}

// Of a run that is not there: what is, is shown all the same.
ExitCode show_runs(std::string_view result, const AskOptions& task, const Style& style, Output& out,
                   Output& err) {
  const RunsText text = runs_text(result, task, style, out.is_terminal());
  out.text(text.text);
  if (json::member(result, "complete") == "false") {
    out.flush();
    err.line("there is more than fits into one answer; ask for fewer runs, tags or points");
  }
  for (const std::string& run : text.unknown) {
    out.flush();
    err.line("error: " + printable(run) + " is no run");
  }
  return text.unknown.empty() ? kExitOk : kExitRefused;
}

ExitCode show_cluster(std::string_view result, bool as_json, const Style& style, Output& out, Output& err) {
  const std::string_view cluster = json::member(result, "cluster");
  const std::string text = cluster_text(cluster, style);
  if (text.empty()) {
    err.line("error: this bridge tells of no cluster: it is none of several (engine.kind is \"local\"), or of an older version");
    return kExitRefused;
  }
  if (as_json) {
    out.line(one_line(cluster, out.is_terminal()));
  } else {
    out.text(text);
  }
  return kExitOk;
}

void show_report(std::string_view result, const Style& style, Output& out) {
  if (const auto document = parse(result)) {
    out.text(report(*document, style));
  } else {
    out.line(compact(result));
  }
}

// Whether the list in an answer is empty.
bool has_none(std::string_view result) {
  bool none = true;
  for (const char* const list : {"events", "event_types"}) {
    json::for_each_element(json::member(result, list), [&](std::string_view) { none = false; });
  }
  json::for_each_element(result, [&](std::string_view) { none = false; });
  return none;
}

// For a shell's completion.
std::vector<std::string> words_of(std::string_view result, std::string_view kind) {
  std::vector<std::string> words;
  if (kind == "runs" || kind == "types") {
    json::for_each_element(json::member(result, kind == "runs" ? "runs" : "event_types"), [&](std::string_view entry) {
      const auto word = json::as_string(json::member(entry, kind == "runs" ? "run_id" : "type"));
      if (word) words.push_back(*word);
    });
    return words;
  }
  const Registry registry = read_registry(result);
  return kind == "sources"    ? registry.source_names()
         : kind == "agents"   ? registry.agents()
         : kind == "commands" ? registry.commands()
                              : registry.targets("");
}

// The request for the page of events in front of, or with `forward` behind, the event `seq`; "": the first one.
std::string page_fields(const AskOptions& task, bool forward, std::string_view seq) {
  json::Object params, fields;
  json::for_each_member(json::member(task.fields, "params"), [&](std::string_view key, std::string_view value) {
    if (seq.empty() || key != "since_seq") params.add(key, value);
  });
  if (!seq.empty()) params.add(forward ? "since_seq" : "before_seq", seq);
  return fields.add_string("command", task.command).add("params", params.text()).text();
}

}  // namespace

feed::Reply answer_to(feed::Client& client, const AskOptions& task) {
  if (!task.where) return client.request("command", task.fields, task.deadline);
  const bool forward = !json::member(json::member(task.fields, "params"), "since_seq").empty();
  std::vector<std::string> found;
  std::string seq;
  bool held = true, more = true;
  for (auto since = Clock::now(); more && found.size() < task.count;) {
    feed::Reply reply = client.request("command", page_fields(task, forward, seq), task.deadline);
    if (reply.error_type == "rate_limited" && Clock::now() - since < task.deadline) {
      std::this_thread::sleep_for(kRest);
      continue;
    }
    if (!reply.ok) return reply;
    since = Clock::now();
    const std::string_view result = json::member(reply.text, "result");
    std::vector<std::string_view> page;
    json::for_each_element(json::member(result, "events"), [&](std::string_view event) { page.push_back(event); });
    if (!forward) std::reverse(page.begin(), page.end());
    for (const std::string_view event : page) {
      if (found.size() < task.count && task.where->passes(event)) found.emplace_back(event);
    }
    const std::string before = seq;
    if (!page.empty()) seq = json::member(page.back(), "seq");
    held = held && json::member(result, "recovered") != "false";
    more = seq != before && json::member(result, "more") == "true";
  }
  if (!forward) std::reverse(found.begin(), found.end());
  std::string events;
  for (const std::string& event : found) events += (events.empty() ? "" : ",") + event;
  feed::Reply all;
  all.ok = true;
  all.text = R"({"result":{"events":[)" + events + R"(],"complete":)" + (held ? "true" : "false") + "}}";
  return all;
}

ExitCode show(const feed::Reply& reply, const AskOptions& task, bool as_json, const Style& style,
              Output& out, Output& err) {
  if (reply.outcome != feed::Reply::Outcome::kAnswered) {
    err.line(error_line(reply.error_type, reply.error));
    return kExitFailed;
  }
  if (!reply.ok) {
    err.line(error_line(reply.error_type, reply.error));
    return code_of(reply.error_type);
  }
  const std::string_view result = result_of(reply.text);
  if (task.show == AskOptions::Show::kWords) {
    for (const std::string& word : words_of(result, task.words)) out.line(printable(word));
    return kExitOk;
  }
  if (task.show == AskOptions::Show::kCluster) return show_cluster(result, as_json, style, out, err);
  if (task.show == AskOptions::Show::kEvents) {
    show_events(result, as_json, style, out, err);
  } else if (!as_json && task.show == AskOptions::Show::kAlerts) {
    out.text(alerts_text(result, style));
    if (json::member(result, "complete") == "false") {
      out.flush();
      err.line("there are more than fit into one answer");
    }
  } else if (!as_json && task.show == AskOptions::Show::kSlow) {
    out.text(slow_text(result, style));
  } else if (!as_json && task.show >= AskOptions::Show::kRuns) {
    return show_runs(result, task, style, out, err);
  } else if (as_json) {
    out.line(one_line(result, out.is_terminal()));
  } else if (task.show == AskOptions::Show::kReport) {
    show_report(result, style, out);
  } else {
    show_result(reply.text, style, out);
  }
  const bool of_now = task.command == "get_snapshot" || task.command == "get_event_types";
  if (of_now && !as_json && has_none(result)) {
    out.flush();
    err.line("no event since the bridge began; `recent` and `export` have older ones, if there are any");
  }
  const ExitCode code = code_of_all(reply.text);
  if (code != kExitOk) {
    out.flush();
    err.line("error: not every trainer carried out " + printable(task.command));
  }
  return code;
}

ExitCode ask(const Options& options, const AskOptions& task, const Style& style, Output& out,
             Output& err) {
  feed::Client client(feed_options(options, no_events()));
  client.start();
  if (const auto failed = await_connection(
          client, options, err, [] { return false; }, nullptr)) {
    return *failed;
  }
  const feed::Reply reply = answer_to(client, task);
  const ExitCode code = show(reply, task, options.json, style, out, err);
  out.flush();
  err.flush();
  client.stop();
  return code;
}

}  // namespace client
