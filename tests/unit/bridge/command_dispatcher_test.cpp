#include "commands/command_dispatcher.h"

#include <doctest/doctest.h>

#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "fixture.h"

using namespace bridge;

namespace {

struct Dispatcher {
  Dispatcher() {
    bench.take(R"({"type":"_source","source":"t1","run":"r","data":{"agents":["a1"]}})");
    bench.link.connected = {"t1"};
  }
  void ask(const std::string& request, const std::string& requester = "me") {
    bench.dispatcher.execute(parse_json(request), "9", requester,
                             [this](const std::string& json) { replies.push_back(json); });
  }
  rapidjson::Document reply(const std::string& request) {
    replies.clear();
    ask(request);
    REQUIRE(replies.size() == 1);
    return parse_json(replies[0]);
  }
  std::string error(const std::string& request) {
    const auto r = reply(request);
    REQUIRE(r["status"] == "error");
    CHECK(r["id"].GetInt() == 9);
    return std::string(r["data"]["error_type"].GetString()) + ": " +
           r["data"]["message"].GetString();
  }
  void trainer_answers(const std::string& rest) {
    const std::string id = parse_json(bench.link.sent.back().second)["id"].GetString();
    bench.dispatcher.router().on_answer("t1", R"({"id":")" + id + R"(",)" + rest + "}");
  }
  void advance(std::int64_t us) {
    bench.clock.advance_us(us);
    bench.dispatcher.tick();
  }
  std::vector<std::string> events_of(const std::string& type) {
    bench.log.seal();
    std::vector<std::string> out;
    for (const BlockPtr& block : bench.log.history().blocks()) {
      for (std::size_t i = 0; i < block->size(); ++i) {
        if (block->text(block->entry(i).type) == type) out.emplace_back(block->json(i));
      }
    }
    return out;
  }
  Bench bench;
  std::vector<std::string> replies;
};

}  // namespace

TEST_CASE("desk: what is no command is refused with the range") {
  Dispatcher d;
  CHECK(d.error(R"({"command":"a b"})").find("bad_request: command must be a string of") == 0);
  CHECK(d.error(R"({"command":"pause","target":5})").find("bad_request: target must be") == 0);
  CHECK(d.error(R"({"command":"pause","target":"t1","deadline_ms":0})") ==
        "bad_request: deadline_ms is 0; must be a number 1..60000");
  CHECK(d.error(R"({"command":"pause","target":"t1","deadline_ms":60001})") ==
        "bad_request: deadline_ms is 60001; must be a number 1..60000");
  CHECK(d.error(R"({"command":"pause","target":"t1","params":5})") ==
        "bad_request: params must be an object");
  CHECK(d.error(R"({"command":"pause"})").find("unknown_command") == 0);
}

TEST_CASE("desk: a trainer's success and its refusal, in the contract's form, and an event of it") {
  Dispatcher d;
  d.ask(R"({"command":"pause","target":"a1","params":{"x":[1,2]}})");
  CHECK(d.replies.empty());
  CHECK(parse_json(d.bench.link.sent.back().second)["params"]["x"][1].GetInt() == 2);
  d.bench.clock.advance_us(3100);
  d.trainer_answers(R"("success":true,"result":{"step":7})");
  REQUIRE(d.replies.size() == 1);
  auto reply = parse_json(d.replies[0]);
  CHECK(reply["status"] == "command_result");
  CHECK(reply["action"] == "command");
  CHECK(reply["id"].GetInt() == 9);
  CHECK(reply["command"] == "pause");
  CHECK(reply["target"] == "a1");
  CHECK(reply["source"] == "t1");
  CHECK(reply["success"].GetBool());
  CHECK(reply["result"]["step"].GetInt() == 7);
  CHECK(reply["elapsed_ms"].GetDouble() == doctest::Approx(3.1));
  d.replies.clear();
  d.ask(R"({"command":"pause","target":"t1"})");
  d.trainer_answers(R"("success":false,"error":{"error_type":"rejected","message":"not now"})");
  reply = parse_json(d.replies.at(0));
  CHECK(reply["status"] == "error");
  CHECK(reply["data"]["error_type"] == "rejected");
  CHECK(reply["data"]["message"] == "not now");
  const auto events = d.events_of("command_executed");
  REQUIRE(events.size() == 2);
  const auto event = parse_json(events[0]);
  CHECK(event["source"] == "ppo-bridge");
  CHECK(event["data"]["command"] == "pause");
  CHECK(event["data"]["client_id"] == "me");
  CHECK(event["data"]["outcome"] == "success");
  CHECK_FALSE(event["data"].HasMember("message"));
  const auto refused = parse_json(events[1]);
  CHECK(refused["data"]["outcome"] == "rejected");
  CHECK(refused["data"]["message"] == "not now");
}

TEST_CASE("desk: the event of a command tells its params, or how large they were") {
  Dispatcher d;
  const auto told = [&d](const std::string& params) {
    d.ask(R"({"command":"set_hyperparameter","target":"t1")" + params + "}");
    d.trainer_answers(R"("success":true,"result":{})");
    rapidjson::Document out;
    out.CopyFrom(parse_json(d.events_of("command_executed").back())["data"], out.GetAllocator());
    return out;
  };
  CHECK(told("")["params"].ObjectEmpty());
  const auto set = told(R"(,"params":{"name":"learning_rate","value":1e-4})");
  CHECK(set["params"]["name"] == "learning_rate");
  CHECK(set["params"]["value"].GetDouble() == 1e-4);
  const std::string frame = R"({"x":""})";
  CHECK(told(R"(,"params":{"x":")" + std::string(4096 - frame.size(), 'x') + "\"}").HasMember("params"));
  const auto large = told(R"(,"params":{"x":")" + std::string(4097 - frame.size(), 'x') + "\"}");
  CHECK_FALSE(large.HasMember("params"));
  CHECK(large["params_bytes"].GetInt() == 4097);
}

TEST_CASE("desk: * gives one reply with an entry a trainer") {
  Dispatcher d;
  d.ask(R"({"command":"pause","target":"*"})");
  d.trainer_answers(R"("success":true,"result":{})");
  const auto reply = parse_json(d.replies.at(0));
  CHECK(reply["status"] == "command_result");
  CHECK(reply["success"].GetBool());
  REQUIRE(reply["results"].Size() == 1);
  CHECK(reply["results"][0]["source"] == "t1");
}

TEST_CASE("dispatcher: switches and keys belong to who made them") {
  Dispatcher d;
  const auto identity = [](const char* name) {
    return std::make_shared<const Access>(name, Roles().find("operator"));
  };
  // All of them call themselves alike.
  const auto ask = [&](const std::shared_ptr<const Access>& access, const std::string& request) {
    d.replies.clear();
    d.bench.dispatcher.execute(parse_json(request), "9", {"me", nullptr, access},
                               [&](const std::string& json) { d.replies.push_back(json); });
    return d.replies.empty() ? rapidjson::Document() : parse_json(d.replies[0]);
  };
  const auto alice = identity("alice"), eve = identity("eve");
  const std::string arm = R"({"command":"arm_dead_mans_switch","params":{"timeout_ms":1000,)"
                          R"("on_expiry":{"command":"pause","target":"*"}}})";
  const std::string disarm = R"({"command":"disarm_dead_mans_switch"})";
  CHECK(ask(alice, arm)["result"]["name"] == "alice/me");
  for (const auto& other : {eve, std::shared_ptr<const Access>()}) {
    CHECK_FALSE(ask(other, disarm)["result"]["disarmed"].GetBool());
  }
  CHECK(ask(alice, disarm)["result"]["disarmed"].GetBool());

  const std::string keyed = R"({"command":"pause","target":"t1","idempotency_key":"k"})";
  ask(alice, keyed);
  REQUIRE(d.bench.link.sent.size() == 1);
  d.trainer_answers(R"("success":true,"result":{"by":"alice"})");
  CHECK(ask(alice, keyed)["result"]["by"] == "alice");  // remembered
  ask(eve, keyed);
  CHECK(d.bench.link.sent.size() == 2);  // hers is another one
  const auto told = parse_json(d.events_of("command_executed").at(0));
  CHECK(told["data"]["client_id"] == "me");
  CHECK(told["data"]["identity"] == "alice");
}

namespace {

// d-1 may pause a1 of t1 and all of t3, and have its switch do so; t1, t2 and t3 have an agent a1 each.
struct Desk : Dispatcher {
  explicit Desk(const std::string& more = {}) {
    for (const char* source : {"t2", "t3"}) {
      bench.take(std::string(R"({"type":"_source","source":")") + source + R"(","run":"r","data":{"agents":["a1","a2"]}})");
      bench.link.connected.insert(source);
    }
    const auto roles = Roles::parse("[[role.desk.command]]\ncommands=['pause','arm_*']\ntargets=['t1/a1','t3']\n"
                                    "[[role.desk.command]]\ncommands=['resume','create_alert']\n[[role.desk.read]]\n" + more, "f");
    REQUIRE(roles);
    access = std::make_shared<const Access>("d-1", roles.value().find("desk"));
  }
  // "forbidden" and so on, or where it went.
  std::string sent(const std::string& request) {
    replies.clear();
    bench.link.sent.clear();
    bench.dispatcher.execute(parse_json(request), "9", {"me", nullptr, access},
                             [this](const std::string& json) { replies.push_back(json); });
    if (!replies.empty()) {
      const auto r = parse_json(replies[0]);
      details = r["status"] == "error" ? r["data"]["details"].HasMember("target") ? r["data"]["details"]["target"].GetString() : "" : "";
      message = r["status"] == "error" ? r["data"]["message"].GetString() : "";
      return r["status"] == "error" ? r["data"]["error_type"].GetString() : "done";
    }
    std::string to;
    for (const auto& [source, json] : bench.link.sent) {
      const auto command = parse_json(json);
      to += source + (command.HasMember("agent_id") ? std::string("/") + command["agent_id"].GetString() : "");
      bench.dispatcher.router().on_answer(source, R"({"id":")" + std::string(command["id"].GetString()) + R"(","success":true,"result":{}})");
    }
    return to;
  }
  std::string pause(const std::string& target) { return sent(R"({"command":"pause","target":")" + target + "\"}"); }

  std::shared_ptr<const Access> access;
  std::string details, message;
};

}  // namespace

TEST_CASE("dispatcher: a role's commands go to its targets, after they were resolved, and to nobody else") {
  Desk d;
  CHECK(d.pause("t1/a1") == "t1/a1");
  CHECK(d.pause("t1@r/a1") == "t1/a1");
  CHECK(d.pause("t3") == "t3");
  CHECK(d.pause("t3/a2") == "t3/a2");
  for (const char* other : {"t1", "t1@r", "t2", "t2/a1", "t2@r/a1", "t1/a2", "*", "nobody", "t4/a1", "t2@none", "t1@none"}) {
    CAPTURE(std::string(other));
    CHECK(d.pause(other) == "forbidden");
    CHECK(d.details == other);
    CHECK(d.bench.link.sent.empty());
  }
  CHECK(d.pause("t1@none/a1") == "unknown_target");
  CHECK(d.pause("t3/a9") == "unknown_target");
  // Of an agent that several have, those of others are as if they were not there.
  CHECK(d.pause("a1") == "unknown_target");
  CHECK(d.message.find("t1/a1, t3/a1") != std::string::npos);
  CHECK(d.message.find("t2") == std::string::npos);
  CHECK(d.pause("a2") == "t3/a2");
  CHECK(d.sent(R"({"command":"resume","target":"t2"})") == "t2");
  CHECK(d.sent(R"({"command":"resume","target":"*"})") == "t1t2t3");
  CHECK(d.sent(R"({"command":"reset","target":"t1/a1"})") == "forbidden");
}

TEST_CASE("dispatcher: a switch and an alert do no more than who made them may") {
  const auto arm = [](const std::string& target) {
    return R"({"command":"arm_dead_mans_switch","params":{"timeout_ms":1000,"_targets":["*"],"on_expiry":{"command":"pause","target":")" +
           target + "\"}}}";
  };
  Desk d;
  std::map<std::string, std::string> store;
  d.bench.dispatcher.switches().set_store([&store](const std::string& name, const std::string& params, const auto& done) {
    store[name] = params;
    done(true);
  });
  for (const char* other : {"*", "t2", "t1", "nobody"}) CHECK(d.sent(arm(other)) == "forbidden");
  CHECK(d.sent(arm("a2")) == "done");
  const std::string kept = store.at("d-1/me");
  // By the time that it fires the name means another one's agent too; it is for t3's alone.
  d.bench.take(R"({"type":"_source","source":"t1","run":"r","data":{"agents":["a1","a2"]}})");
  d.bench.link.sent.clear();
  d.advance(1'100'000);
  REQUIRE(d.bench.link.sent.size() == 1);
  CHECK(d.bench.link.sent[0].first == "t3");
  // The same where the bridge has come back meanwhile.
  CHECK(kept.find(R"("_targets":["t1/a1","t3"])") != std::string::npos);
  Desk next;
  next.bench.dispatcher.switches().restore("d-1/me", kept);
  next.bench.take(R"({"type":"_source","source":"t3","run":"r","data":{"agents":["a1"]}})");
  next.bench.link.sent.clear();
  next.advance(10'100'000);
  CHECK(next.bench.link.sent.empty());  // a2 is t2's alone by now
  const auto alert = [](const std::string& name) {
    return R"({"command":"create_alert","params":{"rule":"t","action":{"command":")" + name + R"(","target":"t3"}}})";
  };
  CHECK(d.sent(alert("pause")) == "forbidden");
  CHECK(d.sent(alert("reset")) == "forbidden");
  CHECK(d.sent(alert("resume")) == "busy");  // there are no alerts here
}

TEST_CASE("switch: it fires unless it is re-armed, once, and says so") {
  Dispatcher d;
  const std::string arm = R"({"command":"arm_dead_mans_switch","params":{"timeout_ms":1000,)"
                          R"("on_expiry":{"command":"pause","target":"*"}}})";
  CHECK(d.reply(arm)["result"]["armed"].GetBool());
  for (int i = 0; i < 5; ++i) {
    d.advance(900'000);
    CHECK(d.bench.link.sent.empty());
    CHECK(d.reply(arm)["success"].GetBool());
  }
  d.advance(1'000'000);
  REQUIRE(d.bench.link.sent.size() == 1);
  CHECK(parse_json(d.bench.link.sent[0].second)["command"] == "pause");
  d.advance(10'000'000);
  CHECK(d.bench.link.sent.size() == 1);
  REQUIRE(d.events_of("system_status").size() == 1);
  CHECK_FALSE(parse_json(d.events_of("system_status")[0])["data"].HasMember("node"));  // of no bridge alone
  CHECK(d.bench.counters.switches_expired == 1);
}

TEST_CASE("switch: each expiry issues its command, also one with an idempotency key") {
  Dispatcher d;
  for (std::size_t expiries = 1; expiries <= 3; ++expiries) {
    d.reply(R"({"command":"arm_dead_mans_switch","params":{"timeout_ms":1000,"on_expiry":)"
            R"({"command":"pause","target":"t1","idempotency_key":"k"}}})");
    d.advance(1'000'000);
    REQUIRE(d.bench.link.sent.size() == expiries);
    d.trainer_answers(R"("success":true,"result":{})");
  }
}

TEST_CASE("switch: what is armed is in the store, and told so once it is") {
  Dispatcher d;
  std::map<std::string, std::string> store;
  bool works = false;
  std::vector<std::function<void()>> later;
  d.bench.dispatcher.switches().set_store([&](const auto& name, const auto& params, auto done) {
    later.push_back([&, name = name, params = params, done] {
      if (works && params.empty()) store.erase(name);
      if (works && !params.empty()) store[name] = params;
      done(works);
    });
  });
  const auto answer = [&] {
    for (const auto& f : std::exchange(later, {})) f();
  };
  const std::string arm = R"({"command":"arm_dead_mans_switch","params":{"timeout_ms":20000,)"
                          R"("on_expiry":{"command":"pause","target":"t1"}}})";
  d.ask(arm);
  CHECK(d.replies.empty());
  answer();
  REQUIRE(d.replies.size() == 1);
  CHECK_FALSE(parse_json(d.replies[0])["result"]["survives_restart"].GetBool());
  works = true;
  d.advance(1'000'000);  // it is tried again
  answer();
  CHECK(store.size() == 1);
  CHECK(d.reply(arm)["result"]["survives_restart"].GetBool());  // nothing new to write
  CHECK(later.empty());

  SUBCASE("a new bridge arms it, and gives it its time") {
    Dispatcher next;
    next.bench.dispatcher.switches().restore("me", store.at("me"));
    next.advance(19'900'000);
    CHECK(next.bench.link.sent.empty());
    next.advance(200'000);
    CHECK(next.bench.link.sent.size() == 1);
  }
  SUBCASE("one of less time has ten seconds then") {
    Dispatcher next;
    next.bench.dispatcher.switches().restore(
        "me", R"({"timeout_ms":100,"on_expiry":{"command":"pause","target":"t1"}})");
    next.advance(9'999'999);
    CHECK(next.bench.link.sent.empty());
    next.advance(1);
    CHECK(next.bench.link.sent.size() == 1);
  }
  SUBCASE("one that is disarmed while it is being written is forgotten at once") {
    d.ask(arm, "other");
    d.ask(R"({"command":"disarm_dead_mans_switch"})", "other");
    answer();
    CHECK(store.size() == 2);
    answer();
    CHECK(store.size() == 1);
  }
  SUBCASE("one that was disarmed or has expired is forgotten, whatever overtakes what") {
    d.ask(R"({"command":"arm_dead_mans_switch","params":{"timeout_ms":10000,)"
          R"("on_expiry":{"command":"pause","target":"t1"}}})");
    d.ask(R"({"command":"disarm_dead_mans_switch"})");
    answer();
    answer();
    CHECK(store.empty());
    d.ask(arm);
    answer();
    CHECK(store.size() == 1);
    d.advance(20'000'000);
    CHECK(d.bench.link.sent.size() == 1);
    answer();
    CHECK(store.empty());
  }
}

TEST_CASE("switch: it can be disarmed, and wrong ones are refused with the range") {
  Dispatcher d;
  d.reply(R"({"command":"arm_dead_mans_switch","params":{"timeout_ms":100,)"
          R"("on_expiry":{"command":"pause","target":"*"}}})");
  CHECK(d.reply(R"({"command":"disarm_dead_mans_switch"})")["result"]["disarmed"].GetBool());
  d.advance(1'000'000);
  CHECK(d.bench.link.sent.empty());
  const auto arm = [&](const std::string& params) {
    return d.error(R"({"command":"arm_dead_mans_switch","params":)" + params + "}");
  };
  CHECK(arm("{}").find("params.timeout_ms is missing; must be a number 100..86400000") != std::string::npos);
  CHECK(arm(R"({"timeout_ms":99})").find("100..86400000") != std::string::npos);
  CHECK(arm(R"({"timeout_ms":1000})").find("params.on_expiry must be") != std::string::npos);
  CHECK(arm(R"({"timeout_ms":1000,"on_expiry":{"command":"pause"}})").find("target") !=
        std::string::npos);
}

TEST_CASE("desk: an alert's command is checked first, goes to whom the alert is of, and says what became of it") {
  Dispatcher d;
  CHECK_FALSE(d.bench.dispatcher.check(parse_json(R"({"command":"pause"})")));
  REQUIRE(d.bench.dispatcher.check(parse_json(R"({"command":"a b"})")));
  CHECK(d.bench.dispatcher.check(parse_json(R"({"command":"a b"})"))->type == ErrorType::bad_request);
  std::string told;
  const auto issue = [&](const std::string& command) {
    told.clear();
    d.bench.dispatcher.issue(parse_json(command), "t1", "alert x", [&told](const std::string& outcome, const std::string& message) { told = outcome + ": " + message; });
  };
  issue(R"({"command":"a b"})");
  CHECK(told.find("bad_request: command must be") == 0);
  CHECK(d.bench.link.sent.empty());
  issue(R"({"command":"pause","target":"t1/nobody"})");
  CHECK(told.find("unknown_target: ") == 0);
  issue(R"({"command":"pause","idempotency_key":"k"})");
  CHECK(told == "");
  d.trainer_answers(R"("success":true)");
  CHECK(told == "success: ");
  issue(R"({"command":"pause","idempotency_key":"k"})");  // each is a command of its own
  REQUIRE(d.bench.link.sent.size() == 2);
  d.trainer_answers(R"("success":false,"error":"no")");
  CHECK(told == "rejected: t1: no");
}

TEST_CASE("desk: get_clients is of all for who may see them, and of one's own connection else") {
  Dispatcher d;
  struct Directory : ClientDirectory {
    void report(std::function<void(const ClientsReport&)> done) const override { done({}); }
    void list(std::uint64_t after, std::size_t, std::function<void(const Clients&)> done) const override {
      Clients some;
      for (const std::uint64_t one : {5, 7}) {
        if (one > after) some.emplace_back().connection = one;
      }
      done(some);
    }
  } directory;
  d.bench.commands.set_directory(&directory);
  for (const bool all : {false, true}) {
    Role role;
    role.sees_all_clients = all;
    role.command.push_back({{"*"}, {"*"}});
    const Requester requester("me", nullptr, std::make_shared<const Access>("alice", std::make_shared<const Role>(role)), 7);
    d.replies.clear();
    d.bench.dispatcher.execute(parse_json(R"({"command":"get_clients"})"), "9", requester, [&](const std::string& json) { d.replies.push_back(json); });
    REQUIRE(d.replies.size() == 1);
    CHECK_MESSAGE(parse_json(d.replies[0])["result"]["count"].GetInt() == (all ? 2 : 1), d.replies[0]);
  }
}
