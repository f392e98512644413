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
#include "ingest.h"
#include "ingest_text.h"
#include "load.h"
#include "placement.h"
#include "replier.h"
#include "statistics.h"
#include "subject.h"
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
std::string failure_of(const std::string& bytes, std::uint64_t cycle = 0) {
  SequenceRule rule;
  rule.cycle = cycle;
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
  CHECK(Json(ingest_json(report)).has("/parse/1/times"));
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

TEST_CASE("reader: reads all that a load publishes, from every client, within the window") {
  const auto subject = make_subject("plain", options);
  subject->start();
  FanReader reader(connect_clients(*subject, 20, 0), subject->sequence_rule(), nullptr);
  reader.start();
  const EventText events(200);
  ClosedLoopLoad load(*subject, events, 10, 500, reader);
  CHECK(testing_support::wait_until([&] { return reader.slowest() >= 5000; }));
  CHECK(load.published() <= reader.slowest() + 500);
  load.stop();
  CHECK(wait_drained(reader, load.published()));
  reader.stop();
  CHECK(reader.failure().empty());
  CHECK(reader.deliveries() == 20 * load.published());
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

TEST_CASE("reader: a server that goes away is a failure") {
  const auto subject = make_subject("raw", options);
  subject->start();
  FanReader reader(connect_clients(*subject, 3, 0), subject->sequence_rule(), nullptr);
  reader.start();
  const EventText events(200);
  ClosedLoopLoad load(*subject, events, 1, 1000, reader);
  CHECK(testing_support::wait_until([&] { return reader.slowest() > 10'000; }));
  load.stop();
  CHECK(wait_drained(reader, load.published()));
  subject->stop();
  CHECK(testing_support::wait_until([&] { return reader.failed(); }));
  reader.stop();
  CHECK(reader.failure().find("the connection ended") != std::string::npos);
}
