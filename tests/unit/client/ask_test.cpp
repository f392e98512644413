#include "ppo-client/ask.h"

#include <string>

#include <doctest/doctest.h>

#include "capture.h"
#include "fake_bridge.h"

using client::AskOptions;
using client::Output;
using client_tests::Capture;
using client_tests::FakeBridge;
using client_tests::FakeConnection;
using Show = client::AskOptions::Show;

namespace {

struct Shown {
  int code;
  std::string out;
  std::string err;
};

template <typename Run>
Shown capture(Run run) {
  Capture out_file;
  Capture err_file;
  Output out(out_file.descriptor(), [] { return false; });
  Output err(err_file.descriptor(), [] { return false; });
  const int code = run(out, err);
  out.flush();
  err.flush();
  return {code, out_file.text(), err_file.text()};
}

Shown show(const std::string& text, Show how, bool json = false) {
  AskOptions task;
  task.command = "pause";
  task.show = how;
  return capture([&](Output& out, Output& err) {
    return client::show(feed::read_reply(text), task, json, {}, out, err);
  });
}

Shown ask(const std::string& url, client::Options options, AskOptions task) {
  options.url = url;
  return capture(
      [&](Output& out, Output& err) { return client::ask(options, task, {}, out, err); });
}

}  // namespace

TEST_CASE("ask: an error is told with its kind and has a code of its own") {
  const Shown refused = show(
      R"({"status":"error","data":{"error_type":"unknown_target","message":"no \u001b[31magent"}})",
      Show::kResult);
  CHECK(refused.code == client::kExitRefused);
  CHECK(refused.out.empty());
  CHECK(refused.err == "error: unknown_target: no ␛[31magent\n");
}

TEST_CASE("ask: a command that may have been carried out has another code than one that was not") {
  const auto code = [](const std::string& error_type) {
    return show(R"({"status":"error","data":{"error_type":")" + error_type + R"(","message":"x"}})",
                Show::kResult)
        .code;
  };
  for (const char* const type : {"rejected", "ambiguous_target", "busy"}) {
    CHECK(code(type) == client::kExitRefused);
  }
  for (const char* const type : {"timeout", "unknown_outcome"}) {
    CHECK(code(type) == client::kExitUnknown);
  }
  const auto all = [](const std::string& one, const std::string& other) {
    const auto entry = [](const std::string& type) {
      return R"({"source":"a","success":false,"error":{"error_type":")" + type + R"("}})";
    };
    return show(R"({"status":"command_result","results":[)" + entry(one) + "," + entry(other) + "]}",
                Show::kResult)
        .code;
  };
  CHECK(all("rejected", "busy") == client::kExitRefused);
  CHECK(all("unknown_outcome", "busy") == client::kExitUnknown);
}

TEST_CASE("ask: no answer is a failure of the connection") {
  feed::Reply reply;
  reply.outcome = feed::Reply::Outcome::kTimeout;
  reply.error_type = "timeout";
  reply.error = "no answer within 5 ms";
  const Shown shown = capture(
      [&](Output& out, Output& err) { return client::show(reply, {}, false, {}, out, err); });
  CHECK(shown.code == client::kExitFailed);
  CHECK(shown.err == "error: timeout: no answer within 5 ms\n");
}

TEST_CASE("ask: a result is printed with every digit") {
  const std::string reply =
      R"({"status":"command_result","success":true,"result":{"gp":18446744073709551615,"x": 1.50}})";
  CHECK(show(reply, Show::kResult).out == "{\n  \"gp\": 18446744073709551615,\n  \"x\": 1.50\n}\n");
  CHECK(show(reply, Show::kResult, true).out == "{\"gp\":18446744073709551615,\"x\": 1.50}\n");
  CHECK(show(reply, Show::kReport).out == "gp  18,446,744,073,709,551,615\nx   1.5\n");
}

TEST_CASE("ask: a command to all trainers fails where one of them does") {
  const Shown mixed =
      show(R"({"status":"command_result","success":true,"results":[{"source":"a","success":true},)"
           R"({"source":"b","success":false}]})",
           Show::kResult, true);
  CHECK(mixed.code == client::kExitRefused);
  CHECK(mixed.out ==
        "[{\"source\":\"a\",\"success\":true},{\"source\":\"b\",\"success\":false}]\n");
  CHECK(mixed.err == "error: not every trainer carried out pause\n");
}

TEST_CASE("ask: events are lines, readable or raw, and missing ones are told") {
  const std::string reply =
      R"({"status":"command_result","result":{"events":[{"type":"x","data":{"a": 1.50},"seq":1},)"
      R"({"type":"y","data":{},"seq":2}],"count":2,"complete":false}})";
  const Shown raw = show(reply, Show::kEvents, true);
  CHECK(raw.code == client::kExitOk);
  CHECK(raw.out ==
        "{\"type\":\"x\",\"data\":{\"a\": 1.50},\"seq\":1}\n"
        "{\"type\":\"y\",\"data\":{},\"seq\":2}\n");
  CHECK(raw.err == "older events that match are no longer held by the bridge\n");
  const Shown readable = show(reply, Show::kEvents);
  CHECK(readable.out.find("--:--:--.---      1  x ") == 0);
  CHECK(readable.out.find("{\"a\":1.50}\n") != std::string::npos);
}

TEST_CASE("ask: a reply of any shape is shown and never a crash") {
  for (const char* const reply :
       {"{}", R"({"result":null})", R"({"result":[]})", R"({"result":5})",
        R"({"result":{"events":5}})", R"({"result":{"events":[5,null,{}]}})", R"({"results":{}})",
        R"({"data":"x"})"}) {
    for (const Show how : {Show::kReport, Show::kEvents, Show::kResult}) {
      CAPTURE(reply);
      CHECK(show(reply, how).code == client::kExitOk);
      CHECK(show(reply, how, true).code == client::kExitOk);
    }
  }
}

TEST_CASE("ask: connects, subscribes to nothing, asks and leaves") {
  client_tests::SharedText registration;
  client_tests::SharedText request;
  FakeBridge bridge([&](FakeConnection& connection, int) {
    client_tests::register_client(connection, "k3f", 0, std::nullopt, &registration);
    request.set(connection.receive().value_or("{}"));
    connection.send(client_tests::answer(request.get(), R"("success":true,"result":{"seq":7})"));
    connection.wait_until_gone();
  });
  AskOptions task;
  task.command = "get_status";
  task.fields = R"({"command":"get_status","params":{}})";
  const Shown shown = ask(bridge.url(), {}, task);
  CHECK(shown.code == client::kExitOk);
  CHECK(shown.out == "seq  7\n");
  CHECK(shown.err.empty());
  CHECK(registration.get().find(R"("subscriptions":[])") != std::string::npos);
  CHECK(request.get() ==
        R"({"action":"command","id":"feed-2","command":"get_status","params":{}})");
}

TEST_CASE("ask: what passes a rule is looked for until there is no further page, also of one who always says there is") {
  FakeBridge bridge([&](FakeConnection& connection, int) {
    client_tests::register_client(connection, "k3f", 0);
    while (const auto request = connection.receive()) {
      connection.send(client_tests::answer(
          *request, R"("success":true,"result":{"events":[{"type":"t","data":{"n":1},"seq":7},5,null,)"
                    R"({"type":"t","data":{"n":2},"seq":8},{}],"more":true,"recovered":false})"));
    }
  });
  AskOptions task;
  task.command = "get_recent_events";
  task.fields = R"({"command":"get_recent_events","params":{"count":10000}})";
  task.show = Show::kEvents;
  task.where = client::Where::read("t where n > 1").value();
  task.count = 20;
  client::Options options;
  options.json = true;
  const std::string event = R"({"type":"t","data":{"n":2},"seq":8})";
  Shown shown = ask(bridge.url(), options, task);
  CHECK(shown.code == client::kExitOk);
  CHECK(shown.out == event + "\n" + event + "\n");
  CHECK(shown.err == "older events that match are no longer held by the bridge\n");
  task.count = 1;
  shown = ask(bridge.url(), options, task);
  CHECK(shown.out == event + "\n");
  CHECK(shown.err == "older events that match are no longer held by the bridge\n");
}

TEST_CASE("ask: a bridge that is not there is told at once, or waited for") {
  std::string url;
  {
    FakeBridge gone([](FakeConnection&, int) {});
    url = gone.url();
  }
  const Shown shown = ask(url, {}, {});
  CHECK(shown.code == client::kExitFailed);
  CHECK(shown.err == "cannot connect to " + url + ": Connection refused\n");

  FakeBridge late([&](FakeConnection& connection, int number) {
    if (number == 0) return;
    client_tests::register_client(connection, "k3f", 0);
    connection.send(client_tests::answer(connection.receive().value_or("{}"), R"("result":1)"));
    connection.wait_until_gone();
  });
  client::Options options;
  options.wait = testing_support::kPatience;
  AskOptions task;
  task.fields = R"({"command":"x"})";
  CHECK(ask(late.url(), options, task).out == "1\n");
}

TEST_CASE("ask: a bridge that refuses the registration is told with its reason") {
  FakeBridge bridge([&](FakeConnection& connection, int) {
    connection.shake_hands();
    connection.send(client_tests::welcome("k3f", 0));
    connection.send(client_tests::refusal(connection.receive().value_or("{}"), "unauthorized"));
    connection.wait_until_gone();
  });
  const Shown shown = ask(bridge.url(), {}, {});
  CHECK(shown.code == client::kExitRefused);
  CHECK(shown.err == "error: unauthorized: as the test wants it\n");
}
