// A journal that knows of two alerts which have raised much: more than a minute of a bridge would raise.
#pragma once

#include <doctest/doctest.h>
#include <sqlite3.h>

#include <string>

#include "journal_bridge.h"

namespace testing_support {

// Each has raised something of so many agents: "t where x > 1" (1), and "t" (2), which cannot end by itself.
inline BridgeOptions with_raised(const std::string& journal, int agents) {
  const BridgeOptions options = with_journal(journal);
  CHECK(BridgeProcess(options).stop() == 0);
  sqlite3* db = nullptr;
  REQUIRE(sqlite3_open(journal.c_str(), &db) == SQLITE_OK);
  std::string sql = "BEGIN;";
  const auto put = [&sql](const std::string& name, const std::string& members) {
    sql += "INSERT INTO alerts VALUES('" + name + "','{" + members + "}');";
  };
  for (const int id : {1, 2}) {
    const std::string alert = "\"alert_id\":" + std::to_string(id);
    const std::string n = std::to_string(agents);
    put("alert/" + std::to_string(id), alert + R"(,"rule":"t)" + (id == 1 ? " where x > 1" : "") +
                                           R"(","created":1,"after_seq":0,"times":)" + n + R"(,"unacknowledged":)" + n);
    for (int i = 0; i < agents; ++i) {
      const std::string agent = "agent-" + std::to_string(i);
      put("raised/" + std::to_string(id) + "/@/" + agent,
          alert + R"(,"seq":1,"agent_id":")" + agent + R"(","type":"t","since":1,"acknowledged":false)");
    }
  }
  CHECK(sqlite3_exec(db, (sql + "COMMIT;").c_str(), nullptr, nullptr, nullptr) == SQLITE_OK);
  CHECK(sqlite3_close(db) == SQLITE_OK);
  return options;
}

}  // namespace testing_support
