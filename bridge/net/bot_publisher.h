// Events out for bots: the XPUB socket, one more cursor into the log (PROTOCOL section 3).
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <asio/io_context.hpp>
#include <zmq.hpp>

#include "base/counters.h"
#include "base/result.h"
#include "log/event_log.h"
#include "net/zmq_watch.h"

namespace bridge {

// Lives on the loop's thread. The log must outlive it.
class BotPublisher {
 public:
  BotPublisher(asio::io_context& io, zmq::context_t& context, EventLog& log, Counters& counters);

  // Binds; "" leaves it off. A failure names the address and the reason.
  Result<bool> start(const std::string& endpoint);

  // Where it is bound; empty where it is off.
  const std::string& endpoint() const { return endpoint_; }

  // Sends what is new in the log, a turn's worth now and the rest after the other sockets. Call after
  // each batch of appends. A bot that does not read loses events at its high-water mark, as is ZeroMQ's
  // way; the holes in `seq` tell it, and get_recent_events has them.
  void publish();

 private:
  Turn take_turn();
  void read_subscriptions();

  asio::io_context& io_;
  EventLog& log_;
  Counters& counters_;
  zmq::socket_t socket_;
  std::string endpoint_;
  std::unique_ptr<ZmqWatch> watch_;
  std::uint64_t cursor_ = 0;
  std::int64_t subscriptions_ = 0;
  std::string topic_;  // reused
};

}  // namespace bridge
