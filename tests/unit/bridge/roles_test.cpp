// Roles of one's own: the file, and what they cover.

#include "access/roles.h"

#include <doctest/doctest.h>

#include <fstream>

#include <sys/stat.h>

#include "access/access.h"
#include "access/authenticator.h"
#include "base/clock.h"
#include "support/scratch_directory.h"

using namespace bridge;

namespace {

Access holder(const std::string& rules, const char* name = "alice") {
  const auto roles = Roles::parse("[role.r]\n" + rules, "roles.toml");
  CAPTURE(roles ? "" : roles.error().message);
  REQUIRE(roles);
  return Access(name, roles.value().find("r"));
}

std::string many(int count, const char* text) {
  std::string all;
  for (int i = 0; i < count; ++i) all += text;
  return all;
}

}  // namespace

TEST_CASE("roles: a mistake in the file is told with its line, its place and what may stand there") {
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {"[role.r", "roles.toml:1: "},
      {"x = 1", "roles.toml:1: x is not known; roles are [role.NAME]"},
      {"role = 1", "roles.toml:1: role is not known"},
      {"[role]\nr = 1", "roles.toml:2: role.r must be a table"},
      {"[role.viewer]", "roles.toml:1: role.viewer is built in; must be another name than viewer, operator"},
      {"[role.\"a b\"]", "a role is called \"a b\"; must be 1-64 characters"},
      {"[role.r]\nread = []\nmore = 1", "roles.toml:3: role.r.more is not known; may be read, publish, command, http, clients"},
      {"[role.r]\nread = 1", "roles.toml:2: role.r.read must be a list of tables: [[role.r.read]]"},
      {"[role.r]\nread = [1]", "role.r.read[0] must be a table"},
      {"[[role.r.read]]\ntypes = \"t\"", "roles.toml:2: role.r.read[0].types must be a list of 1..32 texts"},
      {"[[role.r.read]]\ntypes = []", "role.r.read[0].types must be a list of 1..32 texts"},
      {"[[role.r.read]]\n[[role.r.read]]\ntypes = [\"t\", \"a b\"]", "roles.toml:3: role.r.read[1].types[1] is \"a b\"; must be \"*\", 1-64 characters of"},
      {"[[role.r.read]]\ntypes = [1]", "role.r.read[0].types[0] must be a text"},
      {"[[role.r.read]]\ntypes = [\"{name}\"]", "types[0] is \"{name}\""},
      {"[[role.r.read]]\nsources = [\"{nam}\"]", "role.r.read[0].sources[0] is \"{nam}\"; must be"},
      {"[[role.r.read]]\nsources = [\"a*b\"]", "sources[0] is \"a*b\""},
      {"[[role.r.read]]\nagents = [\"\"]", "agents[0] is \"\"; must be \"*\", 1-256 bytes"},
      {"[[role.r.read]]\nfilter = [\"\"]", "role.r.read[0].filter is not known; may be types, sources, agents"},
      {"[[role.r.publish]]\nagents = [\"t\"]", "role.r.publish[0].agents is not known; may be types, sources"},
      {"[[role.r.command]]\ntargets = [\"t\"]", "role.r.command[0] has no commands"},
      {"[[role.r.command]]\ncommands = [\"pause\"]\ntargets = [\"t@run\"]", "role.r.command[0].targets[0] is \"t@run\"; must be \"*\", SOURCE or SOURCE/AGENT"},
      {"[role.r]\nhttp = [\"/\"]", "role.r.http[0] is \"/\"; must be \"*\", \"/readyz\""},
      {"[role.r]\nhttp = [\"/readyz*\"]", "role.r.http[0]"},
      {"[role.r]\nclients = \"some\"", "role.r.clients must be \"own\" or \"all\""},
      {many(17, "[[role.r.read]]\n"), "roles.toml:17: role.r.read[16] is one rule too many; role.r may have 16"},
      {"[[role.r.read]]\ntypes = [" + many(33, "\"t\",") + "]", "must be a list of 1..32"},
      {many(9, ("[[role.r.read]]\ntypes = [" + many(32, "\"t\",") + "]\n").c_str()), "is one entry too many; role.r may have 256"},
  };
  for (const auto& [text, why] : wrong) {
    CAPTURE(text);
    const auto roles = Roles::parse(text, "roles.toml");
    REQUIRE_FALSE(roles);
    CAPTURE(roles.error().message);
    CHECK(roles.error().message.find(why) != std::string::npos);
    CHECK(roles.error().message.find("roles.toml:") == 0);
  }
  std::string too_many;
  for (std::size_t i = 0; i <= kRolesMax; ++i) too_many += "[role.r" + std::to_string(i) + "]\n";
  CHECK(Roles::parse(too_many, "f").error().message.find("65 roles; must be at most 64") != std::string::npos);
}

TEST_CASE("roles: only what a rule covers is read, all three of its lists at once") {
  const Access a = holder("[[role.r.read]]\ntypes=['trade_*']\nsources=['t1','{name}-*']\n[[role.r.read]]\ntypes=['tick']\nagents=['a1']\n");
  REQUIRE(a.scope != nullptr);
  CHECK(a.reads());
  const auto& s = *a.scope;
  CHECK(s.may_read("trade_x", "t1", ""));
  CHECK(s.may_read("trade_x", "alice-2", "any"));
  CHECK_FALSE(s.may_read("trade_x", "alice", ""));
  CHECK_FALSE(s.may_read("trade_x", "t10", ""));
  CHECK_FALSE(s.may_read("trade_x", "", ""));  // without a source
  CHECK_FALSE(s.may_read("trade_x", "t2", "a1"));
  CHECK(s.may_read("tick", "t2", "a1"));
  CHECK(s.may_read("tick", "", "a1"));
  CHECK_FALSE(s.may_read("tick", "t1", ""));
  CHECK_FALSE(s.may_read("tick2", "t1", "a1"));
  CHECK(s.may_read_some("t1"));
  CHECK(s.may_read_some("t2"));
  CHECK(s.may_read_some("t2", "a1"));
  CHECK_FALSE(s.may_read_some("t2", "a2"));
  CHECK_FALSE(s.may_read_all("t1"));
  CHECK_FALSE(s.may_read_all_of_type("tick"));
  CHECK(holder("[[role.r.read]]\nsources=['t1']\nagents=['a*']").scope->may_read_all("t1", "a2"));
  CHECK_FALSE(holder("[[role.r.read]]\nsources=['t1']\nagents=['a*']").scope->may_read_all("t1"));
  CHECK(holder("[[role.r.read]]").scope == nullptr);
  CHECK(holder("[[role.r.read]]\ntypes=['*']\nsources=['t','*']").scope == nullptr);
  CHECK(holder("").scope->nothing());
  CHECK_FALSE(holder("").reads());
}

TEST_CASE("roles: scopes that allow the same are one cohort's, others never") {
  const auto key = [](const std::string& rules, const char* name = "alice") { return holder(rules, name).scope->key(); };
  const std::string one = "[[role.r.read]]\ntypes=['a','b']\n[[role.r.read]]\nsources=['s']\n";
  CHECK(key(one) == key("[[role.r.read]]\nsources=['s','s']\n[[role.r.read]]\ntypes=['b','a']\nagents=['*']\n"));
  CHECK(key(one) == key(one, "bob"));
  CHECK(key(one) != key("[[role.r.read]]\ntypes=['a','b']\nsources=['s']\n"));
  CHECK(key("[[role.r.read]]\ntypes=['s']") != key("[[role.r.read]]\nsources=['s']"));
  CHECK(key("[[role.r.read]]\nsources=['{name}']") != key("[[role.r.read]]\nsources=['{name}']", "bob"));
  CHECK(key("").size() == 64);
}

TEST_CASE("roles: a scope covers all of a pattern where one rule does, for all sources and agents or for those named") {
  const auto all_of = [](const std::string& rules, const char* types, const std::vector<std::string>& sources,
                         const std::vector<std::string>& agents) {
    return holder(rules).scope->may_read_all_of(types, sources, agents);
  };
  const std::string trades = "[[role.r.read]]\ntypes=['trade_*']\n";
  CHECK(all_of(trades, "trade_executed", {}, {}));
  CHECK(all_of(trades, "trade_*", {"any"}, {"any"}));
  CHECK_FALSE(all_of(trades, "trade*", {}, {}));
  CHECK_FALSE(all_of(trades, "*", {}, {}));
  const std::string some = "[[role.r.read]]\nsources=['s1','s2']\nagents=['a*']\n";
  CHECK(all_of(some, "t", {"s1"}, {"a1"}));
  CHECK(all_of(some, "*", {"s1", "s2"}, {"a1", "a2"}));
  CHECK_FALSE(all_of(some, "t", {"s1", "s3"}, {"a1"}));
  CHECK_FALSE(all_of(some, "t", {"s1"}, {"b1"}));
  CHECK_FALSE(all_of(some, "t", {}, {"a1"}));
  CHECK_FALSE(all_of(some, "t", {"s1"}, {}));
  // Not by two rules together.
  CHECK_FALSE(all_of("[[role.r.read]]\nsources=['s1']\n[[role.r.read]]\nsources=['s2']\n", "t", {"s1", "s2"}, {}));
}

TEST_CASE("roles: everything is the same scope as everything only") {
  const ReadScopePtr one = holder("[[role.r.read]]\ntypes=['a']").scope;
  CHECK(same_scope(nullptr, nullptr));
  CHECK(same_scope(one, one));
  CHECK(same_scope(one, holder("[[role.r.read]]\ntypes=['a','a']").scope));
  CHECK_FALSE(same_scope(one, nullptr));
  CHECK_FALSE(same_scope(nullptr, one));
  CHECK_FALSE(same_scope(one, holder("[[role.r.read]]\ntypes=['b']").scope));
}

TEST_CASE("roles: what everybody did, and the bridge's end, are the administrator's whatever a pattern covers") {
  const Access a = holder("[[role.r.command]]\ncommands=['*']\n");
  CHECK(a.may_command("pause"));
  CHECK(a.may_command("get_runs"));
  CHECK_FALSE(a.may_command("get_audit"));
  CHECK_FALSE(a.may_command("drain"));
}

TEST_CASE("roles: a bot's topic is read where all that it can match is") {
  const Access a = holder("[[role.r.read]]\ntypes=['trade_*','tick']\nsources=['t1','d-*']\n");
  for (const char* yes : {"tick/t1/", "trade_x/t1/", "trade_/d-", "trade_/d-1", "tick/d-1/", "trade_executed/d-x/"}) {
    CAPTURE(std::string(yes));
    CHECK(a.scope->may_read_topic(yes));
  }
  for (const char* no : {"", "t", "tick", "tick/", "tick//", "tick/t1", "tick/t", "trade", "trade_x", "tick/d", "tock/t1/", "tick/t10/",
                         "tick/ppo-bridge/", "system_status/ppo-bridge/"}) {
    CAPTURE(std::string(no));
    CHECK_FALSE(a.scope->may_read_topic(no));
  }
  const Access tick = holder("[[role.r.read]]\ntypes=['tick']");
  for (const char* yes : {"tick/", "tick/t", "tick/ppo-bridge/"}) CHECK(tick.scope->may_read_topic(yes));  // the bridge has none of its own
  // Its own are of few types, and what they are about is not in the topic.
  const Access all = holder("[[role.r.read]]\ntypes=['s*','a*','c']");
  for (const char* yes : {"system_status/", "system_status/ppo-bridge/", "s", "c/", "alert_x/t1/"}) CHECK(all.scope->may_read_topic(yes));
  for (const char* no : {"a", "alert_raised/", "alert_x/ppo-bridge/", "alert_x/p"}) CHECK_FALSE(all.scope->may_read_topic(no));
  CHECK_FALSE(holder("[[role.r.read]]\nsources=['ppo-bridge','t1']").scope->may_read_topic("system_status/ppo-bridge/"));
  CHECK_FALSE(holder("[[role.r.read]]\nagents=['a']").scope->may_read_topic("tick/t1/"));
  CHECK_FALSE(holder("[[role.r.read]]\nsources=['ppo-bridge']").scope->may_read_topic("alert_raised/ppo-bridge/"));
}

TEST_CASE("roles: commands go to targets that a rule covers, and a source covers its agents") {
  const Access a = holder("[[role.r.command]]\ncommands=['pause','resume']\ntargets=['t1/a1','{name}']\n"
                          "[[role.r.command]]\ncommands=['get_*']\n[[role.r.command]]\ncommands=['pause']\ntargets=['t2/*']\n");
  CHECK(a.may_command("pause"));
  CHECK(a.may_command("get_runs"));
  CHECK_FALSE(a.may_command("set_run"));
  CHECK(a.targets_of("get_runs") == nullptr);
  const auto pause = a.targets_of("pause");
  CHECK(pause->covers("t1", "a1"));
  CHECK_FALSE(pause->covers("t1", ""));
  CHECK_FALSE(pause->covers("t1", "a2"));
  CHECK(pause->covers("alice", ""));
  CHECK(pause->covers("alice", "any"));
  CHECK_FALSE(pause->covers("alice-1", ""));
  CHECK(pause->covers("t2", "any"));
  CHECK_FALSE(pause->covers("t2", ""));
  CHECK_FALSE(a.targets_of("resume")->covers("t2", "any"));
  CHECK_FALSE(holder("").may_command("pause"));
}

TEST_CASE("roles: types and sources of events") {
  const Access a = holder("[[role.r.publish]]\ntypes=['metrics*','t']\nsources=['{name}']\n[[role.r.publish]]\nsources=['x']\n");
  CHECK(a.may_publish("metrics_update", "alice"));
  CHECK(a.may_publish("t", "alice"));
  CHECK_FALSE(a.may_publish("order", "alice"));
  CHECK(a.may_publish("order", "x"));
  CHECK_FALSE(a.may_publish("t", "y"));
  CHECK_FALSE(a.may_publish("t", ""));
  CHECK(a.may_publish("_source", "alice"));
  CHECK_FALSE(a.may_publish("_source", "y"));
  CHECK(holder("[[role.r.publish]]\ntypes=['t']").may_publish("t", ""));
  CHECK_FALSE(holder("").may_publish("t", "alice"));
}

TEST_CASE("roles: paths and sources of events") {
  const Access a = holder("http=['/readyz']\n[[role.r.publish]]\nsources=['{name}','desk-*']\n");
  CHECK(a.may_get("/readyz"));
  CHECK_FALSE(a.may_get("/metrics"));
  CHECK(a.may_publish_as("alice"));
  CHECK(a.may_publish_as("desk-1"));
  CHECK_FALSE(a.may_publish_as("alice-1"));
  CHECK_FALSE(a.may_publish_as(""));
  CHECK(holder("[[role.r.publish]]").may_publish_as(""));
  CHECK_FALSE(holder("").may_publish_as("alice"));
  CHECK_FALSE(holder("").may_get("/readyz"));
}

TEST_CASE("authenticator: the file of roles as it is now, and as it was where it is broken") {
  const testing_support::ScratchDirectory scratch;
  const std::string credentials = scratch.file("credentials"), roles = scratch.file("roles.toml");
  FakeClock clock;
  Authenticator authenticator(credentials, clock, roles);
  CHECK(authenticator.reload().error().message.find("auth.roles: " + roles + " is not there") == 0);
  const NewToken desk = make_token(), viewer = make_token();
  const auto write = [](const std::string& path, const std::string& text) { std::ofstream(path) << text; };
  const std::string both = credential_line({"d", "desk", desk.id, desk.sha256, 1, 0, ""}) + "\n" +
                           credential_line({"v", "viewer", viewer.id, viewer.sha256, 1, 0, ""}) + "\n";
  write(credentials, both);
  write(roles, "[[role.desk.read]]\ntypes=['a']\n");
  REQUIRE(authenticator.reload());
  const auto first = authenticator.find(desk.text);
  REQUIRE(first != nullptr);
  CHECK(first->scope->may_read("a", "s", ""));
  // Broken: it stays, but a revocation counts.
  write(roles, "[[role.desk.read]]\ntypes=['a b']\n");
  write(credentials, both.substr(0, both.find('\n') + 1));
  CHECK(authenticator.changed());
  CHECK(authenticator.reload().error().message.find("auth.roles: ") == 0);
  CHECK_FALSE(authenticator.changed());
  CHECK(authenticator.again(*first)->scope->may_read("a", "s", ""));
  CHECK(authenticator.find(viewer.text) == nullptr);
  // And the other way round: broken credentials stay, with the new roles.
  write(credentials, "broken\n");
  write(roles, "[[role.desk.read]]\ntypes=['b']\n");
  CHECK(authenticator.reload().error().message.find("auth.credentials: ") == 0);
  CHECK_FALSE(authenticator.again(*first)->scope->may_read("a", "s", ""));
  CHECK(authenticator.again(*first)->scope->may_read("b", "s", ""));
  // A role that is gone.
  write(credentials, both);
  write(roles, "");
  REQUIRE(authenticator.reload());
  CHECK(authenticator.again(*first) == nullptr);
  CHECK(authenticator.find(desk.text) == nullptr);
  CHECK(authenticator.find(viewer.text) != nullptr);
  REQUIRE(authenticator.without_role().size() == 1);
  CHECK(authenticator.without_role()[0].role == "desk");
  REQUIRE(::chmod(roles.c_str(), 0622) == 0);
  CHECK(authenticator.reload().error().message.find("can be written by others") != std::string::npos);
}
