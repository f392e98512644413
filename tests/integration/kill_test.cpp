// The bridge is killed again and again under load, and nobody misses anything.

#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <ppo_publisher/publisher.h>

#include "feed/client.h"
#include "journal_bridge.h"

using namespace testing_support;

namespace {

constexpr int kTrainers = 4;

// PPO_KILLS, PPO_KILL_EVENTS_PER_S, PPO_KILL_EVERY_MS and PPO_KILL_CLIENTS make it as hard as one likes.
int setting(const char* name, int fallback) {
  const char* const text = std::getenv(name);
  return text == nullptr ? fallback : std::atoi(text);
}

// A client that checks each source's numbers as they come.
class CountingClient {
 public:
  explicit CountingClient(const std::string& url) : client_(options(url)) {
    client_.start();
    thread_ = std::thread([this] { run(); });
  }
  ~CountingClient() {
    stop_ = true;
    thread_.join();
    client_.stop();
  }

  std::uint64_t last(int trainer) const { return last_[static_cast<std::size_t>(trainer)]; }
  // What is wrong with what came, "" where nothing is. Once it is not empty it stays.
  std::string wrong() const { return is_wrong_ ? wrong_ : std::string(); }

 private:
  static feed::Options options(const std::string& url) {
    feed::Options options;
    options.url = url;
    options.subscription.types = std::vector<std::string>{"load"};
    options.subscription.since = feed::SinceSeq{0};  // the load may begin before it is connected
    options.backoff = {milliseconds(20), milliseconds(200)};
    return options;
  }

  void run() {
    while (!stop_) {
      const auto message = client_.next(milliseconds(50));
      if (!message || is_wrong_) continue;
      if (message->kind == feed::Message::Kind::kGap) {
        fail("a gap: " + message->text);
      } else if (message->kind == feed::Message::Kind::kEvent && message->envelope.source_seq) {
        const std::size_t trainer =
            static_cast<std::size_t>(message->envelope.source.back() - '0');
        const std::uint64_t expected = last_[trainer] + 1;
        if (*message->envelope.source_seq != expected) {
          fail(message->envelope.source + ": " + std::to_string(*message->envelope.source_seq) +
               " in place of " + std::to_string(expected));
          continue;
        }
        last_[trainer] = expected;
      }
    }
  }
  void fail(std::string why) {
    wrong_ = std::move(why);
    is_wrong_ = true;
  }

  feed::Client client_;
  std::atomic<bool> stop_{false};
  std::array<std::atomic<std::uint64_t>, kTrainers> last_{};
  std::string wrong_;
  std::atomic<bool> is_wrong_{false};
  std::thread thread_;
};

}  // namespace

TEST_CASE("kill: every client gets every event of every source, in order, each once") {
  const int kills = setting("PPO_KILLS", PPO_SANITIZED ? 3 : 5);
  const int events_per_s = setting("PPO_KILL_EVENTS_PER_S", PPO_SANITIZED ? 2'000 : 20'000);
  const int every_ms = setting("PPO_KILL_EVERY_MS", 1'500);
  const int client_count = setting("PPO_KILL_CLIENTS", PPO_SANITIZED ? 3 : 10);
  const ScratchDirectory directory;
  BridgeOptions options = with_journal(directory.file("j"), {"history.events_max=20000"});
  auto bridge = std::make_unique<BridgeProcess>(options);
  // The next bridges come up where the first one was.
  for (const char* name : {"ws", "events_in", "control"}) {
    const std::string address = bridge->address(name);
    if (std::string(name) == "ws") {
      options.settings.push_back("websocket.listen=" + bridge->websocket().text());
    } else if (std::string(name) == "events_in") {
      options.settings.push_back("events.bind=[\"" + address + "\"]");
    } else {
      options.settings.push_back("trainers.control=" + address);
    }
  }
  const std::string url = bridge->address("ws");

  std::vector<std::unique_ptr<CountingClient>> clients;
  for (int i = 0; i < client_count; ++i) {
    clients.push_back(std::make_unique<CountingClient>(url));
  }
  std::vector<std::unique_ptr<ppo::Publisher>> trainers;
  for (int i = 0; i < kTrainers; ++i) {
    ppo::PublisherOptions publisher;
    publisher.source = "trainer-" + std::to_string(i);
    publisher.endpoint = bridge->address("events_in");
    publisher.control = bridge->address("control");
    trainers.push_back(std::make_unique<ppo::Publisher>(publisher));
  }

  std::array<std::atomic<std::uint64_t>, kTrainers> published{};
  std::atomic<bool> stop{false};
  std::thread load([&] {
    const std::string data = R"({"agent_id":"agent_0","item":"Coal","pad":")" + std::string(100, 'x') + "\"}";
    const auto begin = std::chrono::steady_clock::now();
    std::uint64_t sent = 0;
    while (!stop) {
      const double elapsed =
          std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
      const auto due = static_cast<std::uint64_t>(elapsed * events_per_s);
      for (; sent < due; ++sent) {
        const std::size_t trainer = sent % kTrainers;
        trainers[trainer]->publish("load", data);
        ++published[trainer];
      }
      std::this_thread::sleep_for(milliseconds(5));
    }
  });
  for (int kill = 0; kill < kills; ++kill) {
    std::this_thread::sleep_for(milliseconds(every_ms));
    bridge->process().signal(SIGKILL);
    REQUIRE(bridge->process().wait_exit());
    bridge = std::make_unique<BridgeProcess>(options);
  }
  std::this_thread::sleep_for(milliseconds(every_ms));
  stop = true;
  load.join();

  for (const auto& client : clients) {
    for (int trainer = 0; trainer < kTrainers; ++trainer) {
      CAPTURE(trainer);
      CHECK(wait_until(
          [&] {
            return !client->wrong().empty() ||
                   client->last(trainer) == published[static_cast<std::size_t>(trainer)];
          },
          milliseconds(60'000)));
      CHECK(client->wrong() == "");
      CHECK(client->last(trainer) == published[static_cast<std::size_t>(trainer)]);
    }
  }
}
