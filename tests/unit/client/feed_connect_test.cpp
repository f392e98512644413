// How a client comes to the bridge, and what it makes of one that does not want it.

#include <string>

#include <doctest/doctest.h>

#include "fake_bridge.h"
#include "feed/json.h"

using namespace client_tests;
using feed::Client;
using Kind = feed::Message::Kind;
using testing_support::FrameSpec;
using testing_support::Opcode;
using testing_support::wait_until;

TEST_CASE("feed: registers after the welcome, with all that was asked for") {
  SharedText request;
  FakeBridge bridge([&](FakeConnection& connection, int) {
    register_client(connection, "k3f", 812, true, &request);
    connection.wait_until_gone();
  });
  feed::Options options = test_options(bridge);
  options.client_id = "test \"1\"";
  options.token = "secret";
  options.subscription.types = {"trade_executed", "order_*"};
  options.subscription.filter = R"({"item":"Coal"})";
  options.subscription.since = feed::SinceSeq{42};
  options.subscription.batch = true;
  Client client(options);
  client.start();
  const feed::Message connected = next(client);
  CHECK(connected.kind == Kind::kConnected);
  CHECK(connected.notice.first);
  CHECK(connected.notice.epoch == "k3f");
  CHECK(connected.notice.seq == 812);
  CHECK(connected.notice.recovered == true);
  CHECK(request.get() ==
        R"({"action":"register","id":"feed-1","client_id":"test \"1\"","client_type":"terminal",)"
        R"("token":"secret","subscriptions":["trade_executed","order_*"],"filter":{"item":"Coal"},)"
        R"("since":{"epoch":"k3f","seq":42},"batch":true})");
}

TEST_CASE("feed: all types by leaving them out, none by an empty list") {
  for (const bool none : {false, true}) {
    SharedText request;
    FakeBridge bridge([&](FakeConnection& connection, int) {
      register_client(connection, "k3f", 0, std::nullopt, &request);
      connection.wait_until_gone();
    });
    feed::Options options = test_options(bridge);
    if (none) options.subscription.types.emplace();
    Client client(options);
    client.start();
    CHECK_FALSE(next(client, Kind::kConnected).notice.recovered);
    CHECK(feed::json::member(request.get(), "subscriptions") == (none ? "[]" : ""));
  }
}

TEST_CASE("feed: events and gaps come as they are on the wire, in one piece, many or batches") {
  const std::string spaced = R"( { "seq" : 3 , "type":"x","data":{"big":18446744073709551615} } )";
  FakeBridge bridge([&](FakeConnection& connection, int) {
    register_client(connection, "k3f", 0);
    connection.send(event(1));
    FrameSpec frame;
    frame.payload = event(2).substr(0, 10);
    frame.fin = false;
    connection.send_frame(frame);
    FrameSpec ping;
    ping.opcode = Opcode::kPing;
    connection.send_frame(ping);
    frame.opcode = Opcode::kContinuation;
    frame.payload = event(2).substr(10);
    frame.fin = true;
    connection.send_frame(frame);
    connection.send(spaced);
    connection.send("[" + event(4) + " , " + gap(5, 9, "slow_client") + "," + event(10) + "]");
    connection.send("[ ]");
    connection.send("[[[1]], 5, null]");
    connection.send(event(11));
    connection.wait_until_gone();
    CHECK(connection.pongs() == 1);
  });
  Client client(test_options(bridge));
  client.start();
  next(client, Kind::kConnected);
  CHECK(next(client).text == event(1));
  CHECK(next(client).text == event(2));
  CHECK(next(client).text == spaced);
  CHECK(next(client).text == event(4));
  const feed::Message lost = next(client);
  CHECK(lost.kind == Kind::kGap);
  CHECK(lost.text == gap(5, 9, "slow_client"));
  CHECK(lost.gap.from_seq == 5u);
  CHECK(next(client).text == event(10));
  CHECK(next(client).text == event(11));
  client.stop();
}

TEST_CASE("feed: a registration that is refused for good ends the client") {
  FakeBridge bridge([&](FakeConnection& connection, int) {
    connection.shake_hands();
    connection.send(welcome("k3f", 0));
    const auto request = connection.receive();
    connection.send(refusal(request.value_or("{}"), "bad_request"));
    connection.wait_until_gone();
  });
  Client client(test_options(bridge));
  client.start();
  const feed::Message failed = next(client);
  CHECK(failed.kind == Kind::kFailed);
  CHECK(failed.notice.error_type == "bad_request");
  CHECK(failed.notice.reason == "as the test wants it");
  CHECK_FALSE(client.next(testing_support::kPatience));
  CHECK(client.finished());
  CHECK(client.request("ping", "", milliseconds(10000)).outcome ==
        feed::Reply::Outcome::kDisconnected);
  CHECK(bridge.connections() == 1);
}

TEST_CASE("feed: a registration that is refused for now is tried again") {
  FakeBridge bridge([&](FakeConnection& connection, int number) {
    if (number > 0) {
      register_client(connection, "k3f", 0);
    } else {
      connection.shake_hands();
      connection.send(welcome("k3f", 0));
      connection.send(refusal(connection.receive().value_or("{}"), "busy"));
    }
    connection.wait_until_gone();
  });
  Client client(test_options(bridge));
  client.start();
  const feed::Message lost = next(client);
  CHECK(lost.kind == Kind::kDisconnected);
  CHECK(lost.notice.first);
  CHECK(lost.notice.reason == "busy: as the test wants it");
  CHECK(next(client).kind == Kind::kConnected);
}

TEST_CASE("feed: a close for want of a token is for good, any other is not") {
  FakeBridge bridge([&](FakeConnection& connection, int number) {
    register_client(connection, "k3f", 0);
    connection.close(number == 0 ? 1001 : 4001, number == 0 ? "going away" : "token wrong");
    connection.wait_until_gone();
  });
  Client client(test_options(bridge));
  client.start();
  next(client, Kind::kConnected);
  CHECK(next(client).notice.reason == "closed by the bridge (1001 going away)");
  CHECK(next(client).kind == Kind::kConnected);
  const feed::Message failed = next(client);
  CHECK(failed.kind == Kind::kFailed);
  CHECK(failed.notice.error_type == "unauthorized");
  CHECK(failed.notice.reason == "closed by the bridge (4001 token wrong)");
}

TEST_CASE("feed: a role that may do nothing here is for good too") {
  FakeBridge bridge([&](FakeConnection& connection, int) {
    register_client(connection, "k3f", 0);
    connection.close(4003, "nothing for a trainer");
    connection.wait_until_gone();
  });
  Client client(test_options(bridge));
  client.start();
  next(client, Kind::kConnected);
  const feed::Message failed = next(client);
  CHECK(failed.kind == Kind::kFailed);
  CHECK(failed.notice.error_type == "forbidden");
}

TEST_CASE("feed: what went wrong is told once an outage, in words") {
  struct Case {
    const char* name;
    FakeBridge::Script script;
    std::string reason;
  };
  const Case cases[] = {
      {"another server",
       [](FakeConnection& connection, int) {
         connection.refuse("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
       },
       "the server answered HTTP 403 Forbidden"},
      {"no JSON",
       [](FakeConnection& connection, int) {
         connection.shake_hands();
         connection.send("hello");
         connection.wait_until_gone();
       },
       "the bridge sent what is not JSON"},
      {"too large",
       [](FakeConnection& connection, int) {
         connection.shake_hands();
         FrameSpec frame;
         frame.claimed_length = 17u << 20;
         connection.send_frame(frame);
         connection.wait_until_gone();
       },
       "the bridge broke the WebSocket protocol (A message was too large)"},
      {"no greeting",
       [](FakeConnection& connection, int) {
         connection.shake_hands();
         connection.wait_until_gone();
       },
       "no answer within 50 ms"},
      {"no handshake", [](FakeConnection& connection, int) { connection.wait_until_gone(); },
       "no answer within 50 ms"},
  };
  for (const Case& one : cases) {
    CAPTURE(one.name);
    FakeBridge bridge(one.script);
    feed::Options options = test_options(bridge);
    if (one.reason == "no answer within 50 ms") options.connect_timeout = milliseconds(50);
    Client client(options);
    client.start();
    const feed::Message lost = next(client);
    CHECK(lost.kind == Kind::kDisconnected);
    CHECK(lost.notice.first);
    CHECK(lost.notice.reason == one.reason);
    CHECK(wait_until([&] { return bridge.connections() >= 3; }));
    CHECK_FALSE(client.next(milliseconds(0)));
  }
}

TEST_CASE("feed: nobody listening is an outage like any other") {
  std::string url;
  {
    FakeBridge gone([](FakeConnection&, int) {});
    url = gone.url();
  }
  feed::Options options;
  options.url = url;
  Client client(options);
  client.start();
  CHECK(next(client).notice.reason == "Connection refused");
}

TEST_CASE("feed: an address that cannot be one ends the client") {
  feed::Options options;
  options.url = "http://example";
  Client client(options);
  client.start();
  const feed::Message failed = next(client);
  CHECK(failed.kind == Kind::kFailed);
  CHECK(failed.notice.error_type.empty());
}
