// Questions about runs, and what people set of them, on their way between the log, the journal and other bridges.
#pragma once

#include <functional>
#include <string_view>

#include "app/cluster_part.h"
#include "log/event_log.h"
#include "runs/runs_thread.h"
#include "store/journal.h"

namespace bridge {

// One thread: the log's. All that it is given outlives it.
class RunsLinks {
 public:
  // `journal`: null where it is off; `cluster`: null where the log is this bridge's own.
  RunsLinks(EventLog& log, Journal* journal, ClusterPart* cluster) : log_(log), journal_(journal), cluster_(cluster) {}

  // What is to be seen of the question is written first.
  void prepare(const RunQuery& query, std::function<void(RunsThread::Prepared)> done);
  // What somebody has set at any bridge of the cluster, as `set_run` has it.
  void change(std::string_view params_json);

 private:
  EventLog& log_;
  Journal* const journal_;
  ClusterPart* const cluster_;
};

}  // namespace bridge
