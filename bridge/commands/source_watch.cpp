#include "commands/source_watch.h"

#include "base/log.h"
#include "base/text.h"
#include "event/json_writer.h"

namespace bridge {
namespace {

constexpr std::size_t kLoggedBytesMax = 1000;  // hosts are others' words

std::string described(const Run& run) {
  return "run " + run.id + " (host " + (run.host.empty() ? "unknown" : run.host) + ", pid " +
         std::to_string(run.pid) + ")";
}

}  // namespace

void SourceWatch::on_source(const Run& run, SourceChange change) {
  if (presence_) return presence_(run);
  std::vector<const Run*> processes;
  for (const auto& one : run.source->runs) {
    if (change == SourceChange::conflict && is_live(*one)) processes.push_back(one.get());
  }
  tell(run, change, processes);
}

void SourceWatch::tell(const Run& run, SourceChange change, const std::vector<const Run*>& processes) {
  const std::string& name = run.source->name;
  switch (change) {
    case SourceChange::connected:
      return report("source_connected", name + " is here", run);
    case SourceChange::restarted:
      return report("source_connected", name + " has restarted", run);
    case SourceChange::stalled:
      return report("source_stalled", name + " has fallen silent", run);
    case SourceChange::recovered:
      return report("source_connected", name + " is heard of again", run);
    case SourceChange::gone:
      return report("source_gone", name + " is gone", run);
    case SourceChange::conflict_over:
      return report("source_conflict_over", "only " + described(run) + " is called " + name + " now", run);
    case SourceChange::conflict:
      break;
  }
  std::string who;
  for (const Run* const one : processes) who += (who.empty() ? "" : " and ") + described(*one);
  report("source_conflict", "several processes are called " + name + ": " + who, run, processes);
}

void SourceWatch::report(const char* status, const std::string& message, const Run& run, const std::vector<const Run*>& processes) {
  JsonWriter data;
  data.object().field("status", status).field("message", message);
  data.field("source", run.source->name);
  if (processes.empty()) {
    data.field("run", run.id);
  } else {
    data.key("runs").list();
    for (const Run* const one : processes) {
      data.object().field("run", one->id).field("host", one->host).field("pid", one->pid).end_object();
    }
    data.end_list();
  }
  events_.publish("system_status", data.end_object().take());
  log_info("source_changed", "{}", printable(message, kLoggedBytesMax));
}

}  // namespace bridge
