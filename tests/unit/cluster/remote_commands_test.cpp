// Commands between the bridges of a cluster.

#include <doctest/doctest.h>

#include "commands/remote_command.h"
#include "nodes.h"

using namespace bridge;

TEST_CASE("remote command: it finds its trainer wherever that is, and its answer comes back as it is") {
  Nodes nodes({"n1", "n2"});
  nodes["n2"].connect("t", "r1", "a1");
  nodes.pass(2'000'000);
  for (const char* target : {"t", "a1", "t/a1", "t@r1", "t@r1/a1"}) {
    const int n = nodes["n1"].command(target);
    nodes.settle();
    CHECK_MESSAGE(nodes["n1"].outcome(n) == "success", target);
    CHECK(nodes["n1"].outcomes[n].answers.at(0).result_json == R"({"at":"n2"})");
    CHECK(nodes["n1"].outcomes[n].answers.at(0).source == "t");
  }
  CHECK(nodes["n2"].bench.link.sent.size() == 5);
  CHECK(nodes["n1"].bench.link.sent.empty());
  // The bridge that has it tells of it, and no other.
  CHECK(nodes["n2"].bench.run("get_event_types").find(R"("type":"command_executed","events":5)") != std::string::npos);
  CHECK(nodes["n1"].bench.run("get_event_types").find("command_executed") == std::string::npos);
  CHECK(nodes["n1"].desk.counts().sent == 5);
  CHECK(nodes["n2"].desk.counts().served == 5);
  CHECK(nodes["n1"].desk.waiting() == 0);
}

TEST_CASE("remote command: a source that is published here and connected there is commanded there") {
  Nodes nodes({"n1", "n2"});
  nodes["n1"].bench.take(R"({"type":"_source","source":"t","run":"r1","data":{"agents":["a1"]}})");
  nodes["n2"].connect("t", "r1");
  nodes.pass(2'000'000);
  for (const char* target : {"t", "a1", "t@r1", "*"}) {
    const int n = nodes["n1"].command(target);
    nodes.settle();
    CHECK(nodes["n1"].outcome(n) == (std::string(target) == "*" ? "t: success" : "success"));
  }
  CHECK(nodes["n1"].bench.link.sent.empty());
  // While it moves it is with both: who heard of it last has it.
  nodes["n1"].connect("t", "r1");
  int n = nodes["n1"].command("t");
  nodes.settle();
  CHECK(nodes["n1"].outcome(n) == "success");
  CHECK(nodes["n1"].bench.link.sent.size() == 1);
  nodes["n1"].trainers.clear();  // its connection has not ended yet, and nothing comes over it
  nodes.pass(1'000'000);
  n = nodes["n1"].command("t");
  nodes.settle();
  CHECK(nodes["n1"].outcome(n) == "success");
  CHECK(nodes["n1"].bench.link.sent.size() == 1);
}

TEST_CASE("remote command: two processes of one name on two bridges are ambiguous, and each is reached by its run") {
  Nodes nodes({"n1", "n2", "n3"});
  nodes["n1"].connect("t", "r1");
  nodes["n2"].connect("t", "r2");
  nodes.pass(2'000'000);
  for (const char* from : {"n1", "n3"}) {
    const int n = nodes[from].command("t");
    nodes.settle();
    CHECK(nodes[from].outcome(n) == "ambiguous_target");
    CHECK(nodes[from].outcomes[n].refusal->message.find("t@r1, t@r2") != std::string::npos);
    for (const char* run : {"r1", "r2"}) {
      const int one = nodes[from].command(std::string("t@") + run);
      nodes.settle();
      CHECK(nodes[from].outcome(one) == "success");
    }
  }
  CHECK(nodes["n1"].bench.link.sent.size() == 2);
  CHECK(nodes["n2"].bench.link.sent.size() == 2);
}

TEST_CASE("remote command: everybody's is one request a bridge and one reply") {
  Nodes nodes({"n1", "n2", "n3"});
  nodes["n1"].connect("t1", "r");
  nodes["n2"].connect("t2", "r");
  nodes["n2"].connect("t3", "r");
  nodes.pass(2'000'000);
  const int asked = nodes["n1"].asked;
  int n = nodes["n1"].command("*");
  nodes.settle();
  CHECK(nodes["n1"].outcome(n) == "t1: success, t2: success, t3: success");
  CHECK(nodes["n1"].asked == asked + 1);
  n = nodes["n3"].command("*");
  nodes.settle();
  CHECK(nodes["n3"].outcome(n) == "t1: success, t2: success, t3: success");
  // One that is away is one entry.
  nodes["n2"].up = false;
  n = nodes["n3"].command("*");
  nodes.settle();
  CHECK(nodes["n3"].outcome(n) == "n2: rejected, t1: success");
  // All its trainers went before it was asked.
  nodes["n1"].disconnect("t1-r");
  nodes["n1"].bench.sources.tick(1.0, nodes["n1"].bench.clock.steady_us() + 20'000'000);
  nodes.pass(12'000'000);
  n = nodes["n3"].command("*");
  nodes.settle();
  CHECK(nodes["n3"].outcome(n) == "unknown_target");
}

TEST_CASE("remote command: nobody there is a refusal at once, and nothing is sent twice") {
  Nodes nodes({"n1", "n2"});
  nodes["n2"].connect("t", "r1");
  nodes.pass(2'000'000);
  nodes["n2"].up = false;
  const int n = nodes["n1"].command("t");
  nodes.settle();
  CHECK(nodes["n1"].outcome(n) == "rejected");
  CHECK(nodes["n1"].outcomes[n].answers.at(0).error.message.find("its bridge is away") == 0);
  CHECK(nodes["n1"].desk.counts().refused == 1);
  nodes.pass(5'000'000);
  CHECK(nodes["n1"].asked == 1);
  // This one tells of it, as nobody else can.
  CHECK(nodes["n1"].bench.run("get_event_types").find("command_executed") != std::string::npos);
}

TEST_CASE("remote command: a bridge that does not answer is a timeout, and its late answer nothing") {
  Nodes nodes({"n1", "n2"});
  nodes["n2"].connect("t", "r1");
  nodes.pass(2'000'000);
  nodes["n2"].frozen = true;
  const int n = nodes["n1"].command("t", "", 1'000'000);
  nodes.pass(1'250'000);
  CHECK(nodes["n1"].outcome(n) == "timeout");
  CHECK(nodes["n1"].desk.waiting() == 0);
  // What it reads too late it does not do.
  nodes["n2"].frozen = false;
  nodes.pass(1'000'000);
  CHECK(nodes["n2"].bench.link.sent.empty());
  CHECK(nodes["n1"].asked == 1);
  CHECK(nodes["n2"].desk.counts().served == 0);
}

TEST_CASE("remote command: a run that restarted is not commanded in place of the one that was meant") {
  Nodes nodes({"n1", "n2"});
  nodes["n2"].connect("t", "r1");
  nodes.pass(2'000'000);
  nodes["n2"].disconnect("t-r1");
  nodes["n2"].connect("t", "r2");
  const int n = nodes["n1"].command("t");
  nodes.settle();
  CHECK(nodes["n1"].outcome(n) == "unknown_target");
  CHECK(nodes["n2"].bench.link.sent.empty());
}

TEST_CASE("remote command: the bridge that has the trainer remembers the key, whoever asks and from wherever") {
  Nodes nodes({"n1", "n2", "n3"});
  nodes["n3"].connect("t", "r1");
  nodes.pass(2'000'000);
  for (const char* from : {"n1", "n1", "n2", "n3"}) {
    const int n = nodes[from].command("t", "k1");
    nodes.settle();
    CHECK(nodes[from].outcome(n) == "success");
  }
  CHECK(nodes["n3"].bench.link.sent.size() == 1);
}

TEST_CASE("remote command: who has no name is somebody else at each bridge") {
  Nodes nodes({"n1", "n2", "n3"});
  nodes["n3"].connect("t", "r1");
  nodes.pass(2'000'000);
  for (const char* from : {"n1", "n2"}) {
    Command command;
    command.name = "pause";
    command.target = "t";
    command.idempotency_key = "k1";
    command.identity = "alice";
    command.requester = "alice/connection-5";
    command.deadline_us = 1'000'000;
    nodes[from].bench.dispatcher.router().submit(command, [](const CommandOutcome&) {});
    nodes.settle();
  }
  CHECK(nodes["n3"].bench.link.sent.size() == 2);
}

TEST_CASE("remote command: what waits is bounded, for one bridge and over all") {
  Nodes nodes({"n1", "n2"});
  nodes["n2"].connect("t", "r1");
  nodes.pass(2'000'000);
  nodes.cuts = {{"n1", "n2"}};
  for (std::size_t i = 0; i < kRemoteAsksOfNodeMax; ++i) CHECK(nodes["n1"].outcome(nodes["n1"].command("t")) == "waiting");
  const int n = nodes["n1"].command("t");
  CHECK(nodes["n1"].outcome(n) == "busy");
  CHECK(nodes["n1"].desk.waiting() == kRemoteAsksOfNodeMax);
  nodes.pass(2'250'000);
  CHECK(nodes["n1"].desk.waiting() == 0);
  CHECK(nodes["n1"].desk.counts().timeouts == kRemoteAsksOfNodeMax);
  CHECK(nodes["n1"].bench.dispatcher.router().pending() == 0);
  CHECK(nodes["n1"].bench.dispatcher.router().bytes() == 0);
}

TEST_CASE("remote command: what is larger than a message is told so, and not done, or done") {
  Nodes nodes({"n1", "n2"});
  nodes["n2"].connect("t", "r1");
  nodes.pass(2'000'000);
  nodes.word_bytes_max = 100;
  int n = nodes["n1"].command("t");
  CHECK(nodes["n1"].outcome(n) == "too_large");
  nodes.word_bytes_max = 1 << 20;
  nodes.trainers_answer = false;
  n = nodes["n1"].command("t");
  nodes.settle();
  nodes.word_bytes_max = 60;
  nodes["n2"].trainers_answer();
  nodes.settle();
  CHECK(nodes["n1"].outcome(n) == "too_large");
  CHECK(nodes["n1"].outcomes[n].answers.at(0).error.message.find("it was done") == 0);
}

TEST_CASE("remote command: what is wrong with a request or an answer is named, and counted") {
  const auto wrong = [](const std::string& text) {
    const auto read = read_remote_command(text);
    return read ? "" : read.error().message;
  };
  const auto request = [](const std::string& rest) {
    return R"({"from":"n1","command":"pause","params":"{}","target":"t","source":"t","deadline_ms":5,"by":1)" + rest + "}";
  };
  CHECK(wrong(request("")) == "");
  CHECK(wrong("[]") == "the request is no object");
  CHECK(wrong(R"({"command":"a b"})").find("command is \"a b\"") == 0);
  CHECK(wrong(R"({"command":"pause","params":"[]"})") == "params must be the text of a JSON object");
  CHECK(wrong(R"({"command":"pause","params":"\ufeff{}"})") == "params must be the text of a JSON object");
  CHECK(wrong(R"({"command":"pause","params":"{}","target":"*","source":"t"})") == "source is missing, or there for everybody");
  CHECK(wrong(request(R"(,"run":"a b")")) == "\"a b\" is no name");
  CHECK(wrong(R"({"command":"pause","params":"{}","target":"t","source":"t","deadline_ms":60001})").find("deadline_ms is 60001") == 0);
  CHECK(wrong(R"({"command":"pause","params":"{}","target":"t","source":"t","deadline_ms":1})").find("by is missing") == 0);

  const auto wrong_answer = [](const std::string& text) {
    const auto read = read_remote_answers(text);
    return read ? "" : read.error().message;
  };
  CHECK(wrong_answer("7") == "the answer is no object");
  CHECK(wrong_answer("{}").find("answers must be a list") == 0);
  CHECK(wrong_answer(R"({"answers":[7]})") == "answers must be a list of objects");
  CHECK(wrong_answer(R"({"answers":[{"success":true,"result":"nonsense"}]})") == "result must be the text of JSON");
  CHECK(wrong_answer(R"({"answers":[{"success":false}]})").find("error is missing") == 0);
  CHECK(wrong_answer(R"({"refusal":{"error_type":"from_the_future","message":"m"}})") == "");

  Nodes nodes({"n1", "n2"});
  nodes["n2"].connect("t", "r1");
  nodes.pass(2'000'000);
  nodes.cuts = {{"n1", "n2"}};
  const int n = nodes["n1"].command("t");
  nodes["n1"].desk.on_answer(1, false, "nonsense");
  CHECK(nodes["n1"].outcome(n) == "unknown_outcome");
  nodes["n1"].desk.on_answer(1, false, R"({"answers":[]})");
  nodes["n1"].desk.on_answer(99, false, R"({"answers":[]})");
  CHECK(nodes["n1"].desk.counts().malformed == 1);
}

TEST_CASE("remote command: an answer to one trainer's that names none is an error, not a crash") {
  Nodes nodes({"n1", "n2"});
  nodes["n2"].connect("t", "r1");
  nodes.pass(2'000'000);
  nodes.cuts = {{"n1", "n2"}};
  const int n = nodes["n1"].command("t");
  nodes["n1"].desk.on_answer(1, false, R"({"answers":[]})");
  CHECK(nodes["n1"].outcome(n) != "waiting");
  CHECK(nodes["n1"].outcome(n) != "success");
}

TEST_CASE("remote command: the same key to everybody asks only who could not be asked before") {
  Nodes nodes({"n1", "n2", "n3"});
  for (const char* node : {"n1", "n2", "n3"}) nodes[node].connect(std::string("t") + node[1], "r");
  nodes.pass(2'000'000);
  const auto sent = [&nodes](const char* node) { return nodes[node].bench.link.sent.size(); };
  nodes["n2"].up = false;
  int n = nodes["n1"].command("*", "k");
  nodes.settle();
  CHECK(nodes["n1"].outcome(n) == "n2: rejected, t1: success, t3: success");
  nodes["n2"].up = true;
  n = nodes["n1"].command("*", "k");
  nodes.settle();
  CHECK(nodes["n1"].outcome(n) == "t1: success, t2: success, t3: success");
  n = nodes["n1"].command("*", "k");  // all of it is remembered
  CHECK(nodes["n1"].outcome(n) == "t1: success, t2: success, t3: success");
  nodes.settle();
  for (const char* node : {"n1", "n2", "n3"}) CHECK(sent(node) == 1);
}

TEST_CASE("remote command: what went to this bridge's own trainers alone goes to the others with the same key, and to its own once") {
  Nodes nodes({"n1", "n2"});
  nodes["n1"].connect("t1", "r");
  nodes["n2"].connect("t2", "r");
  nodes.pass(2'000'000);
  const std::string params = R"({"timeout_ms":1000,"on_expiry":{"command":"pause","target":"*"}})";
  std::vector<bool> reached;
  const auto issue = [&](bool here_only) {
    nodes["n1"].bench.dispatcher.switches().issue("me", params, "dms:me:1", here_only, [&](bool all) { reached.push_back(all); });
    nodes.settle();
  };
  issue(true);
  CHECK(nodes["n1"].bench.link.sent.size() == 1);
  CHECK(nodes["n2"].bench.link.sent.empty());
  nodes["n2"].frozen = true;
  issue(false);
  nodes.pass(6'000'000);
  CHECK(reached == std::vector<bool>{true, false});  // n2 does not answer
  nodes["n2"].frozen = false;
  nodes.pass(2'000'000);  // what it was asked then is too old by now
  CHECK(nodes["n2"].bench.link.sent.empty());
  issue(false);
  CHECK(reached == std::vector<bool>{true, false, true});
  CHECK(nodes["n1"].bench.link.sent.size() == 1);
  CHECK(nodes["n2"].bench.link.sent.size() == 1);
}

TEST_CASE("remote command: a switch's command reaches whoever it is for, or this bridge's own alone, and says whether somebody was") {
  Nodes nodes({"n1", "n2"});
  nodes["n2"].connect("t", "r1");
  nodes.pass(2'000'000);
  for (auto& [name, node] : nodes.all) node->bench.dispatcher.switches().set_cluster(nullptr, name);
  const std::string params = R"({"timeout_ms":1000,"on_expiry":{"command":"pause","target":"t/a1"}})";
  std::string reached;
  const auto issue = [&](const std::string& at, const std::string& given, bool here_only) {
    reached = "waiting";
    nodes[at].bench.dispatcher.switches().issue("me", given, "dms:me:" + std::to_string(nodes["n2"].bench.link.sent.size()), here_only,
                                            [&reached](bool somebody) { reached = somebody ? "yes" : "no"; });
    nodes.settle();
    return reached;
  };
  const auto expired = [&](const std::string& at) {
    nodes[at].bench.log.seal();
    std::string all;
    for (const BlockPtr& block : nodes[at].bench.log.history().blocks()) {
      for (std::size_t i = 0; i < block->size(); ++i) {
        const auto event = parse_json(block->json(i));
        if (event["type"] != "system_status") continue;
        CHECK(event["data"]["status"] == "dead_mans_switch_expired");
        all += event["data"].HasMember("node") ? std::string(event["data"]["node"].GetString()) + ": " : "";
        all += std::string(event["data"]["message"].GetString()) + "\n";
      }
    }
    return all;
  };
  CHECK(issue("n1", params, false) == "yes");
  REQUIRE(nodes["n2"].bench.link.sent.size() == 1);
  CHECK(nodes["n2"].bench.link.sent[0].second.find(R"("command":"pause")") != std::string::npos);
  CHECK(expired("n1") == "");  // the log tells of it
  CHECK(nodes["n1"].bench.counters.switches_expired == 1);
  CHECK(issue("n1", params, true) == "no");
  CHECK(nodes["n1"].bench.counters.switches_expired == 1);
  CHECK(issue("n2", params, true) == "yes");
  CHECK(nodes["n2"].bench.link.sent.size() == 2);
  CHECK(expired("n1") == "");
  CHECK(expired("n2") == "n2: me has not been heard of; issuing pause to t/a1, of bridge n2 alone: the cluster's log stood still\n");
  // A name alone may be that of one who has not said a word yet: it is tried, and told of by who has it.
  const std::string by_name = R"({"timeout_ms":1000,"on_expiry":{"command":"pause","target":"t"}})";
  CHECK(issue("n1", by_name, true) == "no");
  CHECK(issue("n1", R"({"on_expiry":{"command":"pause","target":"*"}})", true) == "no");
  CHECK(nodes["n1"].bench.counters.switches_expired == 1);
  CHECK(nodes["n1"].bench.link.sent.empty());
  CHECK(expired("n1") == "");
  CHECK(nodes["n1"].bench.run("get_event_types").find("command_executed") == std::string::npos);
  CHECK(issue("n1", R"({"on_expiry":{"command":"pause","target":"nobody/a"}})", false) == "no");
  for (const char* unreadable : {"nonsense", "[]", "{}", R"({"on_expiry":7})", R"({"on_expiry":{"command":7}})"}) {
    CHECK(issue("n1", unreadable, false) == "yes");  // there is nothing that could be tried again
  }
  CHECK(nodes["n2"].bench.link.sent.size() == 2);
  const auto told = [&](const std::string& given) { return nodes["n1"].bench.dispatcher.switches().told("me", given); };
  CHECK(told(params) == R"({"status":"dead_mans_switch_expired","message":"me has not been heard of; issuing pause to t/a1","client_id":"me"})");
  CHECK(told("nonsense") == R"({"status":"dead_mans_switch_expired","message":"me has not been heard of; issuing  to ","client_id":"me"})");
  // A bridge that is away is nobody; a trainer that says no is somebody.
  nodes.trainers_answer = false;
  CHECK(issue("n2", params, false) == "waiting");
  const auto& [connection, asked] = nodes["n2"].bench.link.sent.back();
  nodes["n2"].bench.dispatcher.router().on_answer(connection, R"({"id":")" + std::string(parse_json(asked)["id"].GetString()) + R"(","success":false,"error":"no"})");
  CHECK(reached == "yes");
  nodes["n2"].up = false;
  CHECK(issue("n1", params, false) == "no");
}

TEST_CASE("remote command: a source that is connected nowhere is commanded where it was heard of last") {
  Nodes nodes({"n1", "n2"});
  const std::string said = R"({"type":"_source","source":"t","run":"r1","data":{"agents":["a1"]}})";
  nodes["n1"].bench.take(said);
  nodes.pass(1'000'000);
  nodes["n2"].bench.take(said);
  nodes.pass(1'000'000);
  (void)nodes["n1"].command("t");
  CHECK(nodes["n1"].asked == 1);
  (void)nodes["n2"].command("t");
  CHECK(nodes["n2"].asked == 0);
  nodes["n1"].bench.take(said);
  nodes.pass(1'000'000);
  (void)nodes["n1"].command("t");
  CHECK(nodes["n1"].asked == 1);
  (void)nodes["n2"].command("t");
  CHECK(nodes["n2"].asked == 1);
}

TEST_CASE("remote command: those that wait have as many bytes as they may, to the byte") {
  for (const std::size_t too_few : {0u, 1u}) {
    Nodes nodes({"n1", "n2"});
    nodes["n2"].connect("t", "r1");
    nodes.pass(2'000'000);
    nodes["n1"].bench.dispatcher.router().set_bytes_max(2 * (1024 + 2) - too_few);
    CHECK(nodes["n1"].outcome(nodes["n1"].command("t")) == "waiting");
    const int n = nodes["n1"].command("t");
    CHECK(nodes["n1"].outcome(n) == (too_few == 0 ? "waiting" : "busy"));
    if (too_few != 0) continue;
    nodes.pass(500'000);
    CHECK(nodes["n1"].outcome(n) == "success");
    CHECK(nodes["n1"].outcomes[n].answers.at(0).elapsed_us < 500'000);
    CHECK(nodes["n1"].outcomes[n].answers.at(0).elapsed_us >= 0);
  }
}
