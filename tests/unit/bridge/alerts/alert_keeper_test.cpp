// What the journal has of alerts: as it all was at one moment, and nothing that was deleted.
#include "alerts/alert_keeper.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"

using namespace bridge;

namespace {

// A journal that has what it was given, once it says so.
struct Bench {
  FakeClock clock;
  AlertsById alerts;
  std::uint64_t committed = 0;
  std::map<std::string, std::string> has;
  std::vector<std::pair<AlertKeeper::Rows, std::function<void(bool)>>> asked;
  AlertKeeper keeper{alerts, clock,
                     {[this](AlertKeeper::Rows rows, std::function<void(bool)> done) { asked.emplace_back(std::move(rows), std::move(done)); },
                      [this] { return committed; }}};

  void answer(bool kept) {
    auto all = std::move(asked);
    asked.clear();
    for (auto& [rows, done] : all) {
      for (auto& [name, value] : rows) {
        if (!kept) continue;
        if (value.empty()) {
          has.erase(name);
        } else {
          has[name] = value;
        }
      }
      done(kept);
    }
  }
  void alert(std::uint64_t id) {
    alerts[id].id = id;
    keeper.changes({id, std::nullopt});
  }
  void times(std::uint64_t id, std::uint64_t times) {
    keeper.changes({id, std::nullopt});
    alerts[id].times = times;
  }
  void raise(std::uint64_t id, const std::string& source) {
    const AlertSubject subject{source, "", ""};
    keeper.changes({id, subject});
    alerts[id].raised[subject].change.alert_id = id;
    alerts[id].raised[subject].change.subject = subject;
  }
  void pass(std::uint64_t looked_at, std::uint64_t seq, bool settled = true) {
    clock.advance_us(1'000'000);
    keeper.save(looked_at, seq, settled);
  }
};

const std::string kTimes5 = "\"times\":5,";

}  // namespace

TEST_CASE("alert keeper: what has changed is written once what told of it is on disk, and not more than once") {
  Bench b;
  b.alert(1);
  b.times(1, 5);
  CHECK_FALSE(b.keeper.has({1, std::nullopt}));
  b.pass(6, 9, false);  // something is half done: no moment to keep
  CHECK(b.asked.empty());
  b.pass(7, 9);
  CHECK(b.asked.empty());
  b.committed = 8;
  b.pass(7, 12);
  CHECK(b.asked.empty());
  b.committed = 9;
  b.pass(8, 12);
  REQUIRE(b.asked.size() == 1);
  b.committed = 12;
  b.pass(8, 12);
  CHECK(b.asked.size() == 1);  // one at a time
  b.answer(true);
  CHECK(b.has.at("alert/1").find(kTimes5) != std::string::npos);
  CHECK(b.has.at(kAlertsPosition) == "7");  // as it was then
  CHECK(b.keeper.has({1, std::nullopt}));
  b.pass(8, 12);  // nothing but the position has changed
  REQUIRE(b.asked.size() == 1);
  CHECK(b.asked[0].first == AlertKeeper::Rows{{kAlertsPosition, "8"}});
  b.answer(true);
  b.pass(8, 12);
  CHECK(b.asked.empty());
}

TEST_CASE("alert keeper: rows are as of the moment at which they were begun, however long that takes") {
  Bench b;
  constexpr std::uint64_t kMany = 1000;  // more than are made in a turn
  for (std::uint64_t id = 1; id <= kMany; ++id) b.alert(id);
  b.committed = 100;
  b.pass(1, 10);
  REQUIRE(b.asked.empty());
  b.times(kMany, 5);
  b.raise(kMany, "t-1");
  while (b.asked.empty()) b.keeper.save(2, 20, true);
  b.answer(true);
  CHECK(b.has.size() == kMany + 1);
  CHECK(b.has.at("alert/1000").find(kTimes5) == std::string::npos);
  CHECK(b.has.at(kAlertsPosition) == "1");
  b.pass(2, 20);
  b.answer(true);
  CHECK(b.has.size() == kMany + 2);
  CHECK(b.has.at("alert/1000").find(kTimes5) != std::string::npos);
}

TEST_CASE("alert keeper: what was deleted does not come back, whatever waited to be written") {
  Bench b;
  b.alert(1);
  b.alert(12);
  b.raise(1, "t-1");
  b.pass(1, 10);  // not on disk yet
  b.alerts.erase(1);
  b.keeper.forget(1);
  b.keeper.keep({{"alert/1", ""}, {"raised/1/t-1@/", ""}}, {{1, std::nullopt}}, [](bool) {});
  b.answer(true);
  b.committed = 10;
  b.pass(1, 10);
  REQUIRE(b.asked.size() == 1);
  b.answer(true);
  CHECK(b.has.size() == 2);
  CHECK(b.has.count("alert/12") == 1);  // which is another one
}

TEST_CASE("alert keeper: what could not be written is written again, as it is by then") {
  Bench b;
  b.committed = 100;
  b.alert(1);
  b.pass(1, 10);
  REQUIRE(b.asked.size() == 1);
  b.times(1, 5);
  b.answer(false);
  CHECK_FALSE(b.keeper.has({1, std::nullopt}));
  CHECK_FALSE(b.keeper.save_now(1, 10, false));
  CHECK(b.keeper.save_now(1, 10, true));
  b.answer(true);
  CHECK(b.has.at("alert/1").find(kTimes5) != std::string::npos);

  bool kept = true;
  AlertKeeper nowhere(b.alerts, b.clock, {});
  nowhere.keep({{"alert/1", "x"}}, {}, [&kept](bool k) { kept = k; });
  CHECK_FALSE(kept);
  CHECK_FALSE(nowhere.has({1, std::nullopt}));
  CHECK(nowhere.save_now(1, 10, true));
}

TEST_CASE("alert keeper: a record is read as it was written") {
  Alert alert;
  alert.id = 7;
  alert.name = "n";
  alert.rule = "error";
  alert.created_us = 1'619'395'200'250'000;
  alert.after_seq = 11;
  alert.times = 3;
  alert.unacknowledged = 2;
  alert.key = "alert.k";
  alert.version = 4;
  rapidjson::Document record;
  record.Parse(record_of(alert).c_str());
  REQUIRE(record.IsObject());
  CHECK(record_of(read_alert(record)) == record_of(alert));

  RaisedAlert raised;
  raised.change.alert_id = 7;
  raised.change.subject = {"t-1", "r", "a"};
  raised.change.seq = 12;
  raised.change.type = "error";
  raised.change.value_json = "1.5";
  raised.change.since_us = 1'619'395'201'000'000;
  raised.acknowledged = true;
  raised.acknowledged_by = R"({"client_id":"c"})";
  rapidjson::Document said;
  said.Parse(record_of(raised).c_str());
  REQUIRE(said.IsObject());
  CHECK(record_of(read_raised(said)) == record_of(raised));
  CHECK(record_name({7, raised.change.subject}) == "raised/7/t-1@r/a");
}
