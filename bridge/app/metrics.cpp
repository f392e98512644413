#include "app/metrics.h"

#include <limits>
#include <string>
#include <tuple>
#include <utility>

#include "app/cluster_metrics.h"
#include "app/metric_families.h"
#include "app/process_metrics.h"
#include "app/source_metrics.h"

namespace bridge {
namespace {

using Families = MetricFamilies;
using MetricType = Families::Type;

void add_journal(Families& f, const JournalStatus& j) {
  f.gauge("ppo_bridge_journal_writing", "1 while the journal can be written.", j.problem.empty() ? 1 : 0);
  f.counter("ppo_bridge_journal_rows_total", "Events written to the journal.", j.rows);
  f.counter("ppo_bridge_journal_trimmed_rows_total", "Events that left it, too old or too many.", j.rows_trimmed);
  f.counter("ppo_bridge_journal_commits_total", "Transactions that wrote them.", j.commits);
  f.counter("ppo_bridge_journal_commit_seconds_total", "Time that those took.", static_cast<double>(j.commit_us) / 1e6);
  f.gauge("ppo_bridge_journal_commit_max_seconds", "The slowest of them.", static_cast<double>(j.commit_us_max) / 1e6);
  f.gauge("ppo_bridge_journal_queue_bytes", "Memory of what waits to be written.", j.queue_bytes);
  f.counter("ppo_bridge_journal_holes_total", "Stretches of the log that are missing in it.", j.holes);
  f.counter("ppo_bridge_journal_lost_events_total", "Events in those.", j.events_in_holes);
  f.counter("ppo_bridge_journal_errors_total", "Writes and reads that failed.", j.errors);
  f.counter("ppo_bridge_journal_blocks_read_total", "Slices read back for clients.", j.blocks_read);
  f.gauge("ppo_bridge_journal_first_seq", "Oldest event in it.", j.first_seq);
  f.gauge("ppo_bridge_journal_committed_seq", "Newest event in it.", j.committed_seq);
  f.gauge("ppo_bridge_journal_bytes", "Of its file, as far as it is in use.", j.file_bytes);
  f.gauge("ppo_bridge_journal_wal_bytes", "Of the write-ahead file beside it.", j.wal_bytes);
  f.counter("ppo_bridge_journal_wal_held_total",
            "Times that another program's reading made that larger than 256 MiB.", j.wal_held);
  f.gauge("ppo_bridge_journal_disk_free_bytes", "Room on its disk that the bridge may use.", j.disk_free_bytes);
  f.gauge("ppo_bridge_journal_packed_events", "Events in it that are compressed (journal.compress_after_s).", j.packed.events);
  f.gauge("ppo_bridge_journal_packed_bytes", "What these take.", j.packed.packed_bytes);
  f.gauge("ppo_bridge_journal_unpacked_bytes", "Of these, before they were compressed.", j.packed.text_bytes);
  f.counter("ppo_bridge_journal_pieces_packed_total", "Pieces of up to 1,024 events that were compressed.", j.pieces_packed);
  f.counter("ppo_bridge_journal_packing_seconds_total", "Time that those took.", static_cast<double>(j.packing_us) / 1e6);
  f.gauge("ppo_bridge_journal_event_bytes", "Of its file, without the runs; 0: there are too few to tell.", j.event_bytes);
  f.gauge("ppo_bridge_journal_holds_seconds", "How long it will hold events at the present rate; +Inf: not known, or none come.",
          j.holds_s.value_or(std::numeric_limits<double>::infinity()));
  f.gauge("ppo_bridge_journal_age_max_seconds", "How long it should, where its size allows (journal.age_max_s).",
          static_cast<double>(j.age_max_us) / 1e6);
}

void add_tls(Families& f, const TlsContext& tls) {
  const TlsCounters& c = tls.counters();
  f.begin("ppo_bridge_tls_connections", "Connections that speak TLS, by whether the kernel encrypts for them.",
          MetricType::Gauge);
  f.sample(static_cast<double>(c.in_kernel.load()), {{"ktls", "yes"}});
  f.sample(static_cast<double>(c.in_process.load()), {{"ktls", "no"}});
  f.counter("ppo_bridge_tls_handshakes_total", "TLS handshakes that succeeded.", c.handshakes);
  f.counter("ppo_bridge_tls_handshakes_failed_total", "Those that did not.", c.handshakes_failed);
  f.counter("ppo_bridge_tls_plain_requests_total", "Connections that spoke no TLS, and were told to.",
            c.plain_requests);
  f.gauge("ppo_bridge_tls_not_after_timestamp_seconds", "Until when the certificate in use is good, since 1970.",
          tls.not_after_s());
}

void add_audit(Families& f, const Audit& audit) {
  const AuditCounts counts = audit.counts();
  f.counter("ppo_bridge_audit_lines_total", "Lines of the audit log.", counts.lines);
  f.counter("ppo_bridge_audit_left_out_total", "Those that its queue had no room for.", counts.left_out);
  f.counter("ppo_bridge_audit_failed_total", "Those that the disk did not take.", counts.failed);
}

}  // namespace

std::string metrics_text(const BridgeView& view, const Depths& depths,
                         const JournalStatus* journal) {
  Counters c = view.counters;
  c += depths.serving.counters;
  const History& history = view.log.history();
  Families f;
  f.begin("ppo_bridge_info", "Version of the bridge.", MetricType::Gauge);
  f.sample(1, {{"version", view.version}, {"epoch", view.log.epoch()}});
  for (const CounterRow& row : kCounterRows) {
    if (!row.metric.empty()) f.add(row, c.*row.member);
  }
  f.begin("ppo_bridge_events_rejected_total", "Bodies refused, by reason.", MetricType::Counter);
  for (std::size_t r = 1; r < kRejectCount; ++r) {
    f.sample(static_cast<double>(c.rejected[r]),
             {{"reason", reject_name(static_cast<Reject>(r))}});
  }
  f.begin("ppo_bridge_zmq_handshakes_failed_total", "ZeroMQ peers that did not get in, by reason.", MetricType::Counter);
  for (const auto& [reason, count] : {std::pair<const char*, std::uint64_t>{"refused", c.handshakes_refused},
                                      {"without_key", c.handshakes_without_key},
                                      {"wrong_server_key", c.handshakes_wrong_server_key},
                                      {"broken", c.handshakes_broken}}) {
    f.sample(static_cast<double>(count), {{"reason", reason}});
  }
  f.gauge("ppo_bridge_events_held", "Events that wait behind a hole.", view.tracker.held_events());
  f.gauge("ppo_bridge_held_bytes", "Memory that they take.", view.tracker.held_bytes());
  const Deflater::Tally& deflated = depths.serving.deflated;
  f.counter("ppo_bridge_deflated_messages_total",
            "Batches compressed, each once for all clients that share it.", deflated.messages);
  f.counter("ppo_bridge_deflate_input_bytes_total", "Their bytes before.", deflated.bytes_before);
  f.counter("ppo_bridge_deflate_output_bytes_total", "Their bytes after.", deflated.bytes_after);
  const auto by_delivery = [&f](const char* name, const char* help, const DeliveryDelays& delays, std::size_t count) {
    f.begin(name, help, MetricType::Histogram);
    for (std::size_t i = 0; i < count; ++i) f.sample(delays[i], {{"delivery", std::string(kDeliveryNames[i])}});
  };
  by_delivery("ppo_bridge_receive_to_send_seconds", "From accepting a live event to handing it to a client's socket.",
              c.receive_to_send, kDeliveryNames.size());
  by_delivery("ppo_bridge_send_to_ack_seconds",
              "From a ping, behind all that a client was given, to its pong: when it had read that.", c.send_to_ack,
              static_cast<std::size_t>(Delivery::event_stream));
  f.gauge("ppo_bridge_clients", "WebSocket clients connected.", depths.serving.clients);
  f.gauge("ppo_bridge_event_streams", "Of these, by GET /events.", depths.serving.event_streams);
  f.gauge("ppo_bridge_client_lag_events", "Events that clients have yet to be given, over all.", depths.serving.lag);
  f.gauge("ppo_bridge_client_lag_max_events", "The same of the client that lags most.", depths.serving.lag_max);
  f.gauge("ppo_bridge_cohorts", "Distinct subscriptions.", depths.serving.cohorts);
  f.gauge("ppo_bridge_commands_pending", "Commands with trainers or waiting for them.", depths.commands_pending);
  f.gauge("ppo_bridge_history_events", "Events in memory.", history.events());
  f.gauge("ppo_bridge_history_bytes", "Memory that they take.", history.bytes());
  f.gauge("ppo_bridge_seq", "Number of the newest event.", view.log.last_seq());
  const auto each_queue = [&](const char* name, const char* help, MetricType type, auto value) {
    f.begin(name, help, type);
    for (std::size_t i = 0; i < view.memory->shares().size(); ++i) {
      f.sample(static_cast<double>(value(view.memory->shares()[i])),
               {{"queue", MemoryLedger::kNames[i]}});
    }
  };
  each_queue("ppo_bridge_memory_bytes", "Memory that a queue takes.", MetricType::Gauge,
             [](const MemoryShare& s) { return s.bytes(); });
  each_queue("ppo_bridge_memory_max_bytes", "What it may take.", MetricType::Gauge,
             [](const MemoryShare& s) { return s.bytes_max(); });
  each_queue("ppo_bridge_memory_refused_total", "How often its bound said no.", MetricType::Counter,
             [](const MemoryShare& s) { return s.refused(); });
  if (journal != nullptr) add_journal(f, *journal);
  if (view.config != nullptr) {
    f.gauge("ppo_bridge_config_last_reload_successful", "Whether the last SIGHUP was taken up, or none came.",
            view.config->error.empty() ? 1 : 0);
    f.gauge("ppo_bridge_config_last_reload_success_timestamp_seconds", "When one was last, since 1970; 0: never.",
            static_cast<double>(view.config->reloaded_us) / 1e6);
  }
  if (depths.tls != nullptr) add_tls(f, *depths.tls);
  if (depths.audit != nullptr) add_audit(f, *depths.audit);
  if (depths.cluster != nullptr) add_cluster(f, *depths.cluster);
  f.counter("ppo_bridge_addresses_forgotten_total", "Addresses that limits are kept for and there was no room for.",
            depths.addresses_forgotten);
  if (view.schemas != nullptr) {
    for (const auto& [name, help, count] :
         {std::tuple{"ppo_bridge_schema_checked_total", "Events checked against the schema of their type.", &Schemas::Tally::checked},
          std::tuple{"ppo_bridge_schema_mismatched_total", "Those that it does not fit.", &Schemas::Tally::mismatched}}) {
      f.begin(name, help, MetricType::Counter);
      view.schemas->for_each_type([&f, count = count](const std::string& type, const Schemas::Tally& tally) {
        if (tally.checked != 0) f.sample(static_cast<double>(tally.*count), {{"type", type}});
      });
    }
  }
  add_sources(f, view.sources, view.clock.steady_us());
  add_process(f);
  return f.text();
}

}  // namespace bridge
