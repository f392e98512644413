#include "ppo-client/runs_text.h"

#include <string>

#include <doctest/doctest.h>

using client::AskOptions;
using client::RunsText;
using Show = AskOptions::Show;

namespace {

RunsText shown(Show show, const std::string& result, std::vector<std::string> runs = {}, bool terminal = false) {
  AskOptions task;
  task.show = show;
  task.runs = std::move(runs);
  return client::runs_text(result, task, client::Style{}, terminal);
}

const std::string kSeries =
    R"({"series":[{"run_id":"s@r","tag":"a,\"b","points":[[1,0.1,null,-2,12345678901234567890,3]]}],"unknown":["x@y"]})";
const std::string kRuns =
    R"({"runs":[{"run_id":"s@a","state":"crashed","started":100.5,"ended":160.5,"steps":2048,"error":"E: x","config":{"lr":0.1},"metrics":{"loss":0.5}},)"
    R"({"run_id":"s@b","name":"two\u001b","state":"running","started":100,"last_event":103,"steps":null,"config":null,"metrics":{}}]})";

}  // namespace

TEST_CASE("runs: points come out digit for digit, one a line") {
  const RunsText csv = shown(Show::kSeriesCsv, kSeries);
  CHECK(csv.text == "run_id,tag,x,first,last,min,max,n\ns@r,\"a,\"\"b\",1,0.1,,-2,12345678901234567890,3\n");
  CHECK(csv.unknown == std::vector<std::string>{"x@y"});
  CHECK(shown(Show::kSeriesNdjson, kSeries).text ==
        R"({"run_id":"s@r","tag":"a,\"b","x":1,"first":0.1,"last":null,"min":-2,"max":12345678901234567890,"n":3})"
        "\n");
}

TEST_CASE("runs: points on a terminal do not steer it, and go elsewhere as they are") {
  const std::string series = R"({"series":[{"run_id":"s@r","tag":"a\u001b[2J\r\n\u202eb\u009b","points":[[1,2,3,4,5,1]]}]})";
  CHECK(shown(Show::kSeriesCsv, series).text.find("\"a\x1b[2J\r\n") != std::string::npos);
  CHECK(shown(Show::kSeriesCsv, series, {}, true).text ==
        "run_id,tag,x,first,last,min,max,n\ns@r,\"a␛[2J␍␊�b�\",1,2,3,4,5,1\n");
  const std::string raw = "{\"series\":[{\"run_id\":\"s@r\",\"tag\":\"\u202e\u009b\",\"points\":[[1,2,3,4,5,1]]}]}";
  CHECK(shown(Show::kSeriesNdjson, raw, {}, true).text.find(R"("tag":"\u202e\u009b")") != std::string::npos);
}

TEST_CASE("runs: a table names state, duration and error, and steers no terminal") {
  const std::string text = shown(Show::kRuns, kRuns).text;
  for (const char* part : {"s@a", "crashed", "1 min", "2,048", "E: x", "two␛", "running"}) {
    CAPTURE(part);
    CHECK(text.find(part) != std::string::npos);
  }
}

TEST_CASE("runs: two runs stand side by side, and one that is none is named") {
  const std::string text = shown(Show::kCompare, kRuns, {"s@b", "s@a"}).text;
  CHECK(text.find("s@b") < text.find("s@a"));
  for (const char* part : {"config.lr", "metrics.loss", "0.5", "-"}) CHECK(text.find(part) != std::string::npos);
  const RunsText none = shown(Show::kCompare, kRuns, {"s@b", "s@c"});
  CHECK(none.text.empty());
  CHECK(none.unknown == std::vector<std::string>{"s@c"});
}

TEST_CASE("runs: an answer of any shape is shown without harm") {
  for (const Show show : {Show::kRuns, Show::kCompare, Show::kSeries, Show::kSeriesCsv, Show::kSeriesNdjson}) {
    for (const char* result : {"{}", "[]", "5", R"({"runs":5,"series":7,"unknown":3})", R"({"runs":[1],"series":[1]})",
                               R"({"series":[{"points":[5,[]]}]})"}) {
      (void)shown(show, result);
    }
  }
}
