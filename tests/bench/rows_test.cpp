// Mode rows: what it makes of its figures, and that each contestant of its own can be measured.
#include <doctest/doctest.h>

#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "event_text.h"
#include "library_subject.h"
#include "rows.h"
#include "subject.h"
#include "subscriptions.h"
#include "support/json.h"
#include "support/scratch_directory.h"
#include "throughput.h"
#include "training_loop.h"

using namespace bench;
using testing_support::Json;

namespace {

Options tiny_rows() {
  Options o;
  o.programs_directory = PPO_BENCH_PROGRAMS;
  o.bridge_program = PPO_BENCH_BRIDGE;
  o.subjects = {"bridge"};
  o.rounds = 3;
  o.seconds = 0.2;
  o.warmup_seconds = 0.05;
  return o;
}

// Says each round's figure in turn, and notes that it was asked.
Contestant recorded(const std::string& name, std::vector<double> values, std::string& order, const std::string& lost = "") {
  auto next = std::make_shared<std::size_t>(0);
  return {name, [=, &order]() -> Taken {
            order += name + " ";
            return {lost, {{"ms", values[(*next)++ % values.size()]}}};
          }};
}

RowAsked ms_row(double wanted, bool wanted_is_ratio, bool more_is_better = false) {
  return {"delay ms", "ms", "bridge", more_is_better, wanted, wanted_is_ratio};
}

}  // namespace

TEST_CASE("rows: the best other one is by its median, the ratio by each round, and who lost something counts for nothing") {
  std::string order;
  Contest contest{"delay",
                  {recorded("bridge", {1, 4, 3}, order), recorded("slow", {9, 9, 9}, order), recorded("nats", {2, 2, 4}, order),
                   recorded("lossy", {0.1}, order, "an event"),
                   {"missing", []() -> Taken { throw std::runtime_error("not installed"); }}},
                  {ms_row(0.75, true), ms_row(0.74, true), ms_row(3, false), ms_row(2.9, false), ms_row(0.33, true, true)}};
  const RowsReport report = measure_rows({contest}, tiny_rows());
  REQUIRE(report.rows.size() == 5);
  const RowsRow& row = report.rows[0];
  CHECK(row.best == "nats");
  CHECK(row.ratios == std::vector<double>{0.5, 2, 0.75});
  CHECK(row.reached());
  CHECK_FALSE(report.rows[1].reached());
  CHECK(report.rows[2].reached());
  CHECK_FALSE(report.rows[3].reached());
  // Where more is better the best has the most.
  CHECK(report.rows[4].best == "slow");
  CHECK(report.rows[4].reached());
  // In turns, and every other round the other way round.
  CHECK(order == "bridge slow nats lossy lossy nats slow bridge bridge slow nats lossy ");

  rapidjson::StringBuffer json;
  Writer writer(json);
  writer.StartObject();
  writer.Key("rows");
  write_rows(writer, report);
  writer.EndObject();
  const Json written(json.GetString());
  CHECK(written.string("/rows/0/best") == "nats");
  CHECK(written.number("/rows/0/ratio_most") == 2.0);
  CHECK(written.string("/rows/0/wanted_is") == "ratio");
}

TEST_CASE("rows: a run adds a line a figure to a file, by commit, and nothing of what lost something") {
  const testing_support::ScratchDirectory directory;
  const std::string file = directory.file("results.jsonl");
  std::string order;
  const Contest good{"delay", {recorded("bridge", {1, 4, 3}, order), recorded("nats", {2}, order)}, {ms_row(9, true)}};
  const Contest lossy{"delay", {recorded("bridge", {1}, order, "event 7")}, {ms_row(9, false)}};
  const RowsReport report = measure_rows({good, lossy}, tiny_rows());
  keep_rows(report, file, "abc", "2026-01-02");
  keep_rows(report, file, "def", "2026-01-03");
  std::vector<std::string> lines;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  REQUIRE(lines.size() == 4);
  CHECK(Json(lines[0]).string("/figure") == "rows row=delay ms");
  CHECK(Json(lines[0]).number("/values/1") == 4.0);
  CHECK(Json(lines[1]).string("/figure") == "rows row=delay ms / nats");
  CHECK(Json(lines[1]).number("/values/1") == 2.0);
  CHECK(Json(lines[3]).string("/commit") == "def");
  CHECK_THROWS(keep_rows(report, directory.file("none/results"), "abc", ""));
}

TEST_CASE("rows: a row of ours that lost something is not reached, nor is one beside nobody") {
  std::string order;
  const Contest lossy{"delay", {recorded("bridge", {1}, order, "event 7"), recorded("nats", {2}, order)}, {ms_row(9, true)}};
  const Contest alone{"delay", {recorded("bridge", {1}, order)}, {ms_row(9, true), ms_row(2, false)}};
  const RowsReport report = measure_rows({lossy, alone}, tiny_rows());
  CHECK(report.rows[0].lost == "event 7");
  CHECK_FALSE(report.rows[0].reached());
  CHECK(report.rows[1].best.empty());
  CHECK_FALSE(report.rows[1].reached());
  CHECK(report.rows[2].reached());
}

TEST_CASE("rows: each figure that a row names is one that somebody is measured for") {
  Options o = tiny_rows();
  o.subjects = {"bridge", "nats", "mosquitto"};
  std::size_t rows = 0;
  for (const Contest& contest : row_contests(o)) {
    CAPTURE(contest.title);
    for (const RowAsked& row : contest.rows) {
      ++rows;
      std::size_t ours = 0;
      for (const Contestant& contestant : contest.contestants) ours += contestant.name == row.ours ? 1 : 0;
      CHECK(ours == 1);
      CHECK((row.wanted > 0 || row.ours == "ipc"));
      CHECK((contest.contestants.size() > 1 || !row.wanted_is_ratio));
    }
  }
  CHECK(rows == 25);
  o.subjects = {"bridge"};
  o.rows_only = "2,000/s x 1";
  CHECK(row_contests(o).size() == 3);
  o.rows_only = "no such thing";
  CHECK_THROWS(row_contests(o));
  o.rows_only.clear();
  for (const Contest& contest : row_contests(o)) {
    for (const Contestant& contestant : contest.contestants) CHECK(contestant.name != "nats");
  }
}

TEST_CASE("rows: the bridge's own publisher library brings every event, numbered by itself") {
  const Options o = tiny_rows();
  const auto subject = with_library(make_subject("bridge", o));
  subject->start();
  const ThroughputRound got = measure_clients(*subject, o, 2, 1);
  CHECK(got.lost == "");
  CHECK(got.deliveries_per_s > 0);
  subject->stop();
  std::string data;
  EventText(200).append_data(data, 12);
  CHECK(Json(data).integer("/price") == 1670794);
}

TEST_CASE("rows: a training loop keeps its steps while it is alone, and not while others want its core") {
  const TrainingLoop one;
  REQUIRE(one.rate(0.05) > 0);
  const double alone = one.rate(0.2);
  std::vector<std::unique_ptr<TrainingLoop>> others;
  for (unsigned i = 0; i < 16 * std::thread::hardware_concurrency(); ++i) others.push_back(std::make_unique<TrainingLoop>());
  CHECK(one.rate(0.2) < 0.8 * alone);
}

TEST_CASE("rows: clients with a filter each are measured once they are idle, and have lost nothing") {
  CHECK(measure_filter_memory(5, tiny_rows()).lost == "");
}
