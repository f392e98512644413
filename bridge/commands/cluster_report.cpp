#include "commands/cluster_report.h"

#include "event/messages.h"

namespace bridge {
namespace {

void put_node(JsonWriter& json, const ClusterNodeReport& node) {
  json.object().field("node", node.node).field("here", node.here).field("state", source_state_name(node.state));
  json.key("heard_ms").milliseconds(node.heard_us);
  json.field("stream_seq", node.stream_seq).field("seq", node.seq).field("lag", node.lag).field("agrees", node.agrees);
  json.key("clock_ahead_ms").milliseconds(node.clock_ahead_us);
  json.field("sources", std::uint64_t{node.sources}).end_object();
}

}  // namespace

void put_cluster(JsonWriter& json, const ClusterReport& report) {
  json.key("cluster").object().field("name", report.name).field("node", report.node);
  json.key("problem").text_or_null(report.problem).key("leader").text_or_null(report.leader);
  json.field("stream_seq", report.stream_seq).field("seq", report.seq).field("behind", report.behind);
  json.key("checkpoint");
  report.checkpoint == 0 ? json.raw("null") : json.add(report.checkpoint);
  json.field("proposed_bytes", std::uint64_t{report.proposed_bytes});
  json.key("stalls").object().field("count", report.stalls).key("longest_ms").milliseconds(report.stall_longest_us).key("now_ms");
  report.stalled_us == 0 ? json.raw("null") : json.milliseconds(report.stalled_us);
  json.end_object();
  json.key("heartbeats").object().field("sent", report.heartbeats_sent).field("received", report.heartbeats.received);
  json.field("malformed", report.heartbeats.malformed).field("left_out", report.heartbeats.left_out).end_object();
  json.key("commands").object().field("sent", report.commands.sent).field("served", report.commands.served);
  json.field("refused", report.commands.refused).field("timeouts", report.commands.timeouts);
  json.field("malformed", report.commands.malformed).field("waiting", std::uint64_t{report.commands_waiting}).end_object();
  json.key("warnings").raw(json_list(report.warnings)).key("pages").raw(json_list(report.pages));
  json.key("nodes").list();
  for (const ClusterNodeReport& node : report.nodes) put_node(json, node);
  json.end_list().end_object();
}

}  // namespace bridge
