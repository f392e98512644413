// What the bridge counts. Read by get_status and /metrics. Each thread that serves clients counts for
// itself; the sum is made when somebody asks.
#pragma once

#include <array>
#include <cstdint>

#include "base/duration_histogram.h"

namespace bridge {

// One thread. Every number counts from the start of the process. The ways in add up:
// bodies_received + events_repaired =
//     events_from_sources + announcements + sum(rejected) + events_duplicate + events_put_off
//     + what the source tracker holds.
struct Counters {
  std::uint64_t messages_received = 0;  // ZeroMQ messages and POSTs, each one body or a batch
  std::uint64_t bytes_received = 0;
  std::uint64_t bodies_received = 0;  // lines of batches counted one by one
  std::uint64_t events_from_sources = 0;  // accepted, numbered, forwarded
  std::uint64_t announcements = 0;        // `_source` bodies: taken, not forwarded
  std::array<std::uint64_t, 16> rejected{};  // by event::Reject
  std::uint64_t not_finite_replaced = 0;     // NaN and infinities that became null

  std::uint64_t events_duplicate = 0;  // came a second time, or after they were given up
  std::uint64_t events_put_off = 0;    // let go of for want of room, to be asked for later
  std::uint64_t events_repaired = 0;   // had by asking their source
  std::uint64_t events_lost = 0;       // reported as source_lost
  std::uint64_t repairs_asked = 0;
  std::uint64_t repairs_failed = 0;  // refused, unusable, or not answered in time

  std::uint64_t events_sent = 0;  // over all clients
  std::uint64_t bytes_sent = 0;
  // From accepting a live event to handing it to a client's socket; replayed ones are not in it.
  DurationHistogram receive_to_send;
  std::uint64_t clients_accepted = 0;
  std::uint64_t clients_refused = 0;  // full, wrong path, foreign origin
  std::uint64_t clients_closed_slow = 0;
  std::uint64_t clients_closed_no_pong = 0;
  std::uint64_t gaps_sent = 0;
  std::uint64_t requests = 0;
  std::uint64_t requests_refused = 0;  // answered with an error
  std::uint64_t requests_rate_limited = 0;
  std::uint64_t http_requests = 0;

  std::uint64_t commands = 0;                  // submitted for trainers, by clients and bots
  std::uint64_t command_answers_late = 0;      // after their deadline
  std::uint64_t command_answers_unusable = 0;  // not JSON, forged, or of nothing that was asked
  std::uint64_t switches_expired = 0;          // dead-man's switches
  std::uint64_t bot_events_sent = 0;
  std::uint64_t bot_requests = 0;
  std::uint64_t bot_requests_unusable = 0;  // no request at all

  // Adds what serving clients counts; the rest is the log's thread's alone.
  void add_clients(const Counters& other) {
    events_sent += other.events_sent;
    bytes_sent += other.bytes_sent;
    receive_to_send += other.receive_to_send;
    clients_accepted += other.clients_accepted;
    clients_refused += other.clients_refused;
    clients_closed_slow += other.clients_closed_slow;
    clients_closed_no_pong += other.clients_closed_no_pong;
    gaps_sent += other.gaps_sent;
    requests += other.requests;
    requests_refused += other.requests_refused;
    requests_rate_limited += other.requests_rate_limited;
    http_requests += other.http_requests;
  }
};

}  // namespace bridge
