// event-storm: publishes a mixture of all events at a steady rate, as many agents would, and says how
// many it published. Ends after --seconds.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <thread>

#include "support/event_publisher.h"

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kAgents = 16;
constexpr int kItems = 40;
constexpr auto kTick = std::chrono::milliseconds(2);

// The nth event; the mixture is that of a trainer, with a hundredth of training updates.
std::string body(std::uint64_t n, const std::string& source) {
  const std::string agent = R"({"agent_id":"agent_)" + std::to_string(n % kAgents) + '"';
  const std::string item = R"("item":"Item )" + std::to_string(n % kItems) + '"';
  const std::string number = std::to_string(1'000'000 + n * 7919 % 900'000);
  const auto event = [&](const char* type, const std::string& data) {
    return testing_support::event_body(type, data + "}", source, "storm", n);
  };
  if (n % 100 == 0) {
    const std::string loss = std::to_string(1.0 / static_cast<double>(1 + n % 977));
    return event("training_update", agent + R"(,"update":)" + std::to_string(n) + R"(,"steps":)" +
                                        std::to_string(n) + R"(,"policy_loss":)" + loss +
                                        R"(,"value_loss":)" + loss + R"(,"entropy":1.5)");
  }
  switch (n % 5) {
    case 0:
      return event("trade_executed", agent + R"(,"action_type":"sell",)" + item + R"(,"price":)" +
                                         number + R"(,"quantity":10,"profit":)" +
                                         std::to_string(n % 2000) +
                                         R"(,"total_value":9007199254740993)");
    case 1:
      return event("price_update", "{" + item + R"(,"price":)" + number +
                                       R"(,"change":-12,"change_percent":-0.01,"volume":300)");
    case 2:
      return event("margin_update", "{" + item + R"(,"buy_price":1000000,"sell_price":)" + number +
                                        R"(,"margin":5,"margin_percent":0.05)");
    case 3:
      return event("agent_decision", agent + R"(,"action_type":"buy",)" + item + R"(,"price":)" +
                                         number + R"(,"quantity":3,"reasoning":"it is cheap")");
    default:
      return event("portfolio_update", agent + R"(,"gp":5,"inventory":{},"total_value":)" + number +
                                           R"(,"inventory_value":7)");
  }
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Publishes events of all kinds at a steady rate", "event-storm");
  std::string events = "tcp://127.0.0.1:5556";
  std::string source = "storm";
  double rate = 20'000;
  double seconds = 10;
  app.add_option("--events", events, "where the bridge takes events in")->capture_default_str();
  app.add_option("--source", source, "name of the source")->capture_default_str();
  app.add_option("--rate", rate, "events a second")->capture_default_str()->check(CLI::Range(1.0, 1e6));
  app.add_option("--seconds", seconds, "how long")->capture_default_str()->check(CLI::Range(0.1, 1e5));
  CLI11_PARSE(app, argc, argv);
  try {
    testing_support::EventPublisher publisher(events);
    const auto begin = Clock::now();
    std::uint64_t published = 0;
    for (;;) {
      const double passed = std::chrono::duration<double>(Clock::now() - begin).count();
      const auto due = static_cast<std::uint64_t>(std::min(passed, seconds) * rate);
      std::string batch;
      while (published < due) {
        batch += body(++published, source);
        batch += '\n';
        if (batch.size() < 60'000 && published < due) continue;
        batch.pop_back();
        if (!publisher.publish(batch)) throw std::runtime_error("the bridge takes no events");
        batch.clear();
      }
      if (passed >= seconds) break;
      std::this_thread::sleep_for(kTick);
    }
    std::printf("published %llu\n", static_cast<unsigned long long>(published));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "event-storm: %s\n", error.what());
    return 1;
  }
}
