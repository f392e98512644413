// From the hole to the gap, through intake, router, log and feed.

#include <doctest/doctest.h>

#include "base/limits.h"
#include "base/text.h"
#include "event/messages.h"
#include "fixture.h"
#include "sources/repair_answer.h"

using namespace bridge;

namespace {

std::string body(std::uint64_t seq, const std::string& data = "{}", const std::string& run = "r",
                 const std::string& source = "t") {
  return R"({"type":"tick","data":)" + data + R"(,"source":")" + source + R"(","run":")" + run +
         R"(","source_seq":)" + std::to_string(seq) + "}";
}

struct Repair {
  Repair() {
    bench.take(R"({"type":"_source","source":"t","run":"r","data":{"head":0,"oldest":1}})");
    bench.link.connected = {"t"};
    feed.subscribe(subscription("{}"), std::nullopt);
    (void)feed.pull(1 << 20);
  }
  std::vector<std::string> pull() { return payloads(feed.pull(1 << 20)); }
  rapidjson::Document sent(std::size_t i) { return parse_json(bench.link.sent.at(i).second); }
  std::string last_id() { return parse_json(bench.link.sent.back().second)["id"].GetString(); }
  void reply(const std::string& rest) {
    bench.dispatcher.router().on_answer("t", R"({"id":")" + last_id() + "\"," + rest + "}");
  }
  // A user's command, without a wish for its answer.
  void command(std::int64_t deadline_us = 2'000'000) {
    Command pause;
    pause.name = "pause";
    pause.target = "t";
    pause.deadline_us = deadline_us;
    bench.dispatcher.router().submit(pause, [this](const CommandOutcome&) { ++answered; });
  }
  std::vector<std::uint64_t> source_seqs() {
    std::vector<std::uint64_t> seqs;
    for (const auto& block : (bench.log.seal(), bench.log.history().blocks())) {
      for (std::size_t i = 0; i < block->size(); ++i) {
        if (block->entry(i).source_seq != 0) seqs.push_back(block->entry(i).source_seq);
      }
    }
    return seqs;
  }

  Bench bench;
  Feed feed{bench.log, bench.cohorts, bench.clock, [] {}};
  int answered = 0;
};

using Seqs = std::vector<std::uint64_t>;

}  // namespace

TEST_CASE("repair: missing events are asked for and come out in their place, data byte for byte") {
  Repair r;
  r.bench.take(body(1));
  r.bench.take(body(4));
  REQUIRE(r.bench.link.sent.size() == 1);
  const auto question = r.sent(0);
  CHECK(question["command"] == "_replay");
  CHECK(question["params"]["from"].GetInt() == 2);
  CHECK(question["params"]["to"].GetInt() == 3);
  CHECK(question["run"] == "r");
  CHECK(question["id"].IsString());
  r.reply(R"("success":true,"result":{"events":[)" + body(2, R"({"p": 1.50e3, "n":NaN})") + ", " +
          body(3, R"({"big":12345678901234567890123})") + "]}");
  CHECK(r.source_seqs() == Seqs{1, 2, 3, 4});
  const auto all = r.pull();
  REQUIRE(all.size() == 4);
  CHECK(all[1].find(R"("data":{"p": 1.50e3, "n":null},)") != std::string::npos);
  CHECK(all[2].find(R"("data":{"big":12345678901234567890123},)") != std::string::npos);
  CHECK(r.bench.counters.events_repaired == 2);
  CHECK(r.bench.counters.not_finite_replaced == 1);
}

TEST_CASE("repair: a byte order mark in front of an answer is passed over") {
  Repair r;
  r.bench.take(body(1));
  r.bench.take(body(3));
  r.bench.dispatcher.router().on_answer(
      "t", "\xEF\xBB\xBF{\"id\":\"" + r.last_id() + R"(","success":true,"result":{"events":[)" + body(2) + "]}}");
  CHECK(r.source_seqs() == Seqs{1, 2, 3});
}

TEST_CASE("repair: bodies may come as strings, in any order, nested as deep as an event may") {
  Repair r;
  std::string deep = "1";
  for (int i = 0; i < kJsonDepthMax - 2; ++i) deep = "[" + deep + "]";
  r.bench.take(body(4));
  std::string quoted;
  append_json_string(quoted, body(1, R"({"name":"\u00e9\n"})"));
  r.reply(R"("success":true,"result":{"events":[)" + body(3) + "," +
          body(2, R"({"x":)" + deep + "}") + "," + quoted + "]}");
  CHECK(r.source_seqs() == Seqs{1, 2, 3, 4});
}

TEST_CASE("repair: what is no event of that run in an answer is left out") {
  Repair r;
  r.bench.take(body(5));
  r.reply(R"("success":true,"result":{"events":[7,{},)" + body(1) + "," + body(2, "{}", "other") +
          "," + body(3, "{}", "r", "stranger") + R"(,{"type":"_source","source":"t","run":"r",)" +
          R"("source_seq":2,"data":{}},)" + body(4) + "]}");
  CHECK(r.source_seqs() == Seqs{1, 4, 5});
  CHECK(r.bench.sources.find("t")->tally.lost == 2);
  CHECK(r.bench.sources.sources().size() == 1);
}

TEST_CASE("repair: answers that cannot be used are failures, and after some of them it is a loss") {
  Repair r;
  r.bench.take(body(1));
  r.bench.take(body(3));
  for (int i = 0; i < 2; ++i) {
    r.bench.take(R"({"type":"_source","source":"t","run":"r","data":{"head":3,"oldest":1}})");
  }
  r.reply(R"("success":true,"result":{"events":7})");
  CHECK(r.bench.counters.repairs_failed == 1);
  r.bench.pass(300'000);
  r.reply(R"("success":false,"error":{"error_type":"rejected","message":"not while saving"})");
  r.bench.pass(300'000);
  CHECK(r.source_seqs() == Seqs{1});
  r.reply(R"("success":false,"error":"no")");
  CHECK(r.source_seqs() == Seqs{1, 3});
  CHECK(r.bench.counters.events_lost == 1);
}

TEST_CASE("repair: a trainer that does not know the command is not waited for") {
  Repair r;
  r.bench.take(body(1));
  r.bench.take(body(3));
  r.reply(R"("success":false,"error":{"error_type":"unknown_command","message":"?"})");
  for (int i = 0; i < 2; ++i) {
    r.bench.take(R"({"type":"_source","source":"t","run":"r","data":{"head":3,"oldest":1}})");
  }
  CHECK(r.source_seqs() == Seqs{1, 3});
  CHECK(r.bench.link.sent.size() == 1);
}

TEST_CASE("repair: a question goes ahead of commands that wait, one thing at a time") {
  Repair r;
  r.command();
  r.command();
  r.bench.take(body(1));
  r.bench.take(body(3));
  REQUIRE(r.bench.link.sent.size() == 1);
  r.reply(R"("success":true,"result":{})");
  REQUIRE(r.bench.link.sent.size() == 2);
  CHECK(r.sent(1)["command"] == "_replay");
  r.reply(R"("success":true,"result":{"events":[)" + body(2) + "]}");
  CHECK(r.source_seqs() == Seqs{1, 2, 3});
  REQUIRE(r.bench.link.sent.size() == 3);
  CHECK(r.sent(2)["command"] == "pause");
  r.reply(R"("success":true,"result":{})");
  CHECK(r.answered == 2);
}

TEST_CASE("repair: a trainer that hangs on a command holds its events up for a bounded time") {
  Repair r;
  r.command(60'000'000);
  r.bench.take(body(1));
  r.bench.take(body(3));
  r.bench.pass(kRepairPatienceUs);
  CHECK(r.bench.link.sent.size() == 1);
  CHECK(r.source_seqs() == Seqs{1, 3});
  CHECK(r.answered == 0);
}

namespace {

// A command is under way, and beside it the question for event 2. The command's id.
std::string ask_beside_command(Repair& r) {
  r.bench.take(R"({"type":"_source","source":"t","run":"r","data":{"replay":"any_time"}})");
  r.command(60'000'000);
  std::string command_id = r.last_id();
  r.bench.take(body(1));
  r.bench.take(body(3));
  REQUIRE(r.bench.link.sent.size() == 2);
  return command_id;
}

}  // namespace

TEST_CASE("repair: one that answers at any time is asked beside its command") {
  Repair r;
  const std::string command_id = ask_beside_command(r);
  r.reply(R"("success":true,"result":{"events":[)" + body(2) + "]}");
  CHECK(r.source_seqs() == Seqs{1, 2, 3});
  r.bench.dispatcher.router().on_answer("t", R"({"id":")" + command_id + R"(","success":true})");
  CHECK(r.answered == 1);
}

TEST_CASE("repair: beside a question a command's answer is one all the same") {
  Repair r;
  const std::string command_id = ask_beside_command(r);
  r.bench.dispatcher.router().on_answer("t", R"({"id":")" + command_id + R"(","success":true})");
  CHECK(r.answered == 1);
  r.reply(R"("success":true,"result":{"events":[)" + body(2) + "]}");
  CHECK(r.source_seqs() == Seqs{1, 2, 3});
}

TEST_CASE("repair: a trainer that answers late is owed nothing, and its events still count") {
  Repair r;
  r.bench.take(body(1));
  r.bench.take(body(3));
  r.bench.pass(kRepairDeadlineUs + 20'000);
  CHECK(r.bench.counters.repairs_failed == 1);
  r.command();
  CHECK(r.bench.link.sent.size() == 1);  // it owes an answer: nothing more until then
  r.reply(R"("success":true,"result":{"events":[)" + body(2) + "]}");
  CHECK(r.source_seqs() == Seqs{1, 2, 3});
  CHECK(r.bench.link.sent.size() == 2);
}

TEST_CASE("repair: a trainer that is gone or restarted is no longer asked") {
  Repair r;
  r.bench.take(body(1));
  r.bench.take(body(3));
  r.bench.sources.disconnected("t");
  CHECK(r.bench.link.sent.size() == 1);
  const std::string word = R"({"type":"_source","source":"t","run":"r2","data":{"head":0,"oldest":1}})";
  r.bench.take(word);
  CHECK(r.source_seqs() == Seqs{1});  // anybody may publish that
  r.bench.hello("c2", word);
  CHECK(r.source_seqs() == Seqs{1, 3});
  CHECK(r.bench.sources.find("t")->tally.lost == 1);
}

TEST_CASE("repair: an event of a new start that ends a question is taken whole") {
  Repair r;
  r.bench.take(body(1));
  r.bench.take(body(3));
  r.bench.take(body(1, R"({"of":"the new start"})", "r2"));
  r.bench.take(body(2, "{}", "r2"));
  CHECK(r.source_seqs() == Seqs{1, 1, 2});
  const auto all = r.pull();
  CHECK(all[all.size() - 2].find(R"("data":{"of":"the new start"})") != std::string::npos);
  // However often that happens, the source has not refused anything.
  for (int i = 0; i < 5; ++i) {
    r.bench.pass(300'000);
    CHECK(parse_json(r.bench.link.sent.back().second)["run"] == "r");
    r.bench.take(body(1, "{}", "x" + std::to_string(i)));
  }
  CHECK(r.bench.counters.repairs_failed == 0);
  CHECK(r.bench.sources.find("t")->tally.lost == 0);
}

TEST_CASE("repair: a question that ends while an event is taken adds nothing to the log by itself") {
  Repair r;
  std::vector<bool> grown;
  r.bench.dispatcher.router().set_repair_listener(
      [&](const RepairAnswer& answer) { grown.push_back(r.bench.intake.take_repair(answer)); });
  r.bench.take(body(1));
  r.bench.take(body(3));
  r.bench.take(body(1, "{}", "r2"));
  CHECK(grown == std::vector<bool>{false});
  CHECK(r.source_seqs() == Seqs{1, 1});
}

TEST_CASE("repair: what a source publishes of its tail counts, where it has no connection") {
  Repair r;
  r.bench.take(body(1));
  for (int i = 0; i < 2; ++i) {
    r.bench.take(R"({"type":"_source","source":"t","run":"r","data":{"head":3,"oldest":1}})");
  }
  r.bench.pass(2 * kTailGraceUs);
  REQUIRE(r.bench.link.sent.size() == 1);
  CHECK(r.sent(0)["params"]["from"] == 2);
  CHECK(r.sent(0)["params"]["to"] == 3);
}

TEST_CASE("repair: a loss is an event of the log, and a gap in front of it") {
  Repair r;
  Feed other(r.bench.log, r.bench.cohorts, r.bench.clock, [] {});
  Feed elsewhere(r.bench.log, r.bench.cohorts, r.bench.clock, [] {});
  other.subscribe(subscription(R"({"subscriptions":["tick"]})"), std::nullopt);
  elsewhere.subscribe(subscription(R"({"filter":{"source":"u"}})"), std::nullopt);
  r.bench.take(body(1));
  r.bench.link.connected.clear();
  r.bench.take(body(5));
  r.bench.pass(kNoChannelPatienceUs + 40'000);
  r.bench.take(body(1, "{}", "r", "u"));

  const auto all = r.pull();
  REQUIRE(all.size() == 5);
  CHECK(seqs(all) == Seqs{1, 2, 3, 4});
  const auto gap = parse_json(all[1]);
  CHECK(gap["type"] == "gap");
  CHECK_FALSE(gap.HasMember("seq"));
  CHECK(gap["data"]["reason"] == "source_lost");
  CHECK(gap["data"]["source"] == "t");
  CHECK(gap["data"]["run"] == "r");
  CHECK(gap["data"]["from_source_seq"].GetInt() == 2);
  CHECK(gap["data"]["to_source_seq"].GetInt() == 4);
  CHECK(gap["timestamp"].IsNumber());
  const auto event = parse_json(all[2]);
  CHECK(event["type"] == "system_status");
  CHECK(event["source"] == "ppo-bridge");
  CHECK(event["data"]["status"] == "source_lost");
  CHECK(event["data"]["from_source_seq"].GetInt() == 2);
  CHECK(r.feed.gaps() == 1);

  // Who does not take the bridge's own events still hears of the gap; who wants another source does not.
  const auto filtered = payloads(other.pull(1 << 20));
  CHECK(filtered.size() == 4);
  CHECK(filtered[1] == all[1]);
  CHECK(seqs(filtered) == Seqs{1, 3, 4});
  CHECK(seqs(payloads(elsewhere.pull(1 << 20))) == Seqs{4});
  CHECK(elsewhere.gaps() == 0);

  // It keeps its place for those who resume, whether blocks were merged or not.
  for (std::uint64_t after = 0; after <= 2; ++after) {
    Feed again(r.bench.log, r.bench.cohorts, r.bench.clock, [] {});
    Since since;
    since.epoch = "epoch1";
    since.seq = after;
    again.subscribe(subscription("{}"), since);
    const auto rest = payloads(again.pull(1 << 20));
    CHECK(rest == std::vector(all.begin() + (after == 0 ? 0 : after == 1 ? 1 : 3), all.end()));
  }
}

TEST_CASE("repair: a client that waits is told of a gap even where the event does not pass") {
  Repair r;
  int told = 0;
  Feed ticks(r.bench.log, r.bench.cohorts, r.bench.clock, [&] { ++told; });
  ticks.subscribe(subscription(R"({"subscriptions":["tick"]})"), std::nullopt);
  (void)ticks.pull(1 << 20);
  r.bench.own_events.publish("system_status", source_lost_data({"t", "r", 3, 9}));
  r.bench.cohorts.announce();
  CHECK(told == 1);
  CHECK(payloads(ticks.pull(1 << 20)).size() == 1);
  r.bench.own_events.publish("system_status", R"({"status":"source_gone","source":"t"})");
  r.bench.cohorts.announce();
  CHECK(told == 1);
}

TEST_CASE("repair: the numbers are in get_sources and get_status, and add up") {
  Repair r;
  for (const std::uint64_t seq : {1, 2, 2, 4, 6}) r.bench.take(body(seq));
  r.reply(R"("success":true,"result":{"events":[)" + body(3) + "]}");
  const auto sources = parse_json(r.bench.run("get_sources"));
  const auto& source = sources["sources"][0];
  CHECK(source["lost"].GetInt() == 0);
  CHECK(source["repaired"].GetInt() == 1);
  CHECK(source["duplicates"].GetInt() == 1);
  CHECK(source["held"].GetInt() == 1);
  const auto status = parse_json(r.bench.run("get_status"));
  const auto& events = status["events"];
  const auto n = [&](const char* key) { return events[key].GetUint64(); };
  CHECK(n("received") + n("repaired") == n("accepted") + n("announcements") + n("rejected") +
                                             n("duplicates") + n("put_off") + n("held"));
}

TEST_CASE("repair: an answer's parts are found however it is written") {
  const auto id = [](std::string_view json) { return read_repair(json).id; };
  CHECK(id(R"({"id":"c-1","success":true})").empty());
  CHECK(id(R"({"id":7,"x":"r-1"})").empty());
  CHECK(id(R"({"id":"r-1")").empty());
  CHECK(id(R"({"id":"r-1"}x)").empty());
  CHECK(id(R"({"id":"r-1","result":{"events":[}})").empty());
  CHECK(id(R"(["r-1"])").empty());
  CHECK(id(R"({"x":{"id":"r-1"}})").empty());
  const std::string odd = R"( { "result" : { "more":[], "events" : [ {"a":-Infinity} , 5,"\u0036" ] } , "id" : "r-1" } )";
  CHECK(id(odd) == "r-1");
  CHECK(read_repair(odd).outcome == RepairOutcome::events);
  std::string_view events = read_repair(odd).events;
  std::vector<std::string> found;
  for (std::string text; next_repaired(&events, &text);) found.push_back(text);
  CHECK(found == std::vector<std::string>{R"({"a":-Infinity})", "5", "6"});
  events = "[ ]";
  std::string none;
  CHECK_FALSE(next_repaired(&events, &none));
  CHECK(read_repair(R"({"id":"r-1","error":"unknown_command"})").outcome == RepairOutcome::unknown);
  CHECK(read_repair(R"({"id":"r-1","error":{"error_type":"unknown_command"}})").outcome == RepairOutcome::unknown);
  CHECK(read_repair(R"({"id":"r-1","error":{"error_type":"busy"}})").outcome == RepairOutcome::failed);
  CHECK(read_repair(R"({"id":"r-1","result":[]})").outcome == RepairOutcome::failed);
  CHECK(read_repair(R"({"id":"r-1","result":{"events":{}}})").events.empty());
}

TEST_CASE("repair: an answer that is no JSON at all is asked for in parts, and loses what breaks it") {
  Repair r;
  r.bench.take(body(1));
  r.bench.take(body(5));
  int rounds = 0;
  while (r.source_seqs().size() < 4 && ++rounds < 10) {
    const auto question = r.sent(r.bench.link.sent.size() - 1);
    const auto from = question["params"]["from"].GetUint64();
    const auto to = question["params"]["to"].GetUint64();
    std::string events;
    for (std::uint64_t seq = from; seq <= to; ++seq) {
      // As Python's repr has it.
      events += (events.empty() ? "" : ",") + body(seq, seq == 3 ? R"({"x":nan})" : "{}");
    }
    r.reply(R"("success":true,"result":{"events":[)" + events + "]}");
  }
  CHECK(r.source_seqs() == Seqs{1, 2, 4, 5});
  CHECK(r.bench.counters.events_lost == 1);
}

TEST_CASE("repair: an answer is as deep as an event in its list may be, and no deeper") {
  const auto answer = [](std::size_t deep) {
    return R"({"id":"r-1","success":true,"result":{"events":[)" + std::string(deep, '[') + std::string(deep, ']') + "]}}";
  };
  std::size_t deepest = 0;
  while (deepest < 1000 && !read_repair(answer(deepest + 1)).id.empty()) ++deepest;
  CHECK(deepest == kJsonDepthMax);
}
