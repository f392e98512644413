// What one bridge asks of others and does for them, at the edges of times, bytes and numbers; and the texts between them.

#include "commands/remote_desk.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/limits.h"

using namespace bridge;

namespace {

// A desk whose link keeps what it is given.
struct LoneDesk final : NodeLink {
  void tell(std::string_view) override {}
  bool ask(const std::string&, std::uint64_t no, std::string_view text) override {
    if (!reachable) return false;
    last_no = no;
    request = text;
    return true;
  }
  void answer(const std::string&, std::string_view text) override { replies.emplace_back(text); }
  std::size_t word_bytes_max() const override { return bytes_max; }

  void wants(const std::string& node, std::int64_t within_us = 2'000'000) {
    RemoteCommand wanted;
    wanted.command.name = "pause";
    wanted.command.target = wanted.source = "t";
    wanted.command.deadline_us = within_us;
    desk.ask(node, wanted, clock.steady_us() + within_us, [this](const RemoteAnswers& came, bool) {
      outcomes.push_back(came ? std::to_string(came.value().size()) : std::string(error_type_name(came.error().type)) + ": " + came.error().message);
    });
  }
  // Another bridge asks, with a clock here that is known or not.
  void is_asked(std::int64_t deadline_us, std::optional<std::int64_t> by_us) {
    RemoteCommand wanted;
    wanted.from = "n2";
    wanted.command.name = "pause";
    wanted.command.target = wanted.source = "t";
    wanted.command.deadline_us = deadline_us;
    desk.on_request("n2 1", write_remote_command(wanted), [by_us](const std::string&, std::int64_t) { return by_us; });
  }
  std::string news() {
    std::string text;
    for (const std::string& one : std::exchange(outcomes, {})) text += (text.empty() ? "" : ", ") + one;
    return text;
  }

  FakeClock clock;
  bool reachable = true;
  std::size_t bytes_max = 1 << 20;
  std::uint64_t last_no = 0;
  std::string request;
  std::vector<std::string> replies, outcomes;
  std::vector<RemoteCommand> served;
  std::vector<std::function<void(const RemoteAnswers&)>> unanswered;
  RemoteDesk desk{"n1", *this, clock, [this](RemoteCommand wanted, auto answer) {
    served.push_back(std::move(wanted));
    unanswered.push_back(std::move(answer));
  }};
};

constexpr const char* kDone = R"({"answers":[{"source":"t","success":true,"result":"1"}]})";

}  // namespace

TEST_CASE("remote desk: so many wait for one bridge and over all, and who was answered makes room for one") {
  LoneDesk one;
  one.clock.advance_us(10'000'000);
  one.wants("n2");
  one.wants("n2");
  one.desk.on_answer(one.last_no, false, kDone);
  CHECK(one.news() == "1");
  for (std::size_t i = 1; i < kRemoteAsksOfNodeMax; ++i) one.wants("n2");
  CHECK(one.news() == "");
  one.wants("n2");
  CHECK(one.news() == "busy: 256 commands wait for bridge n2 already");
  one.desk.on_answer(one.last_no, true, "");
  CHECK(one.news().find("rejected: its bridge is away: n2") == 0);
  one.wants("n2");
  one.wants("n2");
  CHECK(one.news().find("busy") == 0);
  for (const char* node : {"n3", "n4", "n5"}) {
    for (std::size_t i = 0; i < kRemoteAsksOfNodeMax; ++i) one.wants(node);
  }
  CHECK(one.news() == "");
  CHECK(one.desk.waiting() == kRemoteAsksMax);
  one.wants("n6");
  CHECK(one.news().find("busy") == 0);
  CHECK(one.desk.waiting() == kRemoteAsksMax);
}

TEST_CASE("remote desk: who is not answered is told at its deadline, and makes room for one") {
  LoneDesk one;
  one.wants("n2", 1'000'000);
  one.wants("n2", 5'000'000);
  one.clock.advance_us(999'999);
  one.desk.tick();
  CHECK(one.news() == "");
  one.clock.advance_us(1);
  one.desk.tick();
  CHECK(one.news() == "timeout: bridge n2 did not answer within 1000 ms");
  for (std::size_t i = 1; i < kRemoteAsksOfNodeMax; ++i) one.wants("n2", 9'000'000);
  CHECK(one.news() == "");
  one.wants("n2");
  CHECK(one.news().find("busy") == 0);
  one.desk.tick();
  CHECK(one.desk.waiting() == kRemoteAsksOfNodeMax);
}

TEST_CASE("remote desk: a request says how long there is, at most a minute, and fits to the byte") {
  LoneDesk one;
  for (const auto& [within_us, told_us] : std::vector<std::pair<std::int64_t, std::int64_t>>{{5'000, 5'000}, {90'000'000, kCommandDeadlineMaxUs}, {0, 1'000}}) {
    one.wants("n2", within_us);
    const auto read = read_remote_command(one.request);
    REQUIRE_MESSAGE(read.ok(), read.error().message);
    CHECK(read.value().command.deadline_us == told_us);
    CHECK(read.value().by_us == one.clock.wall_us() + std::max<std::int64_t>(within_us, 1'000));
    CHECK(read.value().from == "n1");
  }
  one.bytes_max = one.request.size();
  one.wants("n2", 0);
  CHECK(one.news() == "");
  --one.bytes_max;
  one.wants("n2", 0);
  CHECK(one.news() == "too_large: the command takes " + std::to_string(one.request.size()) + " bytes; to bridge n2 go at most " + std::to_string(one.bytes_max));
  one.bytes_max = 1 << 20;
  one.reachable = false;
  one.wants("n2");
  CHECK(one.news().find("rejected: its bridge is away") == 0);
  CHECK(one.desk.counts().refused == 2);
}

TEST_CASE("remote desk: what is asked of this bridge has what is left of its time, by the clock here where that is known") {
  LoneDesk one;
  one.clock.advance_us(1'000'000);
  one.is_asked(2'000'000, std::nullopt);
  one.is_asked(2'000'000, 1'500'000);
  one.is_asked(2'000'000, 9'000'000);
  one.is_asked(2'000'000, 1'000'001);
  REQUIRE(one.served.size() == 4);
  CHECK(one.served[0].command.deadline_us == 2'000'000);
  CHECK(one.served[1].command.deadline_us == 500'000);
  CHECK(one.served[2].command.deadline_us == 2'000'000);
  CHECK(one.served[3].command.deadline_us == 1);
  one.is_asked(2'000'000, 1'000'000);
  CHECK(one.served.size() == 4);
  CHECK(one.replies == std::vector<std::string>{R"({"refusal":{"error_type":"timeout","message":"the command came to bridge n1 too late"}})"});
}

TEST_CASE("remote desk: so many requests of others are served at a time") {
  LoneDesk one;
  for (std::size_t i = 0; i < kRemoteServedMax; ++i) one.is_asked(1'000'000, std::nullopt);
  CHECK(one.replies.empty());
  one.is_asked(1'000'000, std::nullopt);
  CHECK(one.replies == std::vector<std::string>{R"({"refusal":{"error_type":"busy","message":"1024 commands of others wait at bridge n1"}})"});
  CHECK(one.desk.counts().served == kRemoteServedMax);
  one.unanswered.front()(RemoteAnswers(std::vector<TrainerAnswer>()));
  one.is_asked(1'000'000, std::nullopt);
  CHECK(one.served.size() == kRemoteServedMax + 1);
}

TEST_CASE("remote desk: answers go as they are up to the last byte, and a refusal however long") {
  LoneDesk one;
  TrainerAnswer answer;
  answer.source = "t";
  answer.success = true;
  answer.result_json = "[" + std::string(500, ' ') + "]";
  const std::vector<TrainerAnswer> answers{answer};
  const std::string whole = write_remote_answers(answers);
  one.is_asked(1'000'000, std::nullopt);
  one.is_asked(1'000'000, std::nullopt);
  one.is_asked(1'000'000, std::nullopt);
  one.bytes_max = whole.size();
  one.unanswered[0](answers);
  CHECK(one.replies.back() == whole);
  --one.bytes_max;
  one.unanswered[1](answers);
  const auto read = read_remote_answers(one.replies.back());
  REQUIRE((read.ok() && read.value()));
  CHECK(read.value().value().at(0).error.type == ErrorType::too_large);
  CHECK_FALSE(read.value().value().at(0).success);
  one.bytes_max = 1;
  one.unanswered[2](RequestError{ErrorType::forbidden, "no"});
  CHECK(one.replies.back() == R"({"refusal":{"error_type":"forbidden","message":"no"}})");
}

TEST_CASE("remote command: all of it arrives") {
  RemoteCommand wanted;
  wanted.from = "n1";
  wanted.command.name = "set";
  wanted.command.params_json = R"({"lr":1})";
  wanted.command.target = "t@r/a";
  wanted.command.requester = "alice/me";
  wanted.command.identity = "alice";
  wanted.command.role = "operator";
  wanted.command.idempotency_key = "k";
  wanted.command.deadline_us = 7'000;
  wanted.by_us = 1'600'000'000'000'123;
  wanted.source = "t";
  wanted.run = "r";
  wanted.agent = "a";
  const auto read = read_remote_command(write_remote_command(wanted));
  REQUIRE_MESSAGE(read.ok(), read.error().message);
  const RemoteCommand& came = read.value();
  CHECK(came.from == "n1");
  CHECK(came.command.name == "set");
  CHECK(came.command.params_json == R"({"lr":1})");
  CHECK(came.command.target == "t@r/a");
  CHECK(came.command.requester == "alice/me");
  CHECK(came.command.identity == "alice");
  CHECK(came.command.role == "operator");
  CHECK(came.command.idempotency_key == "k");
  CHECK(came.command.deadline_us == 7'000);
  CHECK(came.by_us == 1'600'000'000'000'123);
  CHECK(came.source == "t");
  CHECK(came.run == "r");
  CHECK(came.agent == "a");
  wanted.by_us = -5;
  wanted.command.deadline_us = 0;
  wanted.command.identity.clear();
  const std::string bare = write_remote_command(wanted);
  CHECK(bare.find("identity") == std::string::npos);
  CHECK(bare.find("role") == std::string::npos);
  CHECK(read_remote_command(bare).value().command.deadline_us == 1'000);
  CHECK(read_remote_command(bare).value().by_us == 0);
}

TEST_CASE("remote command: each text is taken up to its bytes, and a time up to the year 5138") {
  const auto told = [](const std::string& field, const std::string& value) {
    std::string text = "{";
    bool there = false;
    for (const auto& [name, usual] : std::vector<std::pair<std::string, std::string>>{
             {"from", "\"n1\""}, {"command", "\"pause\""}, {"params", "\"{}\""}, {"target", "\"t\""}, {"source", "\"t\""}, {"deadline_ms", "5"}, {"by", "1"}}) {
      there = there || name == field;
      text += (text.size() == 1 ? "\"" : ",\"") + name + "\":" + (name == field ? value : usual);
    }
    if (!there) text += ",\"" + field + "\":" + value;
    const auto read = read_remote_command(text + "}");
    return read ? "" : read.error().message;
  };
  for (const auto& [name, max] : std::vector<std::pair<std::string, std::size_t>>{{"from", 64}, {"command", 64}, {"target", 129}, {"source", 64}, {"run", 64},
                                                                                    {"agent_id", 64}, {"requester", 512}, {"identity", 512}, {"role", 512},
                                                                                    {"idempotency_key", 128}}) {
    CHECK(told(name, "\"" + std::string(max, 'x') + "\"") == "");
    CHECK(told(name, "\"" + std::string(max + 1, 'x') + "\"") == name + " must be a string of at most " + std::to_string(max) + " bytes");
  }
  CHECK(told("by", "100000000000") == "");
  CHECK(told("by", "100000000001").find("by is 100000000001") == 0);
  CHECK(told("by", "null").find("by is") == 0);
  CHECK(told("deadline_ms", "60000") == "");
}

TEST_CASE("remote command: answers are taken up to their bounds, and every kind of error arrives") {
  const auto told = [](const std::string& answers) {
    const auto read = read_remote_answers(R"({"answers":[)" + answers + "]}");
    return read ? "" : read.error().message;
  };
  const auto name = [](std::size_t bytes) { return "\"" + std::string(bytes, 'x') + "\""; };
  for (const char* field : {"source", "run"}) {
    const std::string begin = R"({"success":true,"result":"1",")" + std::string(field) + "\":";
    CHECK(told(begin + name(kNameBytesMax) + "}") == "");
    CHECK(told(begin + name(kNameBytesMax + 1) + "}") == std::string(field) + " must be a string of at most 64 bytes");
  }
  CHECK(told(R"({"success":false,"error":{"error_type":)" + name(kNameBytesMax) + "}}") == "");
  CHECK(told(R"({"success":false,"error":{"error_type":)" + name(kNameBytesMax + 1) + "}}").find("error_type must be") == 0);
  CHECK(told(R"({"success":false,"error":{"error_type":"busy","message":7}})").find("message must be") == 0);
  std::string many(R"({"success":true,"result":"1"})");
  for (std::size_t i = 1; i < kRemoteAnswersMax; ++i) many += R"(,{"success":true,"result":"1"})";
  CHECK(told(many) == "");
  CHECK(told(many + R"(,{"success":true,"result":"1"})") == "answers must be a list of at most 8192");
  for (int type = 0; type <= static_cast<int>(ErrorType::too_large); ++type) {
    const auto read = read_remote_answers(write_remote_answers(RequestError{static_cast<ErrorType>(type), "m"}));
    REQUIRE((read.ok() && !read.value()));
    CHECK(static_cast<int>(read.value().error().type) == type);
  }
}

TEST_CASE("remote command: who is named by a connection alone is known as that") {
  CHECK(is_unnamed("connection-5"));
  CHECK(is_unnamed("n1/connection-5"));
  CHECK(is_unnamed("alice/n1/connection-5"));
  CHECK_FALSE(is_unnamed("alice"));
  CHECK_FALSE(is_unnamed("my-connection-5"));
  CHECK_FALSE(is_unnamed(""));
  const auto across = [](const std::string& identity, std::string name) {
    name_across("n1", identity, &name);
    return name;
  };
  CHECK(across("", "connection-5") == "n1/connection-5");
  CHECK(across("alice", "alice/connection-5") == "alice/n1/connection-5");
  CHECK(across("alice", "alice/me") == "alice/me");
  CHECK(across("alice", "alice") == "alice");
  CHECK(across("", "me") == "me");
}
