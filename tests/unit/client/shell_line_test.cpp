#include "ppo-client/shell_line.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "ppo-client/line_editor.h"
#include "ppo-client/registry.h"

using namespace client;
using Words = std::vector<std::string>;

namespace {

Registry registry() {
  return read_registry(
      R"({"sources":[)"
      R"({"source":"trainer-1","agents":["agent_0","agent_1"],"commands":["pause","resume"]},)"
      R"({"source":"trainer-2","agents":["agent_0"],"commands":["pause","resume","stop"]},)"
      R"({"source":"trainer-9","agents":["agent_9"],"commands":["pause"],"state":"gone"},)"
      R"({"source":"market","agents":[],"commands":[]}]})");
}

Words candidates(const std::string& line) {
  return complete(line, registry()).candidates;
}

}  // namespace

TEST_CASE("registry: what is not as expected is left out") {
  for (const char* const text : {"", "{}", "[]", R"({"sources":5})", R"({"sources":[5,null,{}]})",
                                 R"({"sources":[{"source":5,"agents":"x"}]})"}) {
    CAPTURE(text);
    CHECK(read_registry(text).sources.empty());
  }
  const Registry odd = read_registry(R"({"sources":[{"source":"s","agents":[5,"a"]}]})");
  REQUIRE(odd.sources.size() == 1);
  CHECK(odd.agents() == Words{"a"});
}

TEST_CASE("registry: targets are those who know the command, agents of several by their source") {
  CHECK(registry().targets("pause") ==
        Words{"*", "agent_1", "trainer-1", "trainer-1/agent_0", "trainer-2", "trainer-2/agent_0"});
  CHECK(registry().targets("stop") == Words{"*", "trainer-2", "trainer-2/agent_0"});
  CHECK(registry().targets("unheard_of").size() == 6);
  CHECK(read_registry("{}").targets("pause").empty());
  CHECK(registry().source_names() == Words{"market", "trainer-1", "trainer-2", "trainer-9"});
}

TEST_CASE("registry: of two processes with one name, each is a target by its run") {
  const Registry twice = read_registry(
      R"({"sources":[{"source":"t","run":"b2","agents":["x"],"commands":["pause"],)"
      R"("runs":[{"run":"a1","pid":1},{"run":"b2","pid":2}]},)"
      R"({"source":"u","run":"c3","agents":["y"],"commands":["pause"],"runs":[5,{"run":6}]}]})");
  CHECK(twice.targets("pause") == Words{"*", "t@a1", "t@a1/x", "t@b2", "t@b2/x", "u", "y"});
}

TEST_CASE("shell line: quotes, escapes and comments are as in a shell") {
  CHECK_FALSE(split_words("a 'b"));
  CHECK_FALSE(split_words("a \"b"));
  CHECK(split_words("").value().empty());
  CHECK(split_words("  # a comment").value().empty());
  CHECK(*split_words(" a\tb  c ") == Words{"a", "b", "c"});
  CHECK(*split_words(R"('Yew logs' "a \" b" c\ d '\' x#y # z)") ==
        Words{"Yew logs", "a \" b", "c d", "\\", "x#y"});
  CHECK(*split_words("a='' ''") == Words{"a=", ""});
  CHECK(*split_words("a\\") == Words{"a\\"});
}

TEST_CASE("shell line: a trainer's command needs neither `command` nor --target nor --param") {
  CHECK(expand_shorthand({"status"}) == Words{"status"});
  CHECK(expand_shorthand({"command", "pause", "x"}) == Words{"command", "pause", "x"});
  CHECK(expand_shorthand({"--help"}) == Words{"--help"});
  CHECK(expand_shorthand({"pause"}) == Words{"command", "pause"});
  CHECK(expand_shorthand({"pause", "*"}) == Words{"command", "pause", "--target", "*"});
  CHECK(expand_shorthand({"pause", "a=1"}) == Words{"command", "pause", "--param", "a=1"});
  CHECK(expand_shorthand({"set", "agent_0", "a=1", "b=x=y", "--deadline-ms", "5"}) ==
        Words{"command", "set", "--target", "agent_0", "--param", "a=1", "--param", "b=x=y",
              "--deadline-ms", "5"});
  CHECK(expand_shorthand({"set", "--param", "a=1", "--target", "t"}) ==
        Words{"command", "set", "--param", "a=1", "--target", "t"});
}

TEST_CASE("completion: the first word is a word of the shell or a command of a trainer") {
  CHECK(candidates("s") == Words{"snapshot", "sources", "status", "stop"});
  CHECK(candidates("pa") == Words{"pause"});
  CHECK(candidates("xyz").empty());
  CHECK(candidates("").size() == 14);
  CHECK(complete("  pa", registry()).from == 2);
}

TEST_CASE("completion: behind a command come its targets") {
  CHECK(candidates("stop ") == Words{"*", "trainer-2", "trainer-2/agent_0"});
  CHECK(candidates("pause trainer-1") == Words{"trainer-1", "trainer-1/agent_0"});
  CHECK(candidates("pause agent_1 ").empty());
  CHECK(candidates("command stop --target tr") == Words{"trainer-2", "trainer-2/agent_0"});
  CHECK(candidates("command st") == Words{"stop"});
  CHECK(candidates("command get_s") == Words{"get_snapshot", "get_sources", "get_status"});
  CHECK(candidates("status ").empty());
  CHECK(complete("pause tr", registry()).from == 6);
}

TEST_CASE("completion: options, and the names they take") {
  CHECK(candidates("pause agent_0 --de") == Words{"--deadline-ms"});
  CHECK(candidates("recent --s") == Words{"--since-seq", "--source"});
  CHECK(candidates("recent --source m") == Words{"market"});
  CHECK(candidates("recent --agent a") == Words{"agent_0", "agent_1"});
  CHECK(candidates("status --j") == Words{"--json"});
}

TEST_CASE("completion: a trainer's name that is no plain word is not offered") {
  Registry liar;
  liar.sources.push_back({"liar", {}, {"a b", "a\"", "a\\b", "a'b", "ab"},
                          {"stop", "stop --target *", "stop\nexit", "stop\x1b[2J", "stop\xC2\x9b", "stop\xE2\x80\xAE", "stop\xff", "#stop"}, false});
  CHECK(complete("sto", liar).candidates == Words{"stop"});
  CHECK(complete("#", liar).candidates.empty());
  CHECK(complete("recent --agent a", liar).candidates == Words{"ab"});
}

TEST_CASE("completion: what all candidates begin with") {
  CHECK(common_prefix({}).empty());
  CHECK(common_prefix({"pause"}) == "pause");
  CHECK(common_prefix({"trainer-1", "trainer-2"}) == "trainer-");
  CHECK(common_prefix({"a", "ab"}) == "a");
  CHECK(common_prefix({"a", "b"}).empty());
}

TEST_CASE("history: kept where the specification wants it, else nowhere") {
  CHECK(history_path("/state", "/home/me") == "/state/ppo-client/history");
  CHECK(history_path(nullptr, "/home/me") == "/home/me/.local/state/ppo-client/history");
  CHECK(history_path("", "/home/me") == "/home/me/.local/state/ppo-client/history");
  CHECK(history_path("relative", "/home/me") == "/home/me/.local/state/ppo-client/history");
  CHECK(history_path(nullptr, nullptr).empty());
}
