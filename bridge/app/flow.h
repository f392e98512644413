// How events go on: who is told when the log has grown, and that no more is read from sources than can be kept and handed
// on. The kernel, ZeroMQ and the sources hold the rest.
#pragma once

#include <asio/io_context.hpp>

#include "app/cluster_part.h"
#include "app/stopping.h"
#include "log/event_log.h"
#include "net/bot_publisher.h"
#include "net/client_servers.h"
#include "net/event_receiver.h"
#include "sources/source_tracker.h"
#include "store/journal.h"

namespace bridge {

// What events pass. All of it outlives the Flow.
struct FlowParts {
  asio::io_context& io;
  EventReceiver& receiver;
  SourceTracker& tracker;
  EventLog& log;
  ClientServers& clients;
  BotPublisher& bots;
  const Stopping& stopping;
  Journal* journal = nullptr;            // null where it is off
  bool before_delivery = false;          // nothing is handed on that is not on disk
  const ClusterPart* cluster = nullptr;  // null where the log is this bridge's own
};

// One thread: the log's.
class Flow {
 public:
  explicit Flow(const FlowParts& parts) : parts_(parts) {}

  // Tells everyone downstream that the log has grown.
  void announce();
  // The same of what sources have sent, but in a turn of its own where the newest event is large: to read it was one.
  void on_events();
  // Once the present work is done, however often it is asked for.
  void announce_soon();
  // More of the log is on disk, or the journal's state has changed.
  void on_journal();
  // Call where one of those that keep or hand on may have got behind, or come back.
  void regulate();
  // Looks whether the cluster takes what it is to. Call every millisecond. REQUIRES: there is one.
  void watch_cluster();
  // Whether nothing more can be kept for now.
  bool full() const;

 private:
  void deliver();

  const FlowParts parts_;
  bool announcing_ = false;
  bool cluster_congested_ = false;  // as of the last look
};

}  // namespace bridge
