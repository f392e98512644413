// Sources of ZeroMQ's, and a loop that runs when it is told to, so that what they have sent has all come before.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "fixture.h"
#include "net/zmq_guard.h"
#include "net/zmq_peers.h"

namespace bridge {

inline std::string event_of(const std::string& source, int number, std::size_t padding = 0) {
  return R"({"type":"a","source":")" + source + R"(","data":{"n":)" + std::to_string(number) +
         R"(,"x":")" + std::string(padding, 'x') + R"("}})";
}

struct Sources {
  Sources() { guard.start(); }

  // One that has been subscribed to.
  zmq::socket_t& connect(const std::string& endpoint) {
    zmq::socket_t& made = make();
    made.connect(endpoint);
    REQUIRE(is_subscribed_to(made));
    run_for(std::chrono::milliseconds(20));  // the next one is steered elsewhere
    return made;
  }
  zmq::socket_t& make() {
    all.push_back(std::make_unique<zmq::socket_t>(theirs, zmq::socket_type::xpub));
    all.back()->set(zmq::sockopt::linger, 0);
    all.back()->set(zmq::sockopt::sndhwm, 0);
    return *all.back();
  }
  bool is_subscribed_to(zmq::socket_t& source) {
    zmq::message_t subscription;
    return run_until([&] { return source.recv(subscription, zmq::recv_flags::dontwait).has_value(); });
  }
  void run_for(std::chrono::milliseconds time) {
    io.restart();
    io.run_for(time);
  }
  bool run_until(const std::function<bool()>& condition) {
    for (int i = 0; i < 2'000; ++i) {
      if (condition()) return true;
      run_for(std::chrono::milliseconds(5));
    }
    return false;
  }
  bool run_until_seq(std::uint64_t seq) {
    return run_until([&] { return bench.log.last_seq() == seq; });
  }
  // In the order in which they came into the log, with `n`.
  std::vector<std::pair<std::string, int>> events() {
    bench.log.seal();
    std::vector<std::pair<std::string, int>> events;
    for (std::uint64_t seq = 1; seq <= bench.log.last_seq();) {
      const BlockPtr block = bench.log.history().find(seq);
      for (std::size_t i = 0; i < block->size(); ++i, ++seq) {
        const std::string text(block->json(i));
        const std::size_t number = text.find(R"("n":)");
        const std::size_t source = text.find(R"("source":")") + 10;
        events.emplace_back(text.substr(source, text.find('"', source) - source),
                            std::stoi(text.substr(number + 4)));
      }
    }
    return events;
  }

  Bench bench{HistoryLimits{1'000'000, 512 << 20}};
  asio::io_context io{1};
  zmq::context_t context, theirs;
  Counters counters;
  ZmqGuard guard{io, context, nullptr, bench.clock, {}};
  std::vector<std::unique_ptr<zmq::socket_t>> all;
};

// 300 events of each of two sources, with pauses: their order stays, and nothing is taken in meanwhile. `send_other` sends
// the next event of source "other".
template <class Receiving, class SendOther>
void check_order_over_pauses(Receiving& receiving, zmq::socket_t& one, const SendOther& send_other) {
  for (int sent = 0; sent < 300; ++sent) {
    one.send(zmq::buffer(event_of("one", sent)));
    send_other(sent);
    if (sent % 50 != 0) continue;
    receiving.receiver.pause();
    const std::uint64_t before = receiving.bench.log.last_seq();
    receiving.run_for(std::chrono::milliseconds(10));
    CHECK(receiving.bench.log.last_seq() == before);
    receiving.receiver.resume();
    receiving.run_for(std::chrono::milliseconds(1));
  }
  REQUIRE(receiving.run_until_seq(600));
  int next_one = 0, next_other = 0;
  for (const auto& [source, number] : receiving.events()) CHECK(number == (source == "one" ? next_one : next_other)++);
}

}  // namespace bridge
