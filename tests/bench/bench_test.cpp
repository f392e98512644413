// The bench itself: a measuring program that misses a loss would be worse than none.
#include <doctest/doctest.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>
#include <zmq.hpp>

#include "event_text.h"
#include "fan_reader.h"
#include "frame_checker.h"
#include "histogram.h"
#include "hop.h"
#include "latency.h"
#include "ingest.h"
#include "ingest_text.h"
#include "load.h"
#include "placement.h"
#include "replier.h"
#include "statistics.h"
#include "storm.h"
#include "subject.h"
#include "subscriptions.h"
#include "threads.h"
#include "support/event_publisher.h"
#include "support/json.h"
#include "support/protocol_client.h"
#include "support/websocket_frame.h"

using namespace bench;
using testing_support::Json;

std::atomic<bool> bench::interrupted{false};

namespace {

const Options options = [] {
  Options o;
  o.programs_directory = PPO_BENCH_PROGRAMS;
  o.bridge_program = PPO_BENCH_BRIDGE;
  return o;
}();

std::string framed(const std::string& text) {
  return testing_support::encode_frame({testing_support::Opcode::kText, text, true, false, 0, {}});
}

std::string framed_event(std::uint64_t number) {
  std::string text;
  EventText(200).append_delivered(text, number, number + 7);
  return framed(text);
}

// What a checker says about `bytes`, fed whole.
std::string failure_of(const std::string& bytes, std::uint64_t cycle = 0,
                       std::vector<bool> passes = {}) {
  SequenceRule rule;
  rule.cycle = cycle;
  rule.passes = std::move(passes);
  std::size_t hint = 0;
  FrameChecker checker(rule, nullptr, hint);
  checker.take(bytes, {});
  return checker.failure();
}

}  // namespace

TEST_CASE("checker: a missing event, a double one and a close are failures") {
  CHECK(failure_of(framed_event(1) + framed_event(3)) == "expected event 2, got 3");
  CHECK(failure_of(framed_event(1) + framed_event(1)) == "expected event 2, got 1");
  CHECK(failure_of(framed_event(2)) == "expected event 1, got 2");
  CHECK(failure_of(framed_event(11)) == "expected event 1, got 11");
  CHECK(failure_of(std::string("\x88\x02\x03\xf1", 4)) == "closed with 1009");
}

TEST_CASE("checker: all numbers over every change of their length, with other messages between") {
  std::string bytes;
  for (std::uint64_t number = 1; number <= 1200; ++number) {
    bytes += framed_event(number);
    if (number % 7 == 0) bytes += framed(R"({"type":"gap","data":{}})");
  }
  CHECK(failure_of(bytes).empty());
  CHECK(failure_of(framed_event(1) + framed_event(2) + framed_event(1), 2).empty());
  CHECK_FALSE(failure_of(framed_event(1) + framed_event(2) + framed_event(3), 2).empty());
}

TEST_CASE("checker: a filtered client must get what passes, all of it, and nothing else") {
  const std::vector<bool> passes{false, true, true, false};
  CHECK(failure_of(framed_event(2) + framed_event(3) + framed_event(6), 0, passes).empty());
  CHECK(failure_of(framed_event(2) + framed_event(6), 0, passes) == "expected event 3, got 6");
  CHECK(failure_of(framed_event(2) + framed_event(3) + framed_event(4), 0, passes) ==
        "expected event 6, got 4");
  CHECK(failure_of(framed_event(1), 0, passes) == "expected event 2, got 1");
  SequenceRule rule;
  rule.passes = passes;
  std::size_t hint = 0;
  FrameChecker checker(rule, nullptr, hint);
  checker.take(framed_event(2) + framed_event(3), {});
  CHECK(checker.events() == 2);
  CHECK(checker.position() == 5);  // 4 and 5 are not for this client
}

TEST_CASE("checker: frames that come in pieces are counted once each") {
  std::string bytes;
  for (std::uint64_t number = 1; number <= 20; ++number) bytes += framed_event(number);
  for (const std::size_t piece : {1u, 3u, 100u, 1000u}) {
    const SequenceRule rule;
    std::size_t hint = 0;
    FrameChecker checker(rule, nullptr, hint);
    std::string waiting;
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      waiting += bytes.substr(at, piece);
      waiting.erase(0, checker.take(waiting, {}));
    }
    CHECK(checker.failure().empty());
    CHECK(checker.events() == 20);
  }
}

TEST_CASE("event text: every number gives JSON of the size asked for") {
  CHECK_THROWS(EventText(EventText::bytes_min() - 1));
  const EventText text(200);
  for (const std::uint64_t number : {1ull, 9ull, 10ull, 1234567ull, ~0ull}) {
    std::string published;
    text.append_published(published, number);
    CHECK(published.size() == 200);
    CHECK(Json(published).dump("/source_seq") == std::to_string(number));
    std::string delivered;
    text.append_delivered(delivered, number, 77);
    CHECK(Json(delivered).integer("/seq") == 77);
    CHECK(Json(delivered).dump("/data") == Json(published).dump("/data"));
  }
}

TEST_CASE("event text: several items come in turn, and none changes the size") {
  using Items = std::vector<std::string>;
  CHECK_THROWS(EventText(200, Items{"an item longer than the usual one"}));
  const EventText text(200, Items{"Coal", "Clay"});
  for (const std::uint64_t number : {1ull, 2ull, 3ull}) {
    std::string published;
    text.append_published(published, number);
    CHECK(published.size() == 200);
    CHECK(Json(published).string("/data/item") == (number == 2 ? "Clay" : "Coal"));
  }
}

TEST_CASE("ingest text: JSON of the eight types in turn, numbered, a line each") {
  const IngestText text("r7");
  std::string message;
  text.append_message(message, 8, 4'000);
  std::map<std::string, int> types;
  std::int64_t number = 8;
  for (std::size_t from = 0; from < message.size(); ++number) {
    const std::size_t to = std::min(message.find('\n', from), message.size());
    const Json body(message.substr(from, to - from));
    ++types[body.string("/type")];
    CHECK(body.integer("/source_seq") == number);
    CHECK(body.string("/run") == "r7");
    from = to + 1;
  }
  CHECK(number == 4'001);
  CHECK(types.size() == 8);
  CHECK(text.body_bytes() > 180);
  CHECK(text.body_bytes() < 240);
}

TEST_CASE("ingest: both ways of taking batches take all, and have their figures") {
  Options brief = options;
  brief.rounds = 2;
  brief.seconds = 0.01;
  IngestReport report;
  report.parse = measure_parse(brief, 100);
  REQUIRE(report.parse.size() == 2);
  for (const ParseRound& round : report.parse) {
    CHECK(round.rapidjson_events_per_s > 0);
    CHECK(round.times == doctest::Approx(round.intake_events_per_s / round.rapidjson_events_per_s));
  }
  CHECK(intake_times(report) > 0);
  CHECK(unbatched_times(report) == 0);
  rapidjson::StringBuffer json;
  Writer writer(json);
  write_ingest(writer, report);
  CHECK(Json(json.GetString()).has("/parse/1/times"));
}

TEST_CASE("histogram: percentiles are within two parts in a hundred") {
  Histogram histogram;
  CHECK(histogram.percentile(0.5).count() == 0);
  for (int i = 1; i <= 100'000; ++i) histogram.add(std::chrono::microseconds(i));
  for (const double share : {0.01, 0.5, 0.9, 0.99}) {
    const double wanted = share * 1e8;
    const auto got = static_cast<double>(histogram.percentile(share).count());
    CHECK(got >= wanted);
    CHECK(got <= wanted * 1.02);
  }
  CHECK(histogram.percentile(1.0) == std::chrono::microseconds(100'000));
  CHECK(median({3.0, 1.0, 2.0}) == 2.0);
  CHECK(median({4.0, 1.0}) == 2.5);
}

TEST_CASE("plain bridge: a client meets the protocol, and events carry what was published") {
  const auto subject = make_subject("plain", options);
  subject->start();
  testing_support::ProtocolClient client(subject->websocket());
  CHECK(client.welcome().string("/data/status") == "connected");
  CHECK(client.request(R"({"action":"register","id":4})").integer("/id") == 4);
  testing_support::EventPublisher publisher(subject->events_in());
  REQUIRE(publisher.publish(
      testing_support::event_body("a", R"({"x":12345678901234567})", "s", "r", 1)));
  const std::vector<std::string> batch(1000, testing_support::event_body("c"));
  REQUIRE(publisher.publish_batch(batch));
  const Json event = client.next_event();
  CHECK(event.string("/type") == "a");
  CHECK(event.integer("/data/x") == 12345678901234567);
  CHECK(client.request(R"({"action":"ping"})").string("/status") == "pong");
  for (int seq = 2; seq <= 1001; ++seq) REQUIRE(client.next_event().integer("/seq") == seq);
  subject->stop();
  CHECK(client.connection().wait_close() == testing_support::RawWebSocket::kClosedWithoutFrame);
  CHECK(testing_support::wait_until([&] { return !publisher.subscribed(); }));
}

TEST_CASE("ticked load: keeps to its rate, in messages of many, and nothing is lost") {
  const auto subject = make_subject("plain", options);
  subject->start();
  FanReader reader(connect_clients(*subject, 1, 0), subject->sequence_rule(), nullptr);
  reader.start();
  const EventText events(200);
  const auto begin = std::chrono::steady_clock::now() + testing_support::milliseconds{50};
  TickedLoad load(subject->events_in(), events, 5000.0, begin);
  CHECK(testing_support::wait_until([&] { return reader.slowest() >= 1000; }));
  load.stop();
  CHECK(due(begin, 5000.0, load.published()) <= std::chrono::steady_clock::now());
  CHECK(wait_drained(reader, load.published()));
  reader.stop();
  CHECK(reader.failure().empty());
}

TEST_CASE("placement: threads go to one core and come back, and others stay where they are") {
  const auto cores_of = [](pid_t thread) {
    cpu_set_t cores{};
    REQUIRE(::sched_getaffinity(thread, sizeof cores, &cores) == 0);
    return CPU_COUNT(&cores);
  };
  const int before = cores_of(0);
  const auto subject = make_subject("plain", options);
  subject->start();
  const std::vector<pid_t> threads = threads_of(subject->processes().front());
  REQUIRE_FALSE(threads.empty());
  {
    Placement placement(threads);
    placement.use_one_core();
    for (const pid_t thread : threads) CHECK(cores_of(thread) == 1);
    CHECK(cores_of(::getpid()) == before);
  }
  for (const pid_t thread : threads) CHECK(cores_of(thread) == before);
  subject->stop();
  CHECK(threads_of(-1).empty());
}

TEST_CASE("replier: a trainer answers with the id that it was sent, and counts what both weigh") {
  zmq::context_t context;
  zmq::socket_t router(context, zmq::socket_type::router);
  router.set(zmq::sockopt::linger, 0);
  router.set(zmq::sockopt::router_mandatory, true);
  router.set(zmq::sockopt::rcvtimeo, static_cast<int>(testing_support::kPatience.count()));
  router.bind("tcp://127.0.0.1:*");
  const TrainerReplier trainer(router.get(zmq::sockopt::last_endpoint), "t0");
  const std::string request = R"({"id":"c-17","command":"work","params":{}})";
  REQUIRE(testing_support::wait_until([&] {
    try {
      return router.send(zmq::str_buffer("t0"), zmq::send_flags::sndmore).has_value();
    } catch (const zmq::error_t&) {
      return false;  // not connected yet
    }
  }));
  router.send(zmq::message_t(), zmq::send_flags::sndmore);
  router.send(zmq::buffer(request), zmq::send_flags::none);
  zmq::message_t frame;
  for (int i = 0; i < 3; ++i) REQUIRE(router.recv(frame));
  CHECK(frame.to_string_view() == R"({"id":"c-17","success":true,"result":{}})");
  CHECK(testing_support::wait_until([&] { return trainer.reply_bytes() == frame.size(); }));
  CHECK(trainer.request_bytes() == request.size());
}

namespace {

// A run of fractions of a second: the figures mean nothing, but all of the way is gone.
Options tiny() {
  Options o = options;
  o.rounds = 1;
  o.seconds = 0.2;
  o.warmup_seconds = 0.05;
  return o;
}

}  // namespace

TEST_CASE("hop: every subject that takes events is timed in both placements, beside the bare hop") {
  Options o = tiny();
  o.subjects = {"raw", "bridge", "plain"};
  const std::vector<HopRow> rows = measure_hop(o);
  REQUIRE(rows.size() == 6);
  for (const HopRow& row : rows) {
    CAPTURE(row.subject);
    CHECK(row.lost.empty());
    REQUIRE(row.rounds.size() == 1);
    CHECK(row.rounds[0].count == 40.0);
    CHECK(row.rounds[0].p50_us > 0.0);
    CHECK(row.rounds[0].p50_us <= row.rounds[0].max_us);
  }
  CHECK(rows[0].subject == "bare-hop");
  CHECK(rows[0].cores == "one");
  CHECK(rows[0].rounds[0].p50_times == 1.0);
  CHECK(rows[4].subject == "bridge");
  CHECK(rows[4].cores == "any");
  CHECK_FALSE(check_hop(rows, 1e-9, 0.0));
  CHECK(check_hop(rows, 1e9, 1e9));
}

TEST_CASE("subscriptions: clients of different filters get what is theirs, and a delivery has a price") {
  Options o = tiny();
  o.subscription_clients = {2, 6};
  o.subscriptions = {1, 3};
  const std::vector<SubscriptionsRow> rows = measure_subscriptions(o);
  REQUIRE(rows.size() == 3);  // three subscriptions are too many for two clients
  for (const SubscriptionsRow& row : rows) {
    CAPTURE(row.subscriptions);
    CHECK(lost_of(row).empty());
    CHECK(row.rounds.at(0).deliveries_per_s > 0.0);
  }
  CHECK(rows[2].subscriptions == 3);
  CHECK(times_one_subscription(rows, rows[1]) == 1.0);
  CHECK(times_one_subscription(rows, rows[2]) > 0.0);
  CHECK_FALSE(check_subscriptions(rows, 1e-9));
}

TEST_CASE("threads: each number of threads delivers all, and a delivery has a price") {
  Options o = tiny();
  o.threads = {1, 2};
  o.thread_clients = {4};
  const std::vector<ThreadsRow> rows = measure_threads(o);
  REQUIRE(rows.size() == 2);
  for (const ThreadsRow& row : rows) {
    CAPTURE(row.threads);
    CHECK(lost_of(row) == "");
    CHECK(row.rounds.at(0).deliveries_per_s > 0);
    CHECK(row.rounds.at(0).cpu_us_per_delivery > 0);
    CHECK(row.rounds.at(0).switches_per_1000 > 0);
  }
}

TEST_CASE("storm: all who come back get what they missed, from memory and from the journal") {
  Options o = tiny();
  o.storm_clients = 20;
  o.storm_events = 3000;
  o.subjects = {"plain"};
  CHECK(measure_storm(o).empty());
  o.subjects = {"bridge"};
  const std::vector<StormRow> rows = measure_storm(o);
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].from == "memory");
  CHECK(rows[1].from == "journal");
  for (const StormRow& row : rows) {
    CAPTURE(row.from);
    CHECK(row.lost.empty());
    const StormRound& got = row.rounds.at(0);
    CHECK(got.first_event_s > 0.0);
    CHECK(got.caught_up_s >= got.first_event_s);
    CHECK(got.deliveries_per_s * got.caught_up_s >= 20 * 3000);
    CHECK(got.resident_bytes_peak >= got.resident_bytes_before);
    CHECK(got.p99_while_ms > 0.0);
  }
}

// How late they may be is for a machine with nothing else to do; test_reload.py bounds the turn that a reload takes.
TEST_CASE("latency: with another configuration every 400 ms nothing is lost, and what it delays is told") {
  Options reloading = options;
  reloading.subjects = {"bridge"};
  reloading.rounds = 1;
  reloading.seconds = 1.2;
  reloading.warmup_seconds = 0.3;
  reloading.latency_events_per_s = 1000.0;
  reloading.reload_every_s = 0.4;
  const LatencyRow row = measure_latency(reloading).front();
  CHECK(row.lost == "");
  CHECK(row.clients == 100);
  CHECK(row.reloads >= 2);
  CHECK(row.reload_max_ms > 0.0);
  CHECK(std::max(row.reload_max_ms, row.calm_max_ms) == doctest::Approx(row.max_ms).epsilon(0.05));
}
