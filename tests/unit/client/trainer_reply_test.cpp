#include "ppo-client/trainer_reply.h"

#include <string>

#include <doctest/doctest.h>

using client::all_trainers_text;
using client::one_trainer_text;

TEST_CASE("trainer reply: whoever is no trainer gets no headline") {
  CHECK(one_trainer_text(R"({"result":{}})", {}).empty());
  CHECK(one_trainer_text(R"({"source":"ppo-bridge","result":{}})", {}).empty());
  CHECK(one_trainer_text(R"({"source":5})", {}).empty());
}

TEST_CASE("trainer reply: who did what, after how long, at which step, and every digit") {
  CHECK(one_trainer_text(R"({"command":"pause","target":"agent_0","source":"t-1","success":true,)"
                         R"("result":{"step":12345,"rate":0.00030},"elapsed_ms":3.14159})",
                         {}) ==
        "pause  agent_0 on t-1  done in 3.142 ms  at step 12,345\n"
        "{\n  \"step\": 12345,\n  \"rate\": 0.00030\n}\n");
  CHECK(one_trainer_text(R"({"command":"stop","target":"t-1","source":"t-1","result":{ }})", {}) ==
        "stop  t-1  done\n");
  CHECK(one_trainer_text(R"({"command":"stop","target":"t-1@a1","source":"t-1","result":{}})", {}) ==
        "stop  t-1@a1  done\n");
  CHECK(one_trainer_text(R"({"command":"x","source":"t\u001b","elapsed_ms":"long"})", {}) ==
        "x  t␛  done\n");
}

TEST_CASE("trainer reply: all trainers are a table, with their errors") {
  CHECK(all_trainers_text(R"({"result":{}})", {}).empty());
  CHECK(all_trainers_text(R"({"results":{}})", {}).empty());
  CHECK(all_trainers_text(
            R"({"results":[{"source":"t-1","success":true,"result":{"step":7},"elapsed_ms":1.5},)"
            R"({"source":"t-2","success":false,"error":{"error_type":"timeout","message":"no)"
            R"( answer"},"elapsed_ms":2000.0}]})",
            {}) ==
        "source  outcome  elapsed  step  result\n"
        "t-1     done      1.5 ms     7  {\"step\":7}\n"
        "t-2     timeout  2000 ms        no answer\n");
  CHECK(all_trainers_text(R"({"results":[{"source":"t","run":"a1","success":true},)"
                          R"({"source":"t","run":"b2","success":true}]})",
                          {}) ==
        "source  outcome  elapsed  step  result\n"
        "t@a1    done\n"
        "t@b2    done\n");
}
