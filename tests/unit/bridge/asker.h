// Who asks for the bridge's own commands, one account each; and much to ask for.
#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "fixture.h"

namespace bridge {

struct Asker {
  explicit Asker(Bench& bench) : account(std::make_shared<RequestBudget>(bench.clock, 1000)) {}
  void run(Bench& bench, const char* command, const ReadScopePtr& scope = nullptr) {
    bench.commands.run(command, rapidjson::Value(rapidjson::kObjectType), account,
                       [this](const auto& got) {
                         REQUIRE(got.ok());
                         result = got.value();
                         ++answers;
                       }, {scope, {}});
  }
  std::shared_ptr<RequestBudget> account;
  std::string result;
  int answers = 0;
};

// A thousand things, each with an event of its own.
inline void thousand_things(Bench& bench) {
  for (int i = 0; i < 1000; ++i) {
    bench.take(R"({"type":"price","data":{"item":")" + std::to_string(i) + "\"}}");
  }
  bench.cohorts.announce();
}

}  // namespace bridge
