// Commands through the real program: clients, bots, trainers that answer, hang and die.

#include <doctest/doctest.h>

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "fake_trainer.h"
#include "support/bridge_process.h"
#include "support/protocol_client.h"

using namespace testing_support;

namespace {

std::unique_ptr<FakeTrainer> trainer(BridgeProcess& bridge, const std::string& source,
                                     FakeTrainer::Answer answer = {},
                                     const std::string& run = "r1") {
  return std::make_unique<FakeTrainer>(bridge.events_in(), bridge.address("control"), source, run,
                                       std::move(answer));
}

// Waits until a command reaches it.
bool reachable(ProtocolClient& client, const std::string& target) {
  return wait_until([&] {
    return client.request(R"({"action":"command","command":"hello","target":")" + target + "\"}")
               .string("/status") == "command_result";
  });
}

}  // namespace

TEST_CASE("commands: to an agent and back, with an event of it to whoever subscribes") {
  BridgeProcess bridge;
  ProtocolClient client(bridge.websocket());
  client.request(R"({"action":"register","client_id":"me","subscriptions":["command_executed"]})");
  auto t1 = trainer(bridge, "t1", [](const Json& request) {
    return FakeTrainer::success(request, R"({"agent":)" + request.dump("/agent_id") + R"(,"run":)" +
                                             request.dump("/run") + "}");
  });
  REQUIRE(wait_until([&] {
    return client.request(R"({"action":"command","command":"pause","target":"agent_of_t1"})")
               .string("/status") == "command_result";
  }));
  const Json reply = client.request(
      R"({"action":"command","command":"pause","target":"agent_of_t1","id":9,"params":{"x":1}})");
  CHECK(reply.integer("/id") == 9);
  CHECK(reply.string("/source") == "t1");
  CHECK(reply.string("/result/agent") == "agent_of_t1");
  CHECK(reply.string("/result/run") == "r1");
  CHECK(reply.boolean("/success"));
  Json event = client.next_event();
  while (event.string("/data/outcome") != "success") event = client.next_event();
  CHECK(event.string("/type") == "command_executed");
  CHECK(event.string("/source") == "ppo-bridge");
  CHECK(event.string("/data/client_id") == "me");
  while (!event.has("/data/params/x")) event = client.next_event();  // of the second
  CHECK(event.integer("/data/params/x") == 1);
}

TEST_CASE("commands: nobody, a refusal and a hanging trainer are told apart") {
  BridgeProcess bridge;
  ProtocolClient client(bridge.websocket());
  const auto error = [&](const std::string& rest) {
    return client.request(R"({"action":"command","command":"pause",)" + rest + "}")
        .string("/data/error_type");
  };
  CHECK(error(R"("target":"nobody")") == "unknown_target");
  auto refuses = trainer(bridge, "refuses", [](const Json& request) {
    return R"({"id":")" + request.string("/id") +
           R"(","success":false,"error":{"error_type":"rejected","message":"no"}})";
  });
  auto hangs = trainer(bridge, "hangs", [](const Json&) { return std::string(); });
  REQUIRE(wait_until([&] { return error(R"("target":"refuses")") == "rejected"; }));
  REQUIRE(wait_until(
      [&] { return error(R"("target":"hangs","deadline_ms":100)") == "timeout"; }));
  CHECK(error(R"("target":"hangs","deadline_ms":100)") == "timeout");
  CHECK(hangs->executed() == 1);
}

TEST_CASE("commands: a source's comings and goings are events") {
  BridgeProcess bridge;
  ProtocolClient client(bridge.websocket());
  client.request(R"({"action":"register","subscriptions":["system_status"],)"
                 R"("filter":{"status":["source_connected","source_stalled","source_gone"]}})");
  auto t1 = trainer(bridge, "t1");
  const Json connected = client.next_event();
  CHECK(connected.string("/data/status") == "source_connected");
  CHECK(connected.string("/data/source") == "t1");
  CHECK(client.next_event().string("/data/status") == "source_stalled");
  t1->announce("stopped");
  CHECK(client.next_event().string("/data/status") == "source_connected");
  CHECK(client.next_event().string("/data/status") == "source_gone");
  // The same name, started again, takes over at once.
  t1->die();
  auto again = trainer(bridge, "t1", {}, "r2");
  CHECK(client.next_event().string("/data/status") == "source_connected");
  CHECK(reachable(client, "t1"));
}

TEST_CASE("bots: two frames, the bytes that a WebSocket client gets") {
  BridgeProcess bridge;
  ProtocolClient client(bridge.websocket());
  client.request(R"({"action":"register"})");
  zmq::context_t context;
  zmq::socket_t sub(context, zmq::socket_type::sub);
  sub.set(zmq::sockopt::linger, 0);
  sub.set(zmq::sockopt::rcvtimeo, 15'000);
  sub.set(zmq::sockopt::subscribe, "margin_update/");
  sub.connect(bridge.address("events_out"));
  EventPublisher publisher(bridge.events_in());
  // Until the subscription has got through, events pass it by.
  zmq::message_t topic, body;
  sub.set(zmq::sockopt::rcvtimeo, 20);
  int sent = 0;
  REQUIRE(wait_until([&] {
    ++sent;
    (void)publisher.publish(event_body("margin_update", R"({"n":0})"));
    return sub.recv(topic).has_value() && sub.recv(body).has_value();
  }));
  sub.set(zmq::sockopt::rcvtimeo, 15'000);
  for (int n = 1; n <= 2000; ++n) {
    REQUIRE(publisher.publish(event_body(n % 2 ? "margin_update" : "other",
                                         R"({"n":)" + std::to_string(n) + "}", n % 3 ? "s" : "",
                                         n % 3 ? "r" : "",
                                         static_cast<std::uint64_t>(n % 3 ? n - n / 3 : 0))));
  }
  std::map<std::int64_t, std::string> expected;
  for (int i = 0; i < sent + 2000; ++i) {
    const Json event = client.next_event();
    if (event.string("/type") == "margin_update") expected[event.integer("/seq")] = event.text();
  }
  int same = 0;
  while (same < 1000) {
    REQUIRE(sub.recv(topic));
    REQUIRE(topic.more());
    REQUIRE(sub.recv(body));
    REQUIRE_FALSE(body.more());
    const Json event(body.to_string());
    REQUIRE(expected.at(event.integer("/seq")) == event.text());
    const std::string source = event.has("/source") ? event.string("/source") : "";
    REQUIRE(topic.to_string() == "margin_update/" + source + "/");
    if (event.integer("/data/n") != 0) ++same;
  }
}

TEST_CASE("bots: a REQ gets the reply that a WebSocket client gets") {
  BridgeProcess bridge;
  auto t1 = trainer(bridge, "t1");
  ProtocolClient client(bridge.websocket());
  REQUIRE(reachable(client, "agent_of_t1"));
  zmq::context_t context;
  zmq::socket_t req(context, zmq::socket_type::req);
  req.set(zmq::sockopt::linger, 0);
  req.set(zmq::sockopt::rcvtimeo, 15'000);
  req.connect(bridge.address("commands"));
  const auto ask = [&](const std::string& request) {
    req.send(zmq::buffer(request), zmq::send_flags::none);
    zmq::message_t reply;
    REQUIRE(req.recv(reply));
    return Json(reply.to_string());
  };
  const Json status = ask(R"({"command":"get_status","id":"a"})");
  CHECK(status.string("/status") == "command_result");
  CHECK(status.string("/id") == "a");
  CHECK(status.has("/result/epoch"));
  const Json pause = ask(R"({"command":"pause","target":"agent_of_t1","id":5})");
  CHECK(pause.integer("/id") == 5);
  CHECK(pause.string("/source") == "t1");
  CHECK(ask("nonsense").string("/data/error_type") == "bad_json");
  CHECK(ask("[]").string("/data/error_type") == "bad_request");
  CHECK(ask("").string("/data/error_type") == "bad_json");
  CHECK(ask(R"({"command":"pause","target":"x"})").string("/data/error_type") ==
        "unknown_target");
}

TEST_CASE("commands: get_status tells where everything is, as the ready line does") {
  BridgeOptions options;
  options.settings.push_back("bots.commands=");
  BridgeProcess bridge(options);
  ProtocolClient client(bridge.websocket());
  const Json status = client.request(R"({"action":"command","command":"get_status"})");
  REQUIRE(bridge.addresses().size() == 5);
  for (const auto& [name, address] : bridge.addresses()) {
    const std::string told = address == "off" ? "null" : "\"" + address + "\"";
    CHECK(status.dump("/result/addresses/" + name) == told);
  }
  CHECK(bridge.address("commands") == "off");
}

TEST_CASE("commands: a dead-man's switch fires when its client has vanished") {
  BridgeProcess bridge;
  auto t1 = trainer(bridge, "t1");
  ProtocolClient watcher(bridge.websocket());
  REQUIRE(reachable(watcher, "t1"));
  const int before = t1->executed();
  watcher.request(R"({"action":"register","subscriptions":["command_executed"],)"
                  R"("filter":{"command":"pause"}})");
  {
    ProtocolClient client(bridge.websocket());
    client.request(R"({"action":"register","client_id":"steers","subscriptions":[]})");
    CHECK(client
              .request(R"({"action":"command","command":"arm_dead_mans_switch","params":)"
                       R"({"timeout_ms":300,"on_expiry":{"command":"pause","target":"t1"}}})")
              .boolean("/result/armed"));
  }
  const Json fired = watcher.next_event();
  CHECK(fired.string("/data/client_id") == "dead-man's switch of steers");
  CHECK(fired.string("/data/outcome") == "success");
  CHECK(t1->executed() == before + 1);
}

TEST_CASE("commands: 10,000 from 50 clients to 8 trainers of which two die and one hangs") {
  BridgeProcess bridge;
  std::vector<std::unique_ptr<FakeTrainer>> trainers;
  std::mutex mutex;
  std::map<std::string, int> executions;  // by key
  for (int t = 0; t < 8; ++t) {
    const std::string name = "t" + std::to_string(t);
    trainers.push_back(trainer(bridge, name, [&, name](const Json& request) {
      if (request.string("/command") != "work") return FakeTrainer::success(request);
      if (name == "t7") return std::string();  // hangs at its first piece of work
      const std::string key = request.string("/params/key");
      {
        const std::lock_guard<std::mutex> lock(mutex);
        ++executions[key];
      }
      return FakeTrainer::success(request, R"({"key":")" + key + R"(","by":")" + name + "\"}");
    }));
  }
  {
    ProtocolClient client(bridge.websocket());
    for (int t = 0; t < 8; ++t) REQUIRE(reachable(client, "t" + std::to_string(t)));
  }
  constexpr int kClients = 50;
  constexpr int kEach = 200;
  std::atomic<int> replies{0};
  std::atomic<int> wrong{0};
  std::atomic<int> succeeded{0};
  std::vector<std::thread> clients;
  for (int c = 0; c < kClients; ++c) {
    clients.emplace_back([&, c] {
      ProtocolClient client(bridge.websocket());
      std::map<std::string, std::string> open;  // id -> trainer
      const auto take = [&] {
        const auto text = client.connection().receive_text(milliseconds{30'000});
        if (!text) return false;
        const Json reply(*text);
        const std::string id = reply.string("/id");
        const auto found = open.find(id);
        if (found == open.end()) {
          ++wrong;
          return true;
        }
        ++replies;
        if (reply.string("/status") == "command_result") {
          ++succeeded;
          if (reply.string("/result/key") != id || reply.string("/result/by") != found->second) {
            ++wrong;
          }
        }
        open.erase(found);
        return true;
      };
      for (int i = 0; i < kEach; ++i) {
        const std::string id = std::to_string(c) + "-" + std::to_string(i);
        const std::string target = "t" + std::to_string((c + i) % 8);
        open[id] = target;
        if (!client.connection().send_text(
                R"({"action":"command","command":"work","deadline_ms":500,"id":")" + id +
                R"(","target":")" + target + R"(","idempotency_key":")" + id +
                R"(","params":{"key":")" + id + "\"}}")) {
          return;
        }
        while (open.size() > 4) {
          if (!take()) return;
        }
      }
      while (!open.empty() && take()) {
      }
    });
  }
  // Two die in the middle of it.
  REQUIRE(wait_until([&] { return replies > 1000; }, milliseconds{60'000}));
  trainers[5]->die();
  trainers[6]->die();
  for (auto& client : clients) client.join();
  CHECK(replies == kClients * kEach);
  CHECK(wrong == 0);
  CHECK(succeeded > kClients * kEach / 10);  // a slow machine lets many a deadline pass
  const std::lock_guard<std::mutex> lock(mutex);  // a trainer may still be at its last one
  for (const auto& [key, count] : executions) REQUIRE(count == 1);
}

TEST_CASE("commands: garbage on every ZeroMQ socket does nothing but count") {
  BridgeProcess bridge;
  auto t1 = trainer(bridge, "t1");
  ProtocolClient client(bridge.websocket());
  REQUIRE(reachable(client, "t1"));
  zmq::context_t context;
  for (const char* where : {"commands", "control", "events_out", "events_in"}) {
    const bool pair_with_sub = std::string(where) == "events_in";
    zmq::socket_t socket(context, pair_with_sub ? zmq::socket_type::pub
                         : std::string(where) == "events_out" ? zmq::socket_type::xsub
                                                               : zmq::socket_type::dealer);
    socket.set(zmq::sockopt::linger, 1000);
    socket.set(zmq::sockopt::sndtimeo, 2000);
    socket.set(zmq::sockopt::sndhwm, 10'000);
    if (std::string(where) == "control") socket.set(zmq::sockopt::routing_id, "forger");
    socket.connect(bridge.address(where));
    const auto send = [&](std::initializer_list<std::string> frames) {
      std::size_t left = frames.size();
      for (const std::string& frame : frames) {
        const auto flags = --left == 0 ? zmq::send_flags::none : zmq::send_flags::sndmore;
        if (!socket.send(zmq::buffer(frame), flags)) return;
      }
    };
    send({""});
    send({"no delimiter"});
    send({"", ""});
    send({"", "nonsense"});
    send({"", "[1,2]"});
    send({"", "\xFF\xFE"});
    send({"", R"({"id":"c-1","success":true,"result":{}})"});
    send({"", "a", "b"});
    for (int i = 0; i < 999; ++i) {
      if (!socket.send(zmq::str_buffer("x"), zmq::send_flags::sndmore)) break;
    }
    (void)socket.send(zmq::str_buffer("x"), zmq::send_flags::none);
    send({"", std::string(100u << 20, 'x')});
    // Whoever can be answered is.
    if (std::string(where) == "commands") {
      socket.set(zmq::sockopt::rcvtimeo, 15'000);
      zmq::message_t reply;
      REQUIRE(socket.recv(reply));
    }
  }
  // All goes on as before.
  CHECK(reachable(client, "t1"));
  client.request(R"({"action":"register"})");
  REQUIRE(t1->publisher().publish(event_body("still_here")));
  Json event = client.next_event();
  while (event.string("/type") != "still_here") event = client.next_event();
  CHECK(resident_bytes(bridge.process().pid()) < (1024u << 20));
}
