#include "conversation/session.h"

#include <doctest/doctest.h>

#include <deque>
#include <fstream>
#include <memory>

#include "fixture.h"
#include "support/scratch_directory.h"

using namespace bridge;

namespace {

// A socket that takes what it is given and reports it written when told to, or at once.
struct FakeSocket : FrameSink {
  std::size_t send(std::vector<std::shared_ptr<const std::string>> buffers) override {
    ++sends;
    std::size_t written = 0;
    for (const auto& frames : buffers) {
      for (auto& payload : payloads(std::string_view(*frames))) got.push_back(std::move(payload));
      if (at_once) {
        written += frames->size();
      } else {
        unwritten.push_back(frames->size());
      }
    }
    return written;
  }
  void ping() override { ++pings; }
  void close(CloseCode code, const std::string&) override { closed = static_cast<int>(code); }
  void post(std::function<void()> f) override { posted.push_back(std::move(f)); }

  std::vector<std::string> got;
  std::deque<std::size_t> unwritten;
  std::deque<std::function<void()>> posted;
  int pings = 0;
  int closed = 0;
  int sends = 0;
  bool at_once = false;
};

struct Connected {
  explicit Connected(SessionOptions options = {"0.0.0"}, std::shared_ptr<const Access> access = nullptr)
      : context{bench.log, bench.cohorts,  bench.dispatcher, bench.replays,
                bench.counters, bench.clock, std::move(options)},
        session(context, socket, 1, "127.0.0.1:1", false, std::move(access)) {
    session.open();
    write_all();
  }
  void write_all() {
    while (!socket.unwritten.empty()) {
      const std::size_t bytes = socket.unwritten.front();
      socket.unwritten.pop_front();
      session.on_written(bytes);
    }
  }

  Bench bench;
  SessionContext context;
  FakeSocket socket;
  Session session;
};

}  // namespace

TEST_CASE("session: a welcome comes first and nothing else unasked") {
  Connected c;
  REQUIRE(c.socket.got.size() == 1);
  const auto welcome = parse_json(c.socket.got[0]);
  CHECK(welcome["type"] == "system_status");
  CHECK(welcome["data"]["status"] == "connected");
  CHECK(welcome["data"]["server"] == "ppo-bridge");
  CHECK(welcome["data"]["protocol"].GetInt() == 1);
  CHECK(welcome["data"]["epoch"] == "epoch1");
  c.bench.event();
  CHECK(c.socket.got.size() == 1);
}

TEST_CASE("session: one batch is with the socket at a time, and the rest waits in the log") {
  Connected c;
  c.session.on_text(R"({"action":"register"})");
  c.write_all();
  c.bench.event();
  CHECK(c.socket.got.size() == 3);
  for (int i = 0; i < 100; ++i) c.bench.event();
  CHECK(c.socket.got.size() == 3);
  CHECK(c.session.info().lag == 100);
  c.write_all();
  CHECK(seqs(c.socket.got).size() == 101);
  CHECK(c.session.info().lag == 0);
  CHECK(c.session.info().events_sent == 101);
}

TEST_CASE("session: a socket that takes all at once is given the next without a turn between") {
  Connected c;
  c.session.on_text(R"({"action":"register"})");
  c.write_all();
  c.socket.at_once = true;
  for (int i = 0; i < 3; ++i) c.bench.event();
  CHECK(seqs(c.socket.got).size() == 3);
  CHECK(c.session.info().lag == 0);
  CHECK(c.socket.posted.empty());
}

TEST_CASE("session: a client with much to catch up gives way to the others turn by turn") {
  Connected c;
  const std::string data = R"({"text":")" + std::string(60'000, 'x') + R"("})";
  for (int i = 0; i < 20; ++i) c.bench.event("note", data);
  c.socket.at_once = true;
  c.session.on_text(R"({"action":"register","since":{"last":20}})");
  int turns = 0;
  for (; !c.socket.posted.empty(); ++turns) {
    const auto next = std::move(c.socket.posted.front());
    c.socket.posted.pop_front();
    next();
  }
  CHECK(seqs(c.socket.got).size() == 20);
  CHECK(turns >= 3);
}

TEST_CASE("session: a ping that is not answered in time closes with 4012, an answered one not") {
  SessionOptions options;
  options.ping_interval_us = 20'000'000;
  options.pong_timeout_us = 60'000'000;
  Connected c(options);
  for (int second = 0; second < 119; ++second) {
    c.bench.clock.advance_us(1'000'000);
    c.session.tick();
    if (second < 40) c.session.on_pong();
  }
  CHECK(c.socket.closed == 0);
  CHECK(c.socket.pings == 5);
  c.bench.clock.advance_us(1'000'000);
  c.session.tick();
  CHECK(c.socket.closed == 4012);
  CHECK(c.bench.counters.clients_closed_no_pong == 1);
  CHECK(c.bench.counters.send_to_ack[static_cast<std::size_t>(Delivery::each)].count() == 2);  // no pong that nobody asked for
}

TEST_CASE("session: a drained client gets all there is and then 1001") {
  Connected c;
  c.session.on_text(R"({"action":"register"})");
  c.write_all();
  c.bench.event();
  c.bench.event();
  c.session.drain();
  CHECK(c.socket.closed == 0);
  c.session.on_text(R"({"action":"ping"})");  // too late
  c.write_all();
  CHECK(seqs(c.socket.got) == std::vector<std::uint64_t>{1, 2});
  CHECK(c.socket.closed == 1001);
}

TEST_CASE("session: a client that floods is closed with 4029, one that never reads with 4008") {
  SessionOptions options;
  options.requests_per_s_max = 10;
  Connected flood(options);
  for (int i = 0; i < 100; ++i) {
    flood.session.on_text(R"({"action":"ping"})");
    flood.write_all();
  }
  CHECK(flood.socket.closed == 4029);
  Connected deaf;
  for (int i = 0; i < 1000; ++i) deaf.session.on_text(R"({"action":"ping"})");
  CHECK(deaf.socket.closed == 4008);
  CHECK(deaf.bench.counters.clients_closed_slow == 1);
}

TEST_CASE("session: a large reply is written in a turn of its own") {
  Connected c;
  for (int i = 0; i < 5; ++i) c.bench.event("t", R"({"x":")" + std::string(100'000, 'x') + "\"}");
  const std::size_t before = c.socket.got.size();
  c.session.on_text(R"({"action":"command","command":"get_recent_events"})");
  CHECK(c.bench.work_once());  // it is there
  CHECK(c.socket.got.size() == before);
  REQUIRE(c.socket.posted.size() == 1);
  c.socket.posted.front()();
  REQUIRE(c.socket.got.size() == before + 1);
  CHECK(parse_json(c.socket.got.back())["result"]["count"].GetInt() == 5);
  CHECK(parse_json(c.socket.got.back())["success"].IsTrue());
}

namespace {

// A session where everybody has to say who he is: alice, who is an operator until the second 1,619,395,300, a hundred
// from the start; bob, a viewer; tom, a trainer.
struct Guarded {
  Guarded() {
    write();
    write_roles("");
    REQUIRE(authenticator.reload());
    SessionOptions options{"0.0.0"};
    options.authenticator = &authenticator;
    options.auth_timeout_us = 5'000'000;
    c = std::make_unique<Connected>(options);
  }
  void write(const char* alices_role = "operator") {
    std::ofstream file(scratch.file("credentials"));
    const auto line = [&](const NewToken& token, const char* name, const char* role, std::int64_t expires_s = 0) {
      file << credential_line({name, role, token.id, token.sha256, 1, expires_s, ""}) << "\n";
    };
    if (*alices_role != '\0') line(alice, "alice", alices_role, 1'619'395'300);
    line(alice_later, "alice", "operator");
    line(bob, "bob", "viewer");
    line(tom, "tom", "trainer");
  }
  void write_roles(const std::string& text) { std::ofstream(scratch.file("roles.toml")) << text; }
  void read_again() {
    REQUIRE(authenticator.reload());
    c->session.tick();
    c->write_all();
  }
  // The last thing that was said after this request.
  rapidjson::Document ask(const std::string& text) {
    c->session.on_text(text);
    c->write_all();
    return parse_json(c->socket.got.back());
  }
  rapidjson::Document say(const NewToken& token) {
    return ask(R"({"action":"authenticate","id":1,"token":")" + token.text + "\"}");
  }
  std::string error(const std::string& text) {
    const auto reply = ask(text);
    return reply["status"] == "error" ? reply["data"]["error_type"].GetString() : "";
  }
  void pass_s(int seconds) {
    for (; seconds > 0; --seconds) {
      clock.advance_us(1'000'000);
      c->bench.clock.advance_us(1'000'000);
      c->session.tick();
      c->session.on_pong();
      c->write_all();
    }
  }

  const testing_support::ScratchDirectory scratch;
  const NewToken alice = make_token(), alice_later = make_token(), bob = make_token(), tom = make_token();
  FakeClock clock;
  Authenticator authenticator{scratch.file("credentials"), clock, scratch.file("roles.toml")};
  std::unique_ptr<Connected> c;
};

}  // namespace

TEST_CASE("session: nothing is told to who has not said who he is") {
  Guarded g;
  const auto welcome = parse_json(g.c->socket.got.at(0));
  CHECK(welcome["data"]["auth"] == "required");
  CHECK_FALSE(welcome["data"].HasMember("epoch"));
  CHECK_FALSE(welcome["data"].HasMember("seq"));
  g.c->bench.event();
  CHECK(g.error(R"({"action":"register"})") == "unauthorized");
  CHECK(g.error(R"({"action":"subscribe","subscriptions":["*"]})") == "unauthorized");
  CHECK(g.error(R"({"action":"unsubscribe"})") == "unauthorized");
  CHECK(g.error(R"({"action":"command","command":"get_status"})") == "unauthorized");
  CHECK(g.error(R"({"action":"command","command":"replay"})") == "unauthorized");
  CHECK(g.ask(R"({"action":"ping"})")["status"] == "pong");
  CHECK(g.c->socket.closed == 0);
  g.pass_s(4);
  CHECK(g.c->socket.closed == 0);
  g.pass_s(1);
  CHECK(g.c->socket.closed == 4001);
}

TEST_CASE("session: the third wrong token, and a long message before the right one, end it") {
  Guarded g;
  const NewToken none = make_token();
  for (int i = 0; i < 3; ++i) {
    CHECK(g.c->socket.closed == 0);
    CHECK(g.say(none)["data"]["error_type"] == "unauthorized");
  }
  CHECK(g.c->socket.closed == 4001);
  CHECK(g.c->bench.counters.tokens_refused == 3);
  Guarded h;
  CHECK(h.error(R"({"action":"ping","x":")" + std::string(5000, 'x') + "\"}") == "unauthorized");
  CHECK(h.c->socket.closed == 4001);
}

TEST_CASE("session: who has said who he is may do what his role does") {
  Guarded g;
  const auto reply = g.say(g.bob);
  CHECK(reply["status"] == "authenticated");
  CHECK(reply["name"] == "bob");
  CHECK(reply["role"] == "viewer");
  CHECK(reply["expires"].IsNull());
  CHECK(reply["id"] == 1);
  CHECK(g.ask(R"({"action":"register","client_id":"me","subscriptions":["*"]})")["status"] == "registered");
  CHECK(g.c->session.info().identity == "bob");
  CHECK(g.ask(R"({"action":"command","command":"get_status"})")["success"].GetBool());
  const auto refused = g.ask(R"({"action":"command","command":"pause","target":"t-1"})");
  CHECK(refused["data"]["error_type"] == "forbidden");
  CHECK(refused["data"]["message"] == "a viewer may not command pause");
  CHECK(refused["data"]["details"]["permission"] == "command");
  CHECK(refused["data"]["details"]["command"] == "pause");
  CHECK(refused["data"]["details"]["target"] == "t-1");
  CHECK(g.error(R"({"action":"command","command":"arm_dead_mans_switch","params":{"timeout_ms":1000,"on_expiry":{"command":"pause","target":"*"}}})") ==
        "forbidden");
  g.pass_s(60);
  CHECK(g.c->socket.closed == 0);
  // Another one's token does not make him that one.
  CHECK(g.say(g.alice)["data"]["error_type"] == "forbidden");
  CHECK(g.c->session.info().identity == "bob");
}

TEST_CASE("session: a role that may do nothing here ends it with 4003, and what it asked for is not done") {
  Guarded g;
  SUBCASE("as it registers") {
    CHECK(g.error(R"({"action":"register","subscriptions":["*"],"token":")" + g.tom.text + "\"}") == "forbidden");
  }
  SUBCASE("as it says who it is") { CHECK(g.say(g.tom)["data"]["error_type"] == "forbidden"); }
  CHECK(g.c->socket.closed == 4003);
  const std::size_t said = g.c->socket.got.size();
  g.c->bench.event();
  g.ask(R"({"action":"command","command":"get_recent_events"})");
  CHECK(g.c->socket.got.size() == said);
}

namespace {

constexpr const char* kDesk = "[[role.desk.read]]\ntypes=['a','b']\n[[role.desk.command]]\ncommands=['get_*','replay']\n";

}  // namespace

TEST_CASE("session: another role's scope holds from the newest event on, as by a subscribe") {
  Guarded g;
  g.write_roles(kDesk);
  g.write("desk");
  g.read_again();
  REQUIRE(g.say(g.alice)["role"] == "desk");
  const auto reply = g.ask(R"({"action":"register","subscriptions":["*"]})");
  CHECK(reply["limited"].GetBool());
  CHECK(reply["subscriptions"][0] == "*");
  CHECK_FALSE(g.ask(R"({"action":"subscribe","subscriptions":["a"]})").HasMember("limited"));
  CHECK(g.ask(R"({"action":"subscribe","subscriptions":["a","c"]})")["limited"].GetBool());
  const auto types = [&g](std::size_t from) {
    std::string all;
    for (std::size_t i = from; i < g.c->socket.got.size(); ++i) all += parse_json(g.c->socket.got[i])["type"].GetString();
    return all;
  };
  g.ask(R"({"action":"subscribe"})");
  std::size_t said = g.c->socket.got.size();
  const auto events = [&](const std::string& of) {
    for (const char type : of) g.c->bench.event(std::string(1, type));
    g.c->write_all();
  };
  events("abc");
  CHECK(types(said) == "ab");
  g.write_roles("[[role.desk.read]]\ntypes=['b','c']\n[[role.desk.command]]\ncommands=['get_*']\n");
  events("c");
  g.read_again();
  events("abc");
  CHECK(types(said) == "abbc");
  // The same role, written differently: nothing changes. Broken: nothing either.
  g.write_roles("# desk\n[[role.desk.read]]\ntypes=['c','b','c']\n[[role.desk.command]]\ncommands=['get_*']\n");
  g.read_again();
  g.write_roles("[[role.desk.read]]\ntypes=['c d']\n");
  CHECK_FALSE(g.authenticator.reload());
  g.c->session.tick();
  g.c->write_all();
  said = g.c->socket.got.size();
  events("abc");
  CHECK(types(said) == "bc");
  // All of it again, by a role that reads everything.
  g.write("operator");
  g.write_roles("");
  g.read_again();
  said = g.c->socket.got.size();
  events("abc");
  CHECK(types(said) == "abc");
  // And a role that is gone.
  g.write("desk");
  g.read_again();
  CHECK(g.c->socket.closed == 4001);
}

TEST_CASE("session: one name has so many connections, and a place again once one has gone") {
  Guarded g;
  g.authenticator.set_connections_max(2);
  SessionOptions options{"0.0.0"};
  options.authenticator = &g.authenticator;
  REQUIRE(g.say(g.alice)["status"] == "authenticated");
  REQUIRE(g.say(g.alice_later)["status"] == "authenticated");  // the same connection
  auto second = std::make_unique<Connected>(options, g.authenticator.find(g.alice.text));
  CHECK(second->socket.closed == 0);
  Connected third(options, g.authenticator.find(g.alice_later.text));
  CHECK(third.socket.closed == 1013);
  CHECK(third.socket.got.empty());
  Connected late(options);
  const auto say = R"({"action":"authenticate","token":")" + g.alice.text + "\"}";
  late.session.on_text(say);
  late.write_all();
  CHECK(parse_json(late.socket.got.back())["data"]["error_type"] == "busy");
  CHECK(late.socket.closed == 0);
  Connected other(options, g.authenticator.find(g.bob.text));
  CHECK(other.socket.closed == 0);
  second.reset();
  late.session.on_text(say);
  late.write_all();
  CHECK(parse_json(late.socket.got.back())["status"] == "authenticated");
}

TEST_CASE("session: a replay ends where the role changes, and goes on where it does not") {
  Guarded g;
  g.write_roles(kDesk);
  g.write("desk");
  g.read_again();
  REQUIRE(g.say(g.alice)["role"] == "desk");
  g.c->bench.event("a");
  g.c->bench.event("c");
  REQUIRE(g.ask(R"({"action":"command","command":"replay","params":{"speed":0.001}})")["status"] == "command_result");
  g.write_roles(kDesk + std::string("# the same\n"));
  g.read_again();
  CHECK(g.c->bench.replays.count() == 1);
  g.write_roles(std::string(kDesk) + "[[role.desk.read]]\ntypes=['c']\n");
  g.read_again();
  CHECK(g.c->bench.replays.count() == 0);
}

TEST_CASE("session: a token that runs out is told a minute ahead, and can be followed by another") {
  Guarded g;
  CHECK(g.say(g.alice)["expires"] == 1'619'395'300);
  const std::size_t said = g.c->socket.got.size();
  g.pass_s(39);
  CHECK(g.c->socket.got.size() == said);
  g.pass_s(5);
  REQUIRE(g.c->socket.got.size() == said + 1);
  const auto told = parse_json(g.c->socket.got.back());
  CHECK(told["data"]["status"] == "token_expires");
  CHECK(told["data"]["expires"] == 1'619'395'300);
  SUBCASE("without another, it ends") {
    g.pass_s(55);
    CHECK(g.c->socket.closed == 0);
    g.pass_s(1);
    CHECK(g.c->socket.closed == 4001);
  }
  SUBCASE("with another, it goes on") {
    CHECK(g.say(g.alice_later)["status"] == "authenticated");
    g.pass_s(200);
    CHECK(g.c->socket.closed == 0);
  }
}

TEST_CASE("session: a token that is revoked ends it, a role that changes holds at once") {
  Guarded g;
  REQUIRE(g.say(g.alice)["status"] == "authenticated");
  REQUIRE(g.ask(R"({"action":"register","subscriptions":["*"]})")["status"] == "registered");
  g.write("viewer");
  g.read_again();
  CHECK(g.c->socket.closed == 0);
  CHECK(g.error(R"({"action":"command","command":"pause","target":"t-1"})") == "forbidden");
  SUBCASE("one that may do nothing here") {
    g.write("metrics");
    g.read_again();
    CHECK(g.c->socket.closed == 4003);
    const std::size_t said = g.c->socket.got.size();
    g.c->bench.event();
    CHECK(g.c->socket.got.size() == said);
  }
  SUBCASE("none") {
    g.write("");
    g.read_again();
    CHECK(g.c->socket.closed == 4001);
  }
}

TEST_CASE("session: whoever said it with the handshake is known from the start") {
  Guarded g;
  SessionOptions options{"0.0.0"};
  options.authenticator = &g.authenticator;
  Connected known(options, g.authenticator.find(g.alice.text));
  const auto welcome = parse_json(known.socket.got.at(0));
  CHECK(welcome["data"]["auth"]["name"] == "alice");
  CHECK(welcome["data"]["auth"]["role"] == "operator");
  CHECK(welcome["data"]["auth"]["expires"] == 1'619'395'300);
  CHECK(welcome["data"]["epoch"] == "epoch1");
  Connected anybody;
  CHECK_FALSE(parse_json(anybody.socket.got.at(0))["data"].HasMember("auth"));
  anybody.session.on_text(R"({"action":"authenticate","token":"x"})");
  anybody.write_all();
  CHECK(parse_json(anybody.socket.got.back())["data"]["error_type"] == "bad_request");
}
