#include "app/log_beginning.h"

#include <stdexcept>
#include <string>
#include <utility>

#include "app/setup.h"
#include "base/log.h"

namespace bridge {

LogStart begin_log(const Config& config, ClusterPart* cluster, Journal* journal) {
  std::string epoch = new_epoch();
  if (cluster != nullptr) {
    auto found = cluster->open();
    if (!found) throw std::runtime_error("cluster: " + found.error().message);
    epoch = found.value();
  }
  LogStart start = journal != nullptr ? journal->open(epoch) : LogStart(epoch);
  start.name_epoch = new_epoch;
  if (cluster == nullptr) return start;
  if (start.epoch != epoch || start.epochs.size() != 1 || start.epochs.front().first_seq != 1) {
    throw std::runtime_error("journal.path is \"" + config.journal.path + "\", which holds another numbering than epoch " + epoch +
                             " of cluster " + config.cluster.name + "; name another file");
  }
  const auto begun = cluster->begin(&start, *journal);
  if (!begun) throw std::runtime_error("cluster: " + begun.error().message);
  return start;
}

Result<bool> begin_journal(const Config& config, Journal& journal, EventLog& log, std::function<void()> on_journal) {
  const std::string problem = journal.problem();
  if (config.journal.before_delivery && !problem.empty()) {
    return Failure{"journal.before_delivery is true, but the journal cannot be written: " + problem};
  }
  if (problem.empty()) {
    log_info("journal_opened", "journal {}: epoch {} goes on behind seq {}", config.journal.path, log.epoch(), log.last_seq());
  }
  if (config.journal.before_delivery) log.hold_back();
  journal.start(log, std::move(on_journal));
  return true;
}

void keep_switches(Journal& journal, CommandDispatcher& dispatcher) {
  dispatcher.switches().set_store([&journal](const auto& name, const auto& params, auto done) {
    journal.keep({{"switches", name, params}}, std::move(done));
  });
  for (const auto& [name, params] : journal.switches()) dispatcher.switches().restore(name, params);
}

Result<bool> join_cluster(ClusterPart& cluster, Journal& journal, EventLog& log, SourceTracker& tracker, asio::io_context& io) {
  auto joined = cluster.join(log, [&journal] { return journal.committed_seq(); }, [&journal, &io] {
    journal.pump();
    io.poll();
    io.restart();
  });
  if (!joined) return Failure{"cluster: " + joined.error().message};
  tracker.restore(cluster.positions(), &cluster, true);
  return joined;
}

}  // namespace bridge
