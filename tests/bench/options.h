// What a run of the bench is asked to measure.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace bench {

struct Options {
  std::vector<std::string> subjects{"bridge", "plain", "raw"};
  std::string programs_directory;  // of plain-bridge, raw-blaster and bare-hop
  std::string bridge_program;
  std::vector<std::string> bridge_settings;  // "section.key=VALUE", besides the bench's own
  std::vector<std::string> bridge_prefix;    // a program that runs it, and its arguments

  // throughput
  std::vector<std::size_t> clients{1, 10, 100, 1000};
  std::vector<std::size_t> batches{100};  // events a ZeroMQ message; 1 = unbatched
  std::size_t rounds = 3;
  double seconds = 5.0;
  double warmup_seconds = 1.0;
  std::uint64_t window_events = 50'000;
  std::size_t event_bytes = 200;
  int receive_buffer_bytes = 0;  // 0 = the kernel's choice

  // idle-memory
  std::size_t idle_clients = 2000;

  // latency
  std::size_t latency_clients = 100;
  double latency_events_per_s = 2000.0;
  bool beside_training = false;  // a TrainingLoop runs meanwhile
  double reload_every_s = 0.0;  // SIGHUP with another configuration each time; 0 = never

  // hop
  double hop_events_per_s = 200.0;

  // subscriptions
  std::vector<std::size_t> subscription_clients{1, 10, 100, 1000};
  std::vector<std::size_t> subscriptions{1, 10, 100};

  // threads
  std::vector<std::size_t> threads{1, 2, 4};
  std::vector<std::size_t> thread_clients{100, 1000};
  bool count_instructions = false;

  // storm
  std::size_t storm_clients = 1000;
  std::size_t storm_events = 100'000;
  double storm_events_per_s = 1000.0;

  // journal and resume
  std::size_t journal_rows = 400'000;
  std::string journal_type = "price_update";  // or trade_executed, scalar
  std::size_t resume_events = 1'000'000;
  bool resume_packed = false;  // once they are compressed in the journal

  // rows
  std::string rows_only;  // those of contests whose titles contain it; "" = all

  // cluster
  std::size_t cluster_events = 400'000;

  // commands
  double command_events_per_s = 20'000.0;
};

// Set on SIGINT and SIGTERM: every loop of the bench looks at it, and everything is taken down in
// good order.
extern std::atomic<bool> interrupted;

}  // namespace bench
