#include "load.h"

#include <pthread.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "options.h"
#include "statistics.h"
#include "support/event_publisher.h"
#include "support/wait.h"

namespace bench {
namespace {

using std::chrono::steady_clock;
using testing_support::EventPublisher;
using testing_support::milliseconds;

// How long a full window is slept on: short against the time in which clients read one.
constexpr std::chrono::microseconds kWindowPoll{100};
// A publish() gives up after this, to look whether it shall stop.
constexpr milliseconds kPublishTimeout{100};
constexpr std::chrono::seconds kStuckAfter{10};
constexpr milliseconds kTick{1};

}  // namespace

void Load::start(std::function<void()> publish) {
  thread_ = std::thread([this, publish = std::move(publish)] {
    ::pthread_setname_np(::pthread_self(), "publisher");
    try {
      publish();
    } catch (const std::exception& error) {
      failure_ = error.what();
    }
  });
}

void Load::stop() {
  stop_.store(true, std::memory_order_relaxed);
  if (thread_.joinable()) thread_.join();
}

ClosedLoopLoad::ClosedLoopLoad(const Subject& subject, const EventText& events, std::size_t batch,
                               std::uint64_t window_events, const FanReader& reader) {
  start([this, &subject, &events, batch, window_events, &reader] {
    const std::unique_ptr<Publisher> publisher = subject.connect_publisher();
    const std::size_t step = subject.message_events(batch);
    const std::uint64_t window = std::max<std::uint64_t>(window_events, step);
    std::string body;
    std::uint64_t number = 0;
    while (!stopping()) {
      if (number + step > reader.slowest() + window) {
        std::this_thread::sleep_for(kWindowPoll);
        continue;
      }
      body.clear();
      subject.append_message(body, events, number + 1, number + step);
      while (!publisher->publish(body, kPublishTimeout)) {
        if (stopping()) return;
      }
      number += step;
      published_.store(number, std::memory_order_release);
    }
  });
}

OpenLoopLoad::OpenLoopLoad(const Subject& subject, const EventText& events, double events_per_s,
                           steady_clock::time_point begin) {
  start([this, &subject, &events, events_per_s, begin] {
    const auto append = [&](std::string& out, std::uint64_t number) {
      subject.append_message(out, events, number, number);
    };
    run(*subject.connect_publisher(), append, events_per_s, begin);
  });
}

OpenLoopLoad::OpenLoopLoad(const std::string& address, const EventText& events, double events_per_s,
                           steady_clock::time_point begin) {
  start([this, address, &events, events_per_s, begin] {
    const auto append = [&](std::string& out, std::uint64_t number) {
      events.append_published(out, number);
    };
    run(*connect_zmq_publisher(address), append, events_per_s, begin);
  });
}

void OpenLoopLoad::run(Publisher& publisher,
                       const std::function<void(std::string&, std::uint64_t)>& append,
                       double events_per_s, steady_clock::time_point begin) {
  std::string message;
  for (std::uint64_t number = 1; !stopping(); ++number) {
    std::this_thread::sleep_until(due(begin, events_per_s, number));
    message.clear();
    append(message, number);
    while (!publisher.publish(message, kPublishTimeout)) {
      if (stopping()) return;
    }
    published_.store(number, std::memory_order_release);
  }
}

TickedLoad::TickedLoad(const std::string& address, const EventText& events, double events_per_s,
                       steady_clock::time_point begin) {
  start([this, address, &events, events_per_s, begin] {
    EventPublisher publisher(address);
    std::string body;
    std::uint64_t number = 0;
    for (auto tick = begin; !stopping(); tick += kTick) {
      std::this_thread::sleep_until(tick);
      body.clear();
      const auto now = steady_clock::now();
      while (due(begin, events_per_s, number + 1) <= now) {
        if (!body.empty()) body += '\n';
        events.append_published(body, ++number);
      }
      if (body.empty()) continue;
      while (!publisher.publish(body, kPublishTimeout)) {
        if (stopping()) return;
      }
      published_.store(number, std::memory_order_release);
    }
  });
}

steady_clock::time_point due(steady_clock::time_point begin, double events_per_s,
                             std::uint64_t number) {
  const std::chrono::duration<double> after(static_cast<double>(number - 1) / events_per_s);
  return begin + std::chrono::duration_cast<steady_clock::duration>(after);
}

void pass(double seconds, const FanReader& reader) {
  const auto begin = steady_clock::now();
  while (!interrupted && !reader.failed() && seconds_since(begin) < seconds) {
    std::this_thread::sleep_for(milliseconds{5});
  }
}

bool wait_drained(const FanReader& reader, std::uint64_t published) {
  std::uint64_t seen = 0;
  auto moved_at = steady_clock::now();
  while (reader.slowest() < published) {
    if (interrupted || reader.failed()) return false;
    if (reader.deliveries() != seen) {
      seen = reader.deliveries();
      moved_at = steady_clock::now();
    } else if (steady_clock::now() - moved_at > kStuckAfter) {
      return false;
    }
    std::this_thread::sleep_for(milliseconds{2});
  }
  return !reader.failed();
}

}  // namespace bench
