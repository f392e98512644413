// What mode rows measures, one function a contest.
#include <algorithm>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>

#include "idle_memory.h"
#include "journal.h"
#include "latency.h"
#include "library_subject.h"
#include "peers/peers.h"
#include "rows.h"
#include "subject.h"
#include "subscriptions.h"
#include "throughput.h"

namespace bench {
namespace {

constexpr bool kMore = true;
constexpr bool kLess = false;
constexpr bool kRatio = true;
constexpr bool kFigure = false;

constexpr std::size_t kFilters = 100;
// Few enough that each has been delivered to all before the next.
constexpr double kCrowdEventsPerS = 5.0;
constexpr std::size_t kCrowd = 9'000;
// A million rows take longer to write than all else of a round; the time before the resuming client is what it is held against.
constexpr std::size_t kMissedMax = 200'000;

std::string threads_name(std::size_t threads) {
  return std::to_string(threads) + (threads == 1 ? " thread" : " threads");
}

// Those of `names` that were asked for.
std::vector<std::string> asked_for(const std::vector<std::string>& names, const Options& options) {
  std::vector<std::string> found;
  for (const std::string& name : names) {
    const auto& asked = options.subjects;
    if (!is_peer(name) || std::find(asked.begin(), asked.end(), name) != asked.end()) found.push_back(name);
  }
  return found;
}

Taken deliveries(std::unique_ptr<Subject> subject, const Options& options) {
  subject->start();
  const ThroughputRound got = measure_clients(*subject, options, 1, 1);
  subject->stop();
  return {got.lost, {{"events/s", got.deliveries_per_s}}};
}

Contest one_client(const Options& options) {
  Contest contest{"1 client, single messages", {}, {}};
  contest.rows = {{"1 client, one event a message from a bare PUB: events/s", "events/s", "bridge", kMore, 1.0, kRatio}};
  for (const std::string& name : asked_for({"bridge", "nats"}, options)) {
    contest.contestants.push_back({name, [name, &options] { return deliveries(make_subject(name, options), options); }});
  }
  return contest;
}

Contest one_client_by_library(const Options& options) {
  Contest contest{"1 client, each one's publisher library", {}, {}};
  contest.rows = {{"the same, each with its own publisher library: events/s", "events/s", "bridge", kMore, 1.0, kRatio}};
  for (const std::string& name : asked_for({"bridge", "nats"}, options)) {
    contest.contestants.push_back(
        {name, [name, &options] { return deliveries(with_library(make_subject(name, options)), options); }});
  }
  return contest;
}

// On the same machine there are two ways in.
Contest one_client_by_ipc(const Options& options) {
  Contest contest{"1 client, single messages by ipc", {}, {}};
  contest.rows = {{"1 client, one event a message by ipc://, beside tcp://: events/s", "events/s", "ipc", kMore, 0.0, kRatio}};
  for (const std::string name : {"ipc", "bridge"}) {
    contest.contestants.push_back({name, [name, &options] { return deliveries(make_subject(name, options), options); }});
  }
  return contest;
}

// On an open schedule. With `threads` it is the bridge with so many.
Taken on_schedule(const std::string& name, double events_per_s, std::size_t clients, std::size_t threads,
                  const Options& options) {
  Options changed = options;
  changed.latency_clients = clients;
  changed.latency_events_per_s = events_per_s;
  changed.reload_every_s = 0.0;
  if (threads != 0) changed.bridge_settings.push_back("websocket.threads=" + std::to_string(threads));
  const std::unique_ptr<Subject> subject = make_subject(name, changed);
  subject->start();
  const LatencyRow got = measure_open_loop(*subject, EventText(options.event_bytes), changed);
  subject->stop();
  return {got.lost,
          {{"p50 ms", got.p50_ms},
           {"p99 ms", got.p99_ms},
           {"cores", got.server_cpu},
           {"CPU us", got.cpu_us_per_delivery},
           {"sleeps", got.switches_per_event},
           {"preemptions", got.preemptions_per_event}}};
}

// The bridge with each of these numbers of threads (none = as it is by default), and the others.
Contest schedule_contest(std::string title, double events_per_s, std::size_t clients, const std::vector<std::size_t>& threads,
                         const std::vector<std::string>& others, const Options& options) {
  Contest contest{std::move(title), {}, {}};
  const auto add = [&](const std::string& name, const std::string& subject, std::size_t count) {
    contest.contestants.push_back({name, [=, &options] { return on_schedule(subject, events_per_s, clients, count, options); }});
  };
  for (const std::size_t count : threads) add(threads_name(count), "bridge", count);
  if (threads.empty()) add("bridge", "bridge", 0);
  for (const std::string& name : asked_for(others, options)) add(name, name, 0);
  return contest;
}

std::vector<Contest> schedule_contests(const Options& options) {
  Contest lone = schedule_contest("2,000/s x 1", 2000, 1, {}, {"nats"}, options);
  lone.rows = {{"lone event, 2,000/s x 1: p50 ms", "p50 ms", "bridge", kLess, 1.0, kRatio},
               {"lone event, 2,000/s x 1: p99 ms", "p99 ms", "bridge", kLess, 1.0, kRatio}};
  Contest by_ipc = schedule_contest("2,000/s x 1 by ipc", 2000, 1, {}, {"ipc"}, options);
  by_ipc.rows = {{"lone event by ipc://, beside tcp://: p50 ms", "p50 ms", "ipc", kLess, 0.0, kRatio},
                 {"lone event by ipc://, beside tcp://: p99 ms", "p99 ms", "ipc", kLess, 0.0, kRatio}};
  Contest hundred = schedule_contest("2,000/s x 100", 2000, 100, {1, 4}, {"nats"}, options);
  Contest thousand = schedule_contest("200/s x 1,000", 200, 1000, {1, 4}, {"nats"}, options);
  for (const std::string& ours : {threads_name(1), threads_name(4)}) {
    hundred.rows.push_back({"2,000/s x 100, " + ours + ": p99 ms", "p99 ms", ours, kLess, 0.5, kRatio});
    thousand.rows.push_back({"200/s x 1,000, " + ours + ": p50 ms", "p50 ms", ours, kLess, 1.0, kRatio});
    thousand.rows.push_back({"200/s x 1,000, " + ours + ": p99 ms", "p99 ms", ours, kLess, 1.0, kRatio});
  }
  Contest quiet = schedule_contest("1,000/s x 20", 1000, 20, {}, {"mosquitto", "nats"}, options);
  quiet.rows = {{"1,000/s x 20: CPU of a core", "cores", "bridge", kLess, 0.07, kFigure}};
  Contest crowd = schedule_contest("an event to 9,000", kCrowdEventsPerS, kCrowd, {}, {"raw"}, options);
  crowd.rows = {{"an event to each of 9,000 clients: p50 ms", "p50 ms", "bridge", kLess, 1.15, kRatio},
                {"an event to each of 9,000 clients: CPU us a delivery", "CPU us", "bridge", kLess, 1.15, kRatio}};
  Contest many = schedule_contest("4,000/s x 1,000", 4000, 1000, {1, 2, 4, 8}, {}, options);
  for (const std::size_t count : {2u, 4u, 8u}) {
    many.rows.push_back({"4,000/s x 1,000, " + threads_name(count) + ": CPU us a delivery, beside one's", "CPU us", threads_name(count), kLess,
                         1.25, kRatio});
  }
  return {std::move(lone), std::move(by_ipc), std::move(hundred), std::move(thousand), std::move(quiet), std::move(crowd), std::move(many)};
}

// A trainer's loop that uses a core, on the same cores as the bridge, the publisher and the readers.
Contest training(const Options& options) {
  Contest contest{"training beside 1,000/s x 20", {}, {}};
  contest.rows = {{"a CPU-bound loop beside 1,000/s x 20: share of its steps kept", "kept", "bridge", kMore, 0.97, kFigure},
                  {"the same, beside what it keeps with others", "kept", "bridge", kMore, 1.0, kRatio}};
  for (const std::string& name : asked_for({"bridge", "mosquitto", "nats"}, options)) {
    contest.contestants.push_back({name, [name, &options]() -> Taken {
                                     Options changed = options;
                                     changed.latency_clients = 20;
                                     changed.latency_events_per_s = 1000.0;
                                     changed.reload_every_s = 0.0;
                                     changed.beside_training = true;
                                     const std::unique_ptr<Subject> subject = make_subject(name, changed);
                                     subject->start();
                                     const LatencyRow got = measure_open_loop(*subject, EventText(options.event_bytes), changed);
                                     subject->stop();
                                     return {got.lost, {{"kept", got.training_kept}, {"cores", got.server_cpu}}};
                                   }});
  }
  return contest;
}

Contest filters(const Options& options) {
  Contest contest{"filters of 100 clients", {}, {}};
  contest.rows = {
      {"100 filters of 100 clients: CPU us a delivery, beside one filter", "CPU us", "100 filters", kLess, 1.5, kRatio}};
  for (const std::size_t count : {kFilters, std::size_t{1}}) {
    contest.contestants.push_back({std::to_string(count) + (count == 1 ? " filter" : " filters"), [count, &options]() -> Taken {
                                     const ThroughputRound got = measure_filtered({kFilters, count, {}}, options);
                                     return {got.lost, {{"CPU us", got.cpu_us_per_delivery}}};
                                   }});
  }
  return contest;
}

Contest filter_memory(const Options& options) {
  Contest contest{"memory of 100 clients with a filter each", {}, {}};
  contest.rows = {{"a client with a filter of its own, idle after events: bytes", "bytes", "bridge", kLess, 20'000, kFigure}};
  contest.contestants = {{"bridge", [&options]() -> Taken {
                            const FilterMemory got = measure_filter_memory(kFilters, options);
                            return {got.lost, {{"bytes", got.bytes_per_client}}};
                          }}};
  return contest;
}

Contest idle_clients(const Options& options) {
  Contest contest{"idle clients", {}, {}};
  contest.rows = {{"an idle client: bytes", "bytes", "bridge", kLess, 6'000, kFigure}};
  for (const std::string& name : asked_for({"bridge", "mosquitto"}, options)) {
    contest.contestants.push_back({name, [name, &options]() -> Taken {
                                     return {"", {{"bytes", measure_idle_clients(name, options).bytes_per_client}}};
                                   }});
  }
  return contest;
}

// Both figures are of one run: who was there before is held against itself.
Contest resuming(const Options& options) {
  Contest contest{"100 live clients while one resumes", {}, {}};
  contest.rows = {{"100 live clients while one resumes: p99 ms, beside before", "while ms", "bridge", kLess, 1.2, kRatio, "before ms"}};
  const auto run = std::make_shared<std::optional<Taken>>();
  const auto half = [run, &options] {
    if (*run) return *std::exchange(*run, std::nullopt);
    Options changed = options;
    changed.latency_clients = 100;
    changed.latency_events_per_s = 2000.0;
    changed.resume_events = std::min(options.resume_events, kMissedMax);
    Taken taken;
    const ResumeRound got = measure_resume_once(changed, &taken.lost);
    taken.figures = {{"while ms", got.p99_while_ms}, {"before ms", got.p99_before_ms}};
    *run = taken;
    return taken;
  };
  contest.contestants = {{"bridge", half}, {"before", half}};
  return contest;
}

}  // namespace

std::vector<Contest> row_contests(const Options& options) {
  std::vector<Contest> contests = schedule_contests(options);
  contests.insert(contests.begin(), {one_client(options), one_client_by_library(options), one_client_by_ipc(options)});
  for (Contest& contest : std::vector<Contest>{training(options), filters(options), filter_memory(options), idle_clients(options), resuming(options)}) {
    contests.push_back(std::move(contest));
  }
  const auto left_out = [&](const Contest& contest) { return contest.title.find(options.rows_only) == std::string::npos; };
  contests.erase(std::remove_if(contests.begin(), contests.end(), left_out), contests.end());
  if (contests.empty()) throw std::runtime_error("no row is of \"" + options.rows_only + '"');
  return contests;
}

}  // namespace bench
