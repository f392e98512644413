#include "app/cluster_metrics.h"

#include <string>
#include <tuple>

namespace bridge {

void add_cluster(MetricFamilies& f, const ClusterReport& report) {
  using Type = MetricFamilies::Type;
  f.gauge("ppo_bridge_cluster_working", "1 while this bridge has part in its cluster.", report.problem.empty() ? 1 : 0);
  f.gauge("ppo_bridge_cluster_behind_messages", "Messages of the shared log that it has yet to take in.", report.behind);
  f.gauge("ppo_bridge_cluster_checkpoint_messages", "Messages of the shared log behind its newest checkpoint, as far as this bridge has read it.",
          report.stream_seq - report.checkpoint);
  f.gauge("ppo_bridge_cluster_proposed_bytes", "What it has proposed and not seen in the shared log yet.",
          report.proposed_bytes);
  f.counter("ppo_bridge_cluster_stalls_total", "Times that something waited and the shared log stood still for more than a second.", report.stalls);
  f.gauge("ppo_bridge_cluster_stall_max_seconds", "The longest of them.", static_cast<double>(report.stall_longest_us) / 1e6);
  f.gauge("ppo_bridge_cluster_stalled_seconds", "How long it has stood still by now; 0: it goes on.", static_cast<double>(report.stalled_us) / 1e6);
  f.counter("ppo_bridge_cluster_heartbeats_sent_total", "Heartbeats to the other bridges.", report.heartbeats_sent);
  f.counter("ppo_bridge_cluster_heartbeats_total", "Those of others that came.", report.heartbeats.received);
  f.counter("ppo_bridge_cluster_heartbeats_malformed_total", "Those of them that could not be read.", report.heartbeats.malformed);
  f.counter("ppo_bridge_cluster_left_out_total", "Nodes, sources and messages of theirs that had no room.", report.heartbeats.left_out);
  f.begin("ppo_bridge_cluster_commands_total", "Commands that other bridges carry out, or this one for them.", Type::Counter);
  for (const auto& [what, count] : {std::make_tuple("sent", report.commands.sent), std::make_tuple("refused", report.commands.refused),
                                    std::make_tuple("timeouts", report.commands.timeouts), std::make_tuple("served", report.commands.served),
                                    std::make_tuple("malformed", report.commands.malformed)}) {
    f.sample(static_cast<double>(count), {{"what", what}});
  }
  f.gauge("ppo_bridge_cluster_commands_waiting", "Those of them that wait for another bridge.", report.commands_waiting);
  const auto each = [&](const char* name, const char* help, auto value) {
    f.begin(name, help, Type::Gauge);
    for (const ClusterNodeReport& node : report.nodes) f.sample(static_cast<double>(value(node)), {{"node", node.node}});
  };
  each("ppo_bridge_cluster_node_live", "1 while a bridge of the cluster is heard of.",
       [](const auto& node) { return node.state == SourceState::live ? 1 : 0; });
  each("ppo_bridge_cluster_node_heard_seconds", "How long ago that was last.", [](const auto& node) { return static_cast<double>(node.heard_us) / 1e6; });
  each("ppo_bridge_cluster_node_lag_events", "Events that it was behind the newest then.", [](const auto& node) { return node.lag; });
  each("ppo_bridge_cluster_node_differs", "1 where it has made something else of the shared log than this one.",
       [](const auto& node) { return node.agrees.value_or(true) ? 0 : 1; });
  each("ppo_bridge_cluster_node_clock_ahead_seconds", "How far its clock is ahead, as its last heartbeat told.",
       [](const auto& node) { return static_cast<double>(node.clock_ahead_us) / 1e6; });
  each("ppo_bridge_cluster_node_sources", "Sources that are live or stalled there.", [](const auto& node) { return node.sources; });
}

}  // namespace bridge
