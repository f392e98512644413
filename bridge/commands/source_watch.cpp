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
  if (!presence_ || change == SourceChange::conflict || change == SourceChange::conflict_over) return tell(run, change);
  presence_(run);
}

void SourceWatch::tell(const Run& run, SourceChange change) {
  const std::string& name = run.source->name;
  switch (change) {
    case SourceChange::connected:
      return report("source_connected", name + " is here", run, false);
    case SourceChange::restarted:
      return report("source_connected", name + " has restarted", run, false);
    case SourceChange::stalled:
      return report("source_stalled", name + " has fallen silent", run, false);
    case SourceChange::recovered:
      return report("source_connected", name + " is heard of again", run, false);
    case SourceChange::gone:
      return report("source_gone", name + " is gone", run, false);
    case SourceChange::conflict_over:
      return report("source_conflict_over", "only " + described(run) + " is called " + name + " now",
                    run, false);
    case SourceChange::conflict:
      break;
  }
  std::string who;
  for (const auto& one : run.source->runs) {
    if (is_live(*one)) who += (who.empty() ? "" : " and ") + described(*one);
  }
  report("source_conflict", "several processes are called " + name + ": " + who, run, true);
}

void SourceWatch::report(const char* status, const std::string& message, const Run& run,
                         bool all_runs) {
  JsonWriter data;
  data.object().field("status", status).field("message", message);
  data.field("source", run.source->name);
  if (!all_runs) {
    data.field("run", run.id);
  } else {
    data.key("runs").list();
    for (const auto& one : run.source->runs) {
      if (!is_live(*one)) continue;
      data.object().field("run", one->id).field("host", one->host).field("pid", one->pid);
      data.end_object();
    }
    data.end_list();
  }
  events_.publish("system_status", data.end_object().take());
  log_info("source_changed", "{}", printable(message, kLoggedBytesMax));
}

}  // namespace bridge
