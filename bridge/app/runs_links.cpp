#include "app/runs_links.h"

#include <optional>
#include <utility>
#include <variant>

#include "commands/run_commands.h"
#include "event/json_document.h"

namespace bridge {

void RunsLinks::prepare(const RunQuery& query, std::function<void(RunsThread::Prepared)> done) {
  using Prepared = RunsThread::Prepared;
  if (journal_ == nullptr) {
    log_.seal();
    return done(Prepared::read);
  }
  std::optional<RunChange> change;
  if (const auto* wanted = std::get_if<RunChange>(&query)) change = *wanted;
  const auto write = [this, change, done] {
    journal_->write_runs(change, [changes = change.has_value(), done](auto found) {
      if (!changes) return done(Prepared::read);  // of what the file has, where it is in trouble
      done(!found ? Prepared::failed : *found ? Prepared::changed : Prepared::unknown_run);
    });
  };
  if (!change || cluster_ == nullptr) return write();
  // In its turn among what others set; it is written by change() then, and once more to be answered.
  const bool said = cluster_->say("run.set", set_run_params(*change), [write, done](bool taken) { taken ? write() : done(Prepared::not_taken); });
  if (!said) done(Prepared::not_proposed);
}

void RunsLinks::change(std::string_view params_json) {
  const auto params = read_document(params_json);
  const auto query = params && params.value().IsObject() ? parse_run_query("set_run", params.value()) : RunQuery(RunsQuery{});
  if (!query) return;
  if (const auto* const change = std::get_if<RunChange>(&query.value())) journal_->write_runs(*change, [](auto) {});
}

}  // namespace bridge
