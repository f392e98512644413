// What questions about runs are asked with: what is taken, to the last one, and how else is answered.

#include "commands/run_commands.h"

#include <doctest/doctest.h>

#include <string>
#include <variant>

#include "fixture.h"

using namespace bridge;

namespace {

Result<RunQuery, RequestError> parse(const std::string& command, const std::string& params) {
  return parse_run_query(command, parse_json(params));
}
template <class Query>
Query parsed(const std::string& command, const std::string& params) {
  auto query = parse(command, params);
  if (!query) FAIL(query.error().message);
  return std::get<Query>(std::move(query.value()));
}
// Why it is refused; empty where it is taken.
std::string refused(const std::string& command, const std::string& params) {
  const auto query = parse(command, params);
  if (query) return "";
  CHECK(query.error().type == ErrorType::bad_request);
  return query.error().message;
}
std::string list_of(std::size_t n, const std::string& one) {
  std::string list = "[" + one;
  for (std::size_t i = 1; i < n; ++i) list += "," + one;
  return list + "]";
}
std::string text_of(std::size_t bytes) { return '"' + std::string(bytes, 'x') + '"'; }

}  // namespace

TEST_CASE("run commands: they are known by name") {
  for (const char* name : {"get_runs", "get_series", "get_tallies", "set_run"}) CHECK(is_run_command(name));
  CHECK_FALSE(is_run_command("get_status"));
}

TEST_CASE("run commands: without params, or with null ones, the defaults are asked for") {
  for (const char* params : {"null", "{}", R"({"filter":null,"sort":null,"count":null,"offset":null})"}) {
    const auto query = parsed<RunsQuery>("get_runs", params);
    CHECK(query.ids.empty());
    CHECK_FALSE(query.hidden);
    CHECK(query.sort == "-started");
    CHECK(query.count == 100);
    CHECK(query.offset == 0);
    CHECK_FALSE(parsed<TalliesQuery>("get_tallies", params).at_seq);
  }
}

TEST_CASE("run commands: each field of get_runs goes where it belongs") {
  const auto query = parsed<RunsQuery>(
      "get_runs", R"({"filter":{"run_id":"a@1","source":["s"],"run":["r","q"],"agent_id":"a","state":"live",)"
                  R"("search":"lr","hidden":true},"sort":"name","count":5,"offset":7})");
  CHECK(query.ids == std::vector<std::string>{"a@1"});
  CHECK(query.sources == std::vector<std::string>{"s"});
  CHECK(query.runs == std::vector<std::string>{"r", "q"});
  CHECK(query.agents == std::vector<std::string>{"a"});
  CHECK(query.states == std::vector<std::string>{"live"});
  CHECK(query.search == "lr");
  CHECK(query.hidden == true);
  CHECK(query.sort == "name");
  CHECK(query.count == 5);
  CHECK(query.offset == 7);
}

TEST_CASE("run commands: of get_runs what is wrong is named with its range") {
  CHECK(refused("get_runs", R"({"filter":[]})") == "params.filter must be an object");
  CHECK(refused("get_runs", R"({"filter":{"run":5}})") == "params.run must be a string or a list of at most 256");
  CHECK(refused("get_runs", R"({"filter":{"run":["r",5]}})") ==
        "params.run must be a list of strings of at most 512 bytes");
  CHECK(refused("get_runs", R"({"filter":{"hidden":1}})") == "params.hidden must be true or false");
  CHECK(refused("get_runs", R"({"filter":{"search":1}})") == "params.search must be a string of at most 512 bytes");
  CHECK(parsed<RunsQuery>("get_runs", R"({"filter":{"hidden":false}})").hidden == false);
  CHECK(refused("get_runs", R"({"sort":[]})") == "params.sort must be a string of at most 64 bytes");
  CHECK(refused("get_runs", R"({"count":1001})") == "params.count is 1001; must be an integer 0..1000");
  CHECK(refused("get_runs", R"({"count":1000,"offset":-1})") ==
        "params.offset is -1; must be an integer 0..9223372036854775807");
  CHECK(refused("get_runs", R"({"count":0,"offset":9223372036854775807})") == "");
}

TEST_CASE("run commands: names are taken to the last one and to the last byte") {
  const auto filter = [](const std::string& runs) { return refused("get_runs", R"({"filter":{"run":)" + runs + "}}"); };
  CHECK(filter(list_of(256, "\"r\"")).empty());
  CHECK_FALSE(filter(list_of(257, "\"r\"")).empty());
  CHECK(filter("[" + text_of(512) + "]").empty());
  CHECK_FALSE(filter("[" + text_of(513) + "]").empty());
  const auto search = [](std::size_t bytes) {
    return refused("get_runs", R"({"filter":{"search":)" + text_of(bytes) + "}}");
  };
  CHECK(search(512).empty());
  CHECK_FALSE(search(513).empty());
}

TEST_CASE("run commands: each field of get_series goes where it belongs") {
  const auto query = parsed<SeriesQuery>("get_series", R"({"run_ids":["a@1","b@2"],"tags":"loss/*","x":"relative",)"
                                                       R"("from":-1.5,"to":2,"points_max":3,"marks":true})");
  CHECK(query.run_ids == std::vector<std::string>{"a@1", "b@2"});
  CHECK(query.tags == std::vector<std::string>{"loss/*"});
  CHECK(query.range.axis == SeriesRange::Axis::relative);
  CHECK(query.range.from == -1.5);
  CHECK(query.range.to == 2);
  CHECK(query.range.points_max == 3);
  CHECK(query.marks);
  const auto plain = parsed<SeriesQuery>("get_series", R"({"run_ids":"a@1"})");
  CHECK(plain.range.axis == SeriesRange::Axis::step);
  CHECK_FALSE(plain.range.from);
  CHECK(plain.range.points_max == 2000);
  CHECK_FALSE(plain.marks);
  CHECK(parsed<SeriesQuery>("get_series", R"({"run_ids":"a@1","x":"time"})").range.axis == SeriesRange::Axis::time);
}

TEST_CASE("run commands: of get_series what is wrong is named with its range") {
  const auto with = [](const std::string& rest) { return refused("get_series", R"({"run_ids":"a@1",)" + rest + "}"); };
  CHECK(refused("get_series", "{}") == "params.run_ids must be a list of 1..256");
  CHECK(refused("get_series", R"({"run_ids":[]})") == "params.run_ids must be a list of 1..256");
  CHECK(with(R"("x":"wall")") == "params.x must be step, time or relative");
  CHECK(with(R"("from":"1")") == "params.from must be a number");
  CHECK(with(R"("from":2,"to":1)") == "params.from must not be beyond to");
  CHECK(with(R"("from":2,"to":2)") == "");
  CHECK(with(R"("points_max":0)") == "params.points_max is 0; must be an integer 1..20000");
  CHECK(with(R"("points_max":1)") == "");
  CHECK(with(R"("points_max":20000)") == "");
  CHECK(with(R"("points_max":20001)").find("1..20000") != std::string::npos);
}

TEST_CASE("run commands: a change is of one run, and says what it changes") {
  const auto change = parsed<RunChange>("set_run", R"({"run_id":"s@r","name":"n","note":"","tags":["a","b"],)"
                                                   R"("hidden":true,"pinned":false})");
  CHECK(change.run_id == "s@r");
  CHECK(change.name == "n");
  CHECK(change.note == "");
  CHECK(change.tags_json == R"(["a","b"])");
  CHECK(change.hidden == true);
  CHECK(change.pinned == false);
  CHECK_FALSE(change.deleted);
  CHECK(parsed<RunChange>("set_run", R"({"run_id":"s@r/a","deleted":true})").deleted == true);
  CHECK(parsed<RunChange>("set_run", R"({"run_id":"s@r","tags":[]})").tags_json == "[]");
  for (const char* wrong : {"{}", R"({"run_id":"s"})", R"({"run_id":5})"}) CHECK_FALSE(refused("set_run", wrong).empty());
  const auto with = [](const std::string& rest) { return refused("set_run", R"({"run_id":"s@r",)" + rest + "}"); };
  CHECK(with("\"note\":" + text_of(4096)) == "");
  CHECK(with("\"note\":" + text_of(4097)) == "params.note must be a string of at most 4096 bytes");
  CHECK(with("\"tags\":" + list_of(64, "\"t\"")) == "");
  CHECK(with("\"tags\":" + list_of(65, "\"t\"")) == "params.tags must be a list of at most 64 strings");
  CHECK(with(R"("tags":"a")") == "params.tags must be a list of at most 64 strings");
  CHECK(with(R"("tags":["a",1])").find("params.tags must be") == 0);
}

TEST_CASE("run commands: tags are of runs, and looked for by a text of so many bytes") {
  const auto with = [](const std::string& search) { return refused("get_tags", R"({"run_ids":["a@1"],"search":)" + search + "}"); };
  CHECK(with(text_of(512)) == "");
  CHECK(with(text_of(513)).find("params.search must be") == 0);
  CHECK(parsed<TagsQuery>("get_tags", R"({"run_ids":["a@1"],"search":"loss"})").search == "loss");
  CHECK(refused("get_tags", "{}") == "params.run_ids must be a list of 1..256");
}

TEST_CASE("run commands: tallies are of a place") {
  CHECK(parsed<TalliesQuery>("get_tallies", R"({"at_seq":9})").at_seq == 9u);
  CHECK(refused("get_tallies", R"({"at_seq":-1})").find("params.at_seq is -1") == 0);
  CHECK(parsed<TalliesQuery>("get_tallies", R"({"at_seq":9223372036854775807})").at_seq == 9223372036854775807u);
  CHECK(refused("get_tallies", R"({"at_seq":9223372036854775808})").find("params.at_seq is 9223372036854775808") == 0);
}
