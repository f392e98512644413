#include "subscriptions.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <random>
#include <set>
#include <stdexcept>
#include <utility>

#include "idle_memory.h"
#include "load.h"
#include "statistics.h"
#include "subject.h"
#include "support/json.h"

namespace bench {
namespace {

using testing_support::RawWebSocket;

constexpr std::size_t kItems = 16;
constexpr std::size_t kItemsPassed = kItems / 2;
constexpr std::size_t kBatch = 100;

// Of one length, as EventText wants them.
std::vector<std::string> item_names() {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < kItems; ++i) names.push_back("Rune bar " + std::to_string(10 + i));
  return names;
}

// Which items each of `count` subscriptions wants: halves, no two alike, the same in every run.
std::vector<std::vector<bool>> make_halves(std::size_t count) {
  std::mt19937 random(1);
  std::vector<bool> half(kItems, false);
  std::fill(half.begin(), half.begin() + kItemsPassed, true);
  std::set<std::vector<bool>> seen;
  std::vector<std::vector<bool>> halves;
  while (halves.size() < count) {
    std::shuffle(half.begin(), half.end(), random);
    if (seen.insert(half).second) halves.push_back(half);
  }
  return halves;
}

std::string register_request(const std::vector<bool>& half) {
  const std::vector<std::string> names = item_names();
  std::string items;
  for (std::size_t i = 0; i < kItems; ++i) {
    if (half[i]) items += (items.empty() ? "\"" : ",\"") + names[i] + '"';
  }
  return R"({"action":"register","subscriptions":["price_*","trade_executed"],"filter":{"item":[)" +
         items + "]}}";
}

Connection connect(const Subject& subject, const std::string& request) {
  RawWebSocket client = RawWebSocket::connect(subject.websocket());
  if (!client.receive_text()) throw std::runtime_error("the bridge sent no welcome");
  client.send_text(request);
  const auto reply = client.receive_text();
  if (!reply || testing_support::Json(*reply).string("/status") != "registered") {
    throw std::runtime_error("the bridge refused a client: " + reply.value_or("no reply"));
  }
  Connection connection;
  connection.socket = client.release(connection.unread);
  return connection;
}

// Clients that share so many subscriptions, connected.
FanReader filtered_clients(const Subject& subject, const SubscriptionsRow& row) {
  std::vector<SequenceRule> rules;
  for (std::vector<bool>& half : make_halves(row.subscriptions)) {
    SequenceRule rule = subject.sequence_rule();
    rule.passes = std::move(half);
    rules.push_back(std::move(rule));
  }
  std::vector<Connection> connections;
  for (std::size_t i = 0; i < row.clients; ++i) {
    if (interrupted) throw std::runtime_error("interrupted");
    const std::size_t rule = i % rules.size();
    connections.push_back(connect(subject, register_request(rules[rule].passes)));
    connections.back().rule = rule;
  }
  return FanReader(std::move(connections), std::move(rules), nullptr);
}

}  // namespace

ThroughputRound measure_filtered(const SubscriptionsRow& row, const Options& options) {
  const std::unique_ptr<Subject> subject = make_subject("bridge", options);
  subject->start();
  FanReader reader = filtered_clients(*subject, row);
  const EventText events(options.event_bytes, item_names());
  ThroughputRound round =
      measure_closed_loop(*subject, reader, events, kBatch, options.window_events, options);
  subject->stop();
  return round;
}

FilterMemory measure_filter_memory(std::size_t clients, const Options& options) {
  Options changed = options;
  // Full before anything is measured, and enough for whoever is a second behind.
  constexpr double kFilterEventsPerS = 10'000.0;
  changed.bridge_settings.push_back("history.events_max=10000");
  const std::unique_ptr<Subject> subject = make_subject("bridge", changed);
  subject->start();
  FilterMemory got;
  // What is resident once so many clients, with a filter each, have been sent events and are idle.
  const auto resident_after = [&](std::size_t count) {
    const EventText events(options.event_bytes, item_names(), "r" + std::to_string(count));  // numbered from 1 anew
    FanReader reader = filtered_clients(*subject, {count, count, {}});
    reader.start();
    // By a rate, so that what waits for other threads meanwhile is as much with few clients as with many.
    TickedLoad load(subject->events_in(), events, kFilterEventsPerS, std::chrono::steady_clock::now());
    pass(options.seconds, reader);
    load.stop();
    const bool drained = load.failure().empty() && wait_drained(reader, load.published());
    const double bytes = settled_resident_bytes(*subject);
    reader.stop();
    if (!drained || load.published() == 0) got.lost = reader.failure().empty() ? "not all events came" : reader.failure();
    return bytes;
  };
  const double before = resident_after(1);
  // Less than before is nothing: the allocator gave something back that the first had needed.
  got.bytes_per_client = std::max(0.0, resident_after(clients) - before) / static_cast<double>(clients);
  subject->stop();
  if (interrupted) throw std::runtime_error("interrupted");
  return got;
}

std::vector<SubscriptionsRow> measure_subscriptions(const Options& options) {
  const auto& names = options.subjects;
  if (std::find(names.begin(), names.end(), "bridge") == names.end()) return {};
  std::vector<SubscriptionsRow> rows;
  for (const std::size_t clients : options.subscription_clients) {
    for (const std::size_t subscriptions : options.subscriptions) {
      if (subscriptions <= clients) rows.push_back({clients, subscriptions, {}});
    }
  }
  for (std::size_t round = 0; round < options.rounds; ++round) {
    for (SubscriptionsRow& row : rows) {
      row.rounds.push_back(measure_filtered(row, options));
      const ThroughputRound& got = row.rounds.back();
      std::fprintf(stderr,
                   "%5zu clients, %4zu subscriptions, round %zu, %12.0f deliveries/s, %.4f us "
                   "each%s%s\n",
                   row.clients, row.subscriptions, round + 1, got.deliveries_per_s,
                   got.cpu_us_per_delivery, got.lost.empty() ? "" : "  LOST: ", got.lost.c_str());
    }
  }
  return rows;
}

double times_one_subscription(const std::vector<SubscriptionsRow>& rows,
                              const SubscriptionsRow& row) {
  for (const SubscriptionsRow& one : rows) {
    if (one.clients != row.clients || one.subscriptions != 1) continue;
    if (!lost_of(one).empty() || !lost_of(row).empty()) return 0.0;
    std::vector<double> ratios;
    for (std::size_t i = 0; i < std::min(one.rounds.size(), row.rounds.size()); ++i) {
      const double cost = one.rounds[i].cpu_us_per_delivery;
      if (cost > 0) ratios.push_back(row.rounds[i].cpu_us_per_delivery / cost);
    }
    return median(std::move(ratios));
  }
  return 0.0;
}

void print_subscriptions(const std::vector<SubscriptionsRow>& rows) {
  if (rows.empty()) return;
  std::printf("\nclients that share subscriptions, each a filter that half of the events pass\n");
  std::printf("  %7s %13s %14s %11s %9s %9s %7s %7s\n", "clients", "subscriptions",
              "deliveries/s", "CPU us/del", "x one", "RSS MB", "srv CPU", "rdr CPU");
  for (const SubscriptionsRow& row : rows) {
    std::printf("  %7zu %13zu ", row.clients, row.subscriptions);
    if (const std::string lost = lost_of(row); !lost.empty()) {
      std::printf("LOST %s\n", lost.c_str());
      continue;
    }
    const auto middle = [&row](double ThroughputRound::*figure) {
      return median_of(row.rounds, figure);
    };
    std::printf("%14.0f %11.4f %9s %9.1f %7.2f %7.2f\n", middle(&ThroughputRound::deliveries_per_s),
                middle(&ThroughputRound::cpu_us_per_delivery),
                times(times_one_subscription(rows, row)).c_str(),
                middle(&ThroughputRound::resident_bytes) / 1e6,
                middle(&ThroughputRound::server_cpu), middle(&ThroughputRound::reader_cpu));
  }
}

void write_subscriptions(Writer& writer, const std::vector<SubscriptionsRow>& rows) {
  write_objects(writer, rows, [&](const SubscriptionsRow& row) {
    member(writer, "clients", row.clients);
    member(writer, "subscriptions", row.subscriptions);
    member(writer, "lost", lost_of(row));
    member(writer, "times_one_subscription", times_one_subscription(rows, row));
    writer.Key("rounds");
    write_objects(writer, row.rounds, [&](const ThroughputRound& round) {
      member(writer, "deliveries_per_s", round.deliveries_per_s);
      member(writer, "bytes_per_delivery", round.bytes_per_delivery);
      member(writer, "cpu_us_per_delivery", round.cpu_us_per_delivery);
      member(writer, "resident_bytes", round.resident_bytes);
      member(writer, "server_cpu", round.server_cpu);
      member(writer, "reader_cpu", round.reader_cpu);
    });
  });
}

std::string lost_of(const SubscriptionsRow& row) {
  for (const ThroughputRound& round : row.rounds) {
    if (!round.lost.empty()) return round.lost;
  }
  return {};
}

bool check_subscriptions(const std::vector<SubscriptionsRow>& rows, double times_max) {
  const auto most = std::max_element(rows.begin(), rows.end(), [](const auto& a, const auto& b) {
    return std::make_pair(a.clients, a.subscriptions) < std::make_pair(b.clients, b.subscriptions);
  });
  if (most == rows.end()) return true;
  const std::string what = "CPU a delivery, " + std::to_string(most->clients) + " clients, " +
                           std::to_string(most->subscriptions) + " subscriptions / one";
  return meets(what.c_str(), times_one_subscription(rows, *most), times_max, true);
}

}  // namespace bench
