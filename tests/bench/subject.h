// What is measured: anything that takes events and hands them to WebSocket clients.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "event_text.h"
#include "fan_reader.h"
#include "options.h"
#include "publisher.h"
#include "support/raw_websocket.h"

namespace bench {

// One server under measurement. What people would use instead of the bridge is in peers/.
// Belongs to the main thread, which must start it: its processes die with the thread that did.
class Subject {
 public:
  virtual ~Subject() = default;

  virtual std::string name() const = 0;

  // Starts it and waits until it is ready. Throws std::runtime_error if it is not.
  virtual void start() = 0;
  // Ends it, with all its processes. Idempotent.
  virtual void stop() = 0;

  // Has it read another configuration than before; false where it cannot.
  virtual bool reload() { return false; }

  virtual testing_support::TcpAddress websocket() const = 0;
  virtual std::string path() const { return "/ws"; }
  // What clients say in their handshake besides what every one says.
  virtual testing_support::HttpHeaders handshake_headers() const { return {}; }
  // Where publishers connect.
  virtual std::string events_in() const = 0;
  // A connection there; call it on the thread that publishes. By default ZeroMQ.
  virtual std::unique_ptr<Publisher> connect_publisher() const;
  // Where trainers connect; throws std::out_of_range if it takes no commands.
  virtual std::string control() const = 0;
  // Whose CPU time and memory are its own.
  virtual std::vector<pid_t> processes() const = 0;

  // Makes a connected client one that gets every event. By default as the bridge's protocol has it:
  // reads the welcome, registers, reads the reply. Throws std::runtime_error if that fails.
  virtual void subscribe(testing_support::RawWebSocket& client);
  // How many clients may do that at the same time, each on a thread of its own.
  virtual std::size_t connects_at_once() const { return 1; }

  // How its events are numbered, and where clients find them.
  virtual SequenceRule sequence_rule() const { return {}; }

  // How many events one message to its publisher stands for when `batch` are asked for.
  virtual std::size_t message_events(std::size_t batch) const { return batch; }
  // Appends the message that stands for the events `first` to `last`: newline-separated bodies.
  virtual void append_message(std::string& out, const EventText& events, std::uint64_t first,
                              std::uint64_t last) const;

  // How far the publisher may be ahead of the slowest client, where the subject needs it to be
  // less than the options say.
  virtual std::uint64_t window_events_max(std::size_t /*clients*/) const {
    return ~std::uint64_t{0};
  }
};

// "bridge", "tls" (the bridge over TLS), "ipc" (its events by ipc://), "plain", "raw" or one of peer_names(). Throws
// std::invalid_argument for anything else and std::runtime_error, with the name of the package, if what it needs is not
// installed.
std::unique_ptr<Subject> make_subject(const std::string& name, const Options& options);

// Connects and subscribes `count` clients. Throws if one fails, or on an interrupt.
std::vector<Connection> connect_clients(Subject& subject, std::size_t count,
                                        int receive_buffer_bytes);

// Sums over the subject's processes.
double cpu_seconds_of(const Subject& subject);
// How often its threads, those that there are, went to sleep, and had a processor taken away.
struct Switches {
  double sleeps = 0.0;
  double preemptions = 0.0;
};
Switches switches_of(const Subject& subject);
std::uint64_t resident_bytes_of(const Subject& subject);

}  // namespace bench
