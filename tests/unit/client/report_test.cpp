#include "ppo-client/report.h"

#include <string>

#include <doctest/doctest.h>

#include "ppo-client/json_text.h"
#include "ppo-client/table.h"

namespace {

std::string report(const std::string& text) {
  const auto document = client::parse(text);
  REQUIRE(document);
  return client::report(*document, client::Style{});
}

}  // namespace

TEST_CASE("report: any value is shown, whatever shape it has") {
  CHECK(report("{}") == "none\n");
  CHECK(report("[]") == "none\n");
  CHECK(report("5") == "5\n");
  CHECK(report("null") == "-\n");
  CHECK(report("\"a\\u001bb\"") == "a␛b\n");
  CHECK(report("[1,\"a\",[2],{\"b\":3}]") == "1, a, [2], {\"b\":3}\n");
  CHECK(report("[{}]").empty());
  std::string nested = "1";
  for (int i = 0; i < 30; ++i) nested = "{\"a\":" + nested + "}";
  CHECK(report(nested).find("{\"a\":{\"a\"") != std::string::npos);
}

TEST_CASE("report: rows of which each has other members make no table of a million columns") {
  std::string rows;
  for (int i = 0; i < 1000; ++i) rows += (i == 0 ? "{\"k" : ",{\"k") + std::to_string(i) + "\":1}";
  const std::string text = report("[" + rows + "]");
  CHECK(text.find("k99 ") == std::string::npos);  // the last one
  CHECK(text.find("k99\n") != std::string::npos);
  CHECK(text.find("k100") == std::string::npos);
}

TEST_CASE("report: names tell the units") {
  CHECK(report(R"({"version":"0.1.0","uptime_s":93784.2,"seq":1042,"history_bytes":1536,)"
               R"("pid":12345,"timestamp":1619395200.25,"ready":true,"nothing":null,)"
               R"("elapsed_ms":3.1,"events_per_s":1234.56,"types":["a","b"],"none":[],)"
               R"("big":18446744073709551615})") ==
        "version        0.1.0\n"
        "uptime_s       1 d 2 h 3 min\n"
        "seq            1,042\n"
        "history_bytes  1.5 KiB\n"
        "pid            12345\n"
        "timestamp      2021-04-26 00:00:00\n"
        "ready          yes\n"
        "nothing        -\n"
        "elapsed_ms     3.1 ms\n"
        "events_per_s   1235\n"
        "types          a, b\n"
        "none           none\n"
        "big            18,446,744,073,709,551,615\n");
}

TEST_CASE("report: sections and tables of whatever columns the rows have") {
  CHECK(report(R"({"count":2,"sources":[{"source":"t-1","events":12000,"agents":["a","b"]},)"
               R"({"source":"trainer-22","lost":3,"events":7}]})") ==
        "count  2\n"
        "\n"
        "source      events  agents  lost\n"
        "t-1         12,000  a, b\n"
        "trainer-22       7             3\n");
  CHECK(report(R"({"a":1,"rejected":{"bad_json":2,"deep":{"x":1}},"list":[{"k":1}]})") ==
        "a  1\n"
        "\n"
        "rejected\n"
        "  bad_json  2\n"
        "  deep\n"
        "    x  1\n"
        "\n"
        "list\n"
        "  k\n"
        "  1\n");
}

TEST_CASE("table: is as wide as its contents; where the terminal is not, nothing is cut all the same") {
  client::Table table({"name", "n"});
  CHECK(table.render({}) == "name  n\n");
  table.add({{"龍の骨", false, client::Colour::kPlain}, {"1,000", true, client::Colour::kPlain}});
  table.add({{"a\nb", false, client::Colour::kPlain}});
  CHECK(table.render({}) ==
        "name        n\n"
        "龍の骨  1,000\n"
        "a␊b\n");
  CHECK(table.render({false, 14}, 1) ==
        " name        n\n"
        " 龍の骨  1,000\n"
        " a␊b\n");
  CHECK(table.render({false, 13}, 1) ==
        " 龍の骨\n"
        "   n 1,000\n"
        " a␊b\n");
  client::Table wide({"source", "state", "agents", "commands"});
  wide.add({{"trainer-1"}, {"live"}, {"agent_0, agent_1"}, {"cancel_order, get_parameters, load_checkpoint, pause"}});
  CHECK(wide.render({false, 40}) ==
        "trainer-1\n"
        "  state live   agents agent_0, agent_1\n"
        "  commands cancel_order, get_parameters,\n"
        "    load_checkpoint, pause\n");
}
