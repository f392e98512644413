#include "ppo-client/alerts_text.h"

#include <string>

#include <doctest/doctest.h>

using client::alerts_text;

TEST_CASE("alerts: a table of them, one of what is raised, and no terminal is steered") {
  const std::string text = alerts_text(
      R"({"alerts":[{"alert_id":3,"name":"kl","rule":"t where x > 1\u001b","action":{"command":"pause"},"times":2,"unacknowledged":1,)"
      R"("last_action":{"action":"command","outcome":"unknown_target"},"raised":[{"source":"s","run":"r","agent_id":"a","value":0.061,"since":100,"seq":900}]},)"
      R"({"alert_id":4,"name":null,"rule":"gap","action":null,"last_action":null,"raised":[]}],"count":2})",
      {});
  for (const char* part : {"kl", "t where x > 1␛", "command: unknown_target", "s@r/a", "0.061", "900", "gap"}) {
    CAPTURE(part);
    CHECK(text.find(part) != std::string::npos);
  }
  CHECK(alerts_text(R"({"alerts":[],"count":0})", {}).find("RAISED BY") == std::string::npos);
}

TEST_CASE("alerts: what became of one is a sentence, whatever the answer holds") {
  CHECK(alerts_text(R"({"alert_id":3,"created":true,"survives_restart":true})", {}) == "alert 3 is made\n");
  CHECK(alerts_text(R"({"alert_id":3,"created":false,"survives_restart":false})", {}) ==
        "alert 3 is there already; without a journal, only until the bridge ends\n");
  CHECK(alerts_text(R"({"acknowledged":2})", {}) == "acknowledged: 2\n");
  CHECK(alerts_text(R"({"deleted":true,"survives_restart":true})", {}) == "deleted\n");
  for (const char* odd : {"{}", "[]", "7", R"({"alerts":7})", R"({"alerts":[7,null,{}]})", R"({"alerts":[{"raised":[7]}]})", "nonsense"}) {
    CHECK_FALSE(alerts_text(odd, {}).empty());
  }
}
