#include "app/memory_shares.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/address.h"
#include "base/limits.h"
#include "base/log.h"
#include "sources/source_table.h"

namespace bridge {
namespace {

constexpr std::size_t kLeftMin = 64 << 20;
// Of events.message_bytes_max. Those that are read without libzmq are in one piece, and come when it is their turn; with it
// some are being read, wait and are taken in, of two sources at a time.
constexpr std::size_t kMessagesIn = 3;
constexpr std::size_t kMessagesInZmq = 6, kMessagesInZmqWithoutEvents = 3;
// What is left is shared out in so many parts.
constexpr std::size_t kParts = 38;
constexpr std::pair<Queue, std::size_t> kPartsOf[] = {
    {Queue::sources, 2},  {Queue::cohorts, 2},  {Queue::unread, 9},    {Queue::subscriptions, 2},
    {Queue::requests, 5}, {Queue::commands, 2}, {Queue::http, 3},       {Queue::bot_events, 4},
    {Queue::bot_topics, 1}, {Queue::bot_replies, 2}, {Queue::runs, 4},
    {Queue::alerts, 2}};

}  // namespace

Result<bool> share_memory(const Config& config, MemoryLedger& ledger) {
  const std::size_t threads = client_threads(config);
  const std::size_t logs = threads == 1 ? 1 : threads + 1;  // each has a snapshot of its own
  const bool journal = !config.journal.path.empty();
  ledger[Queue::history].set_bound(static_cast<std::size_t>(config.history.bytes_max));
  ledger[Queue::held_events].set_bound(static_cast<std::size_t>(config.events.held_bytes_max));
  ledger[Queue::journal_queue].set_bound(journal ? kJournalQueueBytesMax : 0);
  ledger[Queue::thread_backlog].set_bound(threads == 1 ? 0 : kThreadBacklogBytesMax);
  ledger[Queue::bot_backlog].set_bound(config.bots.events.empty() ? 0 : kBotBacklogBytesMax);
  ledger[Queue::past].set_bound(
      journal ? threads * kPastCacheBytesMax + kSearchCacheBytesMax : 0);
  ledger[Queue::snapshot].set_bound(logs * kSnapshotBytesMax);
  ledger[Queue::clients].set_bound(
      (static_cast<std::size_t>(config.websocket.clients_max) + kOtherConnectionsMax) *
      (kConnectionBytes + (config.tls.certificate.empty() ? 0 : kTlsBytes)));
  const auto message = static_cast<std::size_t>(config.events.message_bytes_max);
  ledger[Queue::events_in].set_bound(kMessagesIn * message);
  const auto is_local = [](const std::string& endpoint) { return !is_beyond_loopback(endpoint); };
  const bool some_by_zmq = config.zmq.curve_on_loopback || !std::all_of(config.events.bind.begin(), config.events.bind.end(), is_local) ||
                           !std::all_of(config.events.connect.begin(), config.events.connect.end(), is_local);
  ledger[Queue::zeromq].set_bound((some_by_zmq ? kMessagesInZmq : kMessagesInZmqWithoutEvents) * message);
  std::size_t fixed = ledger[Queue::zeromq].bytes_max();
  for (std::size_t i = 0; i <= static_cast<std::size_t>(Queue::clients); ++i) {
    fixed += ledger.shares()[i].bytes_max();
  }
  const std::size_t runs = static_cast<std::size_t>(config.sources.runs_max) * kRunBytes;
  fixed += runs;
  auto bytes_max = static_cast<std::size_t>(config.limits.memory_bytes_max);
  if (fixed + kLeftMin > bytes_max && config.limits.memory_bytes_max == kMemoryBytesDefault) {
    bytes_max = fixed + kMemoryBytesDefault / 4;
    log_warn("memory_short", "limits.memory_bytes_max is not set, and {} for what other keys ask for", bytes_max);
  }
  if (fixed + kLeftMin > bytes_max) {
    return Failure{"limits.memory_bytes_max is " + std::to_string(bytes_max) + "; must be at least " +
                   std::to_string(fixed + kLeftMin) +
                   " for history.bytes_max, events.held_bytes_max, events.message_bytes_max, sources.runs_max, "
                   "websocket.clients_max, websocket.threads and the journal, and 64 MiB for the rest"};
  }
  const std::size_t left = bytes_max - fixed;
  ledger.set_bytes_max(bytes_max);
  for (const auto& [queue, parts] : kPartsOf) ledger[queue].set_bound(left / kParts * parts);
  ledger[Queue::sources].set_bound(ledger[Queue::sources].bytes_max() + runs);
  return true;
}

}  // namespace bridge
