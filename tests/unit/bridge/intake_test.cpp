#include "sources/intake.h"

#include <doctest/doctest.h>

#include "fixture.h"

using namespace bridge;

namespace {

std::uint64_t rejected(const Counters& c) {
  std::uint64_t n = 0;
  for (const auto count : c.rejected) n += count;
  return n;
}

void check_sums(const Counters& c) {
  CHECK(c.bodies_received == c.events_from_sources + c.announcements + rejected(c));
}

}  // namespace

TEST_CASE("intake: a bad line of a batch rejects itself only") {
  Bench bench;
  bench.take("{\"type\":\"a\",\"data\":{}}\nbad\n{\"type\":\"b\",\"data\":{}}\n\n{\"type\":1}\r\n"
             "{\"type\":\"c\",\"data\":{}}\r\n");
  CHECK(bench.log.last_seq() == 3);
  CHECK(rejected(bench.counters) == 2);
  CHECK(bench.counters.bodies_received == 5);
  CHECK(bench.counters.messages_received == 1);
  check_sums(bench.counters);
}

TEST_CASE("intake: a newline behind bodies is none, however many of these were bad") {
  for (const char* message : {"{\"type\":\"a\",\"data\":{}}\nbad\n", "bad\n{\"type\":\"a\",\"data\":{}}\n"}) {
    Bench bench;
    bench.take(message);
    CHECK(bench.log.last_seq() == 1);
    CHECK(rejected(bench.counters) == 1);
  }
}

TEST_CASE("intake: what is taken also has the time of the one before, and what is taken its own") {
  Bench bench;
  const std::string body = R"({"type":"a","data":{}})";
  bench.take(body);
  bench.clock.advance_us(5);
  const std::string also = body + "\nbad";
  IntakeBatch batch(also);
  while (!batch.ended) bench.intake.take_some(batch, 1);
  bench.take(body);
  bench.log.seal();
  const BlockPtr block = bench.log.history().find(1);
  REQUIRE(block->size() == 3);
  CHECK(block->entry(1).timestamp_us == block->entry(0).timestamp_us);
  CHECK(block->entry(2).timestamp_us == block->entry(0).timestamp_us + 5);
  CHECK(bench.counters.messages_received == 3);
  CHECK(rejected(bench.counters) == 1);
  check_sums(bench.counters);
}

TEST_CASE("intake: a first line that is bad does not take the others with it") {
  Bench bench;
  bench.take("bad\n{\"type\":\"b\",\"data\":{}}");
  bench.take("{\"type\":\"a\",\"data\":{}} x\n{\"type\":\"b\",\"data\":{}}");
  CHECK(bench.log.last_seq() == 2);
  CHECK(rejected(bench.counters) == 2);
}

TEST_CASE("intake: JSON spread over lines is one body") {
  Bench bench;
  bench.take("{\n  \"type\": \"a\",\n  \"data\": {\n    \"x\": 1\n  }\n}\n");
  CHECK(bench.log.last_seq() == 1);
  CHECK(rejected(bench.counters) == 0);
}

TEST_CASE("intake: an empty message is a rejected body") {
  Bench bench;
  bench.take("");
  bench.take("\n\n");
  CHECK(bench.counters.rejected[static_cast<std::size_t>(Reject::not_json)] == 2);
  check_sums(bench.counters);
}

TEST_CASE("intake: an announcement is taken, not forwarded") {
  Bench bench;
  bench.take(R"({"type":"_source","source":"t","run":"r","data":{"agents":["a","b"],)"
             R"("commands":["pause"],"host":"h","pid":7,"state":"running"}})");
  CHECK(bench.log.last_seq() == 0);
  CHECK(bench.counters.announcements == 1);
  const Run& info = *bench.sources.find("t")->current();
  CHECK(info.agents.count("b") == 1);
  CHECK(info.commands_json == R"(["pause"])");
  CHECK(info.pid == 7);
  check_sums(bench.counters);
}

TEST_CASE("intake: declared parameters are a bounded list of objects with a name") {
  Bench bench;
  const auto declared = [&](const std::string& list) {
    bench.take(R"({"type":"_source","source":"t","run":"r","data":{"parameters":)" + list + "}}");
    return bench.sources.find("t")->current()->parameters_json;
  };
  const std::string one = R"([{"name":"lr","value":0.1,"min":0,"max":1}])";
  CHECK(declared(one) == one);
  CHECK(declared("[]") == "[]");
  CHECK(declared(R"([{"value":1}])").empty());
  CHECK(declared(R"([{"name":1}])").empty());
  CHECK(declared(R"(["lr"])").empty());
  CHECK(declared(R"([{"name":")" + std::string(kParametersJsonBytesMax, 'x') + R"("}])").empty());
  std::string list = R"({"name":"lr"})";
  for (std::size_t n = 1; n < kParametersMax; ++n) list += R"(,{"name":"lr"})";
  CHECK(declared("[" + list + "]") == "[" + list + "]");
  CHECK(declared("[" + list + R"(,{"name":"lr"}])").empty());
}

TEST_CASE("intake: a listener hears of each refusal, with the source where it is known") {
  Bench bench;
  std::vector<std::string> heard;
  Intake intake(1 << 20, bench.log, bench.sources, bench.tracker, bench.types, bench.own_events,
                bench.counters, bench.clock,
                [&](const RejectedBody& r) {
                  heard.push_back(std::string(r.source) + "|" + r.peer.address + "|" + reject_name(r.why) +
                                  "|" + std::string(r.detail) + "|" + std::string(r.body));
                });
  IntakeOutcome outcome;
  const PeerName peer = [] { return BodySender{"1.2.3.4"}; };
  intake.take(R"({"source":"s","type":"t","data":5})", &outcome, &peer);
  intake.take("no\nnor this");
  REQUIRE(heard.size() == 3);
  CHECK(heard[0] ==
        R"(s|1.2.3.4|wrong_type|data must be an object|{"source":"s","type":"t","data":5})");
  CHECK(heard[1] == "||not_json|the body is not JSON: at byte 0 of 2|no");
  CHECK(heard[2] == "||not_json|the body is not JSON: at byte 0 of 8|nor this");
  CHECK(outcome.rejected == 1);
  CHECK(outcome.first_reject == Reject::wrong_type);
}

TEST_CASE("intake: a body that is too large is nobody's, whoever was taken before it") {
  Bench bench;
  std::vector<std::string> heard;
  Intake intake(100, bench.log, bench.sources, bench.tracker, bench.types, bench.own_events,
                bench.counters, bench.clock,
                [&](const RejectedBody& r) { heard.emplace_back(r.source); });
  // Memory of its own, gone before the next: what the parser still showed of it was that of others.
  auto before = std::make_unique<std::string>(
      R"({"type":"t","data":{},"source":"a-source-with-a-name-of-some-length"})");
  intake.take(*before);
  before.reset();
  intake.take(std::string(101, 'x'));
  REQUIRE(heard.size() == 1);
  CHECK(heard[0].empty());
}

TEST_CASE("intake: nobody passes for the bridge itself") {
  Bench bench;
  bench.take(R"({"type":"system_status","data":{"status":"source_lost","source":"s","run":"r",)"
             R"("from_source_seq":1,"to_source_seq":9},"source":"ppo-bridge"})");
  CHECK(bench.log.last_seq() == 0);
  CHECK(bench.counters.rejected[static_cast<std::size_t>(Reject::own_source)] == 1);
}

TEST_CASE("intake: ten thousand malformed bodies between good ones cost none of these") {
  Bench bench;
  const std::string good = R"({"type":"t","data":{"n":)";
  const std::string seed = R"({"type":"t","data":{"agent_id":"a","x":[1,2,{"y":"\u00e9"}]},"source":"s"})";
  std::uint64_t state = 42;
  for (int i = 0; i < 10'000; ++i) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    std::string bad = seed;
    const std::size_t at = (state >> 33) % bad.size();
    switch (i % 4) {
      case 0:
        bad.resize(at);
        break;
      case 1:
        bad[at] = '\xFF';
        break;
      case 2:
        bad.insert(at, "\x01");
        break;
      default:
        bad.resize(at);
        bad += std::string(2000, '[');
    }
    bench.take(bad);
    bench.take(good + std::to_string(i) + "}}");
  }
  CHECK(bench.log.last_seq() == 10'000);
  CHECK(rejected(bench.counters) == 10'000);
  check_sums(bench.counters);
}

TEST_CASE("intake: a part of a batch is bounded by what its bodies cost, refused ones most of all") {
  Bench bench;
  std::string lines;
  for (int i = 0; i < 10'000; ++i) lines += "{}\n";
  for (int i = 0; i < 1000; ++i) lines += "{\"type\":\"a\",\"data\":{}}\n";
  const std::string empty(100'000, '\n');
  lines += empty;
  IntakeBatch batch(lines);
  bench.intake.begin_turn();
  int parts = 0;
  for (; !batch.ended; ++parts) {
    const std::uint64_t before = bench.counters.bodies_received;
    const std::size_t left = batch.left.size();
    bench.intake.take_some(batch, 32 * 1024);
    CHECK(bench.counters.bodies_received - before <= 512);
    CHECK(left - batch.left.size() <= 32 * 1024);
  }
  CHECK(parts > 10'000 / 512);
  CHECK(batch.outcome.accepted == 1000);
  CHECK(batch.outcome.rejected == 10'000);
  CHECK(bench.counters.messages_received == 1);
  check_sums(bench.counters);
}

TEST_CASE("intake: a batch costs the same in one part and in many, and more by as many bytes as it is longer") {
  Bench bench;
  bench.intake.begin_turn();
  const auto cost = [&bench](const std::string& message, std::size_t part) {
    IntakeBatch batch(message);
    std::size_t sum = 0;
    while (!batch.ended) sum += bench.intake.take_some(batch, part);
    return sum;
  };
  const std::string good = R"({"type":"a","data":{}})";
  const std::size_t one = cost(good, 1);
  CHECK(one > good.size());
  CHECK(one < good.size() + 100);
  CHECK(cost(good + " \n" + good, 1'000'000) == 2 * one + 1);
  CHECK(cost(good + " \n" + good, 1) == 2 * one + 1);
  CHECK(cost(good + "          ", 1) == one + 10);
  CHECK(cost("x" + good, 1) > one + 100);  // refused
}

TEST_CASE("intake: who looks after holes and brings what was sent again is told whether the log has grown") {
  Bench bench;
  const auto event = [](int seq) {
    return R"({"type":"t","data":{},"source":"s","run":"r","source_seq":)" + std::to_string(seq) + "}";
  };
  bench.link.connected = {"s"};
  bench.take(event(1));
  CHECK_FALSE(bench.intake.tick());
  bench.take(event(4));
  CHECK(bench.log.last_seq() == 1);
  CHECK_FALSE(bench.intake.take_repair({"s", "r", 2, 3, RepairOutcome::unsent, {}}));
  const std::string two = "[" + event(2) + "]";
  CHECK(bench.intake.take_repair({"s", "r", 2, 3, RepairOutcome::events, two}));
  CHECK(bench.log.last_seq() == 2);
  bench.clock.advance_us(kRepairPatienceUs);
  CHECK(bench.intake.tick());  // 3 is lost, and 4 goes on
  CHECK(bench.log.last_seq() == 4);
}

TEST_CASE("intake: a hello for a name that its sender may not speak for is answered with nothing, told and counted") {
  Bench bench;
  std::string told;
  Intake intake(1 << 20, bench.log, bench.sources, bench.tracker, bench.types, bench.own_events, bench.counters, bench.clock,
                [&told](const RejectedBody& refused) { told += std::string(refused.source) + " of " + refused.peer.name + "; "; });
  const SenderRule rule = [](std::string_view type, std::string_view source) { return type == "_source" && source == "mine"; };
  const PeerName peer = [] {
    BodySender sender;
    sender.name = "eve";
    return sender;
  };
  const auto hello = [&](const std::string& source, const HelloFrom& from) {
    std::string reply;
    return intake.take_hello("c", R"({"type":"_source","source":")" + source + R"(","run":"r","data":{}})", &reply, from);
  };
  CHECK(hello("mine", {&rule, &peer}));
  CHECK(bench.sources.find("mine", "r")->connected());
  CHECK(told == "");
  CHECK(hello("yours", {&rule, &peer}));
  CHECK(hello("hers", {&rule, nullptr}));
  CHECK(bench.sources.find("yours") == nullptr);
  CHECK(bench.counters.hellos_refused == 2);
  CHECK(told == "yours of eve; hers of ; ");
  std::string reply;
  CHECK_FALSE(intake.take_hello("c", R"({"type":"t","source":"s","data":{"a":"_source"}})", &reply));
  CHECK_FALSE(intake.take_hello("c", R"({"type":"_source","data":{}})", &reply));
}

TEST_CASE("intake: an address to be asked at is told of with its source, and nothing where there is none") {
  Bench bench;
  std::string told;
  bench.take(R"({"type":"_source","source":"s","run":"r","data":{"control":"tcp://127.0.0.1:1"}})");  // nobody listens yet
  bench.intake.set_on_control([&told](const std::string& source, const std::string& address) { told += source + " " + address + "; "; });
  bench.take(R"({"type":"_source","source":"s","run":"r","data":{}})");
  CHECK(told == "");
  bench.take(R"({"type":"_source","source":"s","run":"r","data":{"control":"tcp://127.0.0.1:1"}})");
  CHECK(told == "s tcp://127.0.0.1:1; ");
}
