#include "commands.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <utility>

#include "event_text.h"
#include "fan_reader.h"
#include "histogram.h"
#include "load.h"
#include "placement.h"
#include "replier.h"
#include "statistics.h"
#include "subject.h"
#include "support/event_publisher.h"
#include "support/raw_websocket.h"
#include "support/wait.h"

namespace bench {
namespace {

using std::chrono::steady_clock;
using testing_support::milliseconds;

const char* const kTrainer = "t0";
// Time for the publisher to connect before the first event is due.
constexpr milliseconds kLead{300};
// Short against whatever else happens on the machine, long against a round trip.
constexpr double kTurnSeconds = 0.25;
constexpr int kAnswerTimeoutMs = 5000;

// A REQ that asks the bare pair's REP.
class BareAsker {
 public:
  explicit BareAsker(const std::string& address) : socket_(context_, zmq::socket_type::req) {
    socket_.set(zmq::sockopt::linger, 0);
    socket_.set(zmq::sockopt::rcvtimeo, kAnswerTimeoutMs);
    socket_.connect(address);
  }
  void set_request_bytes(std::size_t bytes) { request_.assign(bytes, 'x'); }

  void ask() {
    socket_.send(zmq::buffer(request_), zmq::send_flags::none);
    zmq::message_t reply;
    if (!socket_.recv(reply)) throw std::runtime_error("no answer from the bare pair");
  }

 private:
  zmq::context_t context_;
  zmq::socket_t socket_;
  std::string request_;
};

// A WebSocket client that has subscribed to nothing and sends commands to the trainer.
class Commander {
 public:
  explicit Commander(const Subject& subject)
      : client_(testing_support::RawWebSocket::connect(subject.websocket())) {
    if (!client_.receive_text()) throw std::runtime_error("the bridge sent no welcome");
  }

  // Sends one and returns the reply to it; throws std::runtime_error if none comes.
  std::string command() {
    const std::string id = std::to_string(++last_id_);
    const bool sent = client_.send_text(R"({"action":"command","command":"work","target":")" +
                                        std::string(kTrainer) + R"(","id":)" + id + '}');
    auto reply = sent ? client_.receive_text(milliseconds{kAnswerTimeoutMs}) : std::nullopt;
    if (!reply) throw std::runtime_error("no answer to command " + id);
    if (reply->find(R"("id":)" + id + ',') == std::string::npos) {
      throw std::runtime_error("not the answer to command " + id + ": " + *reply);
    }
    return std::move(*reply);
  }

  static bool is_success(const std::string& reply) {
    return reply.find(R"("success":true)") != std::string::npos;
  }

  // Commands of ask() that came back.
  std::uint64_t succeeded() const { return succeeded_; }

  void ask() {
    const std::string reply = command();
    if (!is_success(reply)) throw std::runtime_error("a command failed: " + reply);
    ++succeeded_;
  }

 private:
  testing_support::RawWebSocket client_;
  std::uint64_t succeeded_ = 0;
  std::uint64_t last_id_ = 0;
};

// Asks again as soon as it has been answered.
template <typename Asker>
void take_turn(Asker& asker, double seconds, Histogram& histogram) {
  auto sent_at = steady_clock::now();
  const auto end = sent_at + std::chrono::duration_cast<steady_clock::duration>(
                                 std::chrono::duration<double>(seconds));
  while (sent_at < end && !interrupted) {
    asker.ask();
    const auto answered_at = steady_clock::now();
    histogram.add(answered_at - sent_at);
    sent_at = answered_at;
  }
}

RoundTrips summary(const Histogram& histogram) {
  return {static_cast<double>(histogram.count()), in_us(histogram.percentile(0.5)),
          in_us(histogram.percentile(0.99)), in_us(histogram.max())};
}

// Everything that takes part, but for the bridge and the events that flow through it.
class Ring {
 public:
  explicit Ring(const Subject& subject)
      : sources_(subject.events_in()),
        trainer_(subject.control(), kTrainer),
        bare_(rep_.endpoint()),
        commander_(subject) {
    announce();
    const bool reached = testing_support::wait_until(
        [this] { return interrupted || Commander::is_success(commander_.command()); });
    if (!reached) throw std::runtime_error("no command reaches the trainer");
    match_sizes();
  }

  // Turns of both, `seconds` in all.
  CommandsRound round(double seconds) {
    const double pairs = std::max(1.0, std::floor(seconds / (2 * kTurnSeconds)));
    const double turn = seconds / (2 * pairs);
    const auto bare = std::make_unique<Histogram>();
    const auto bridge = std::make_unique<Histogram>();
    for (double pair = 0; pair < pairs && !interrupted; ++pair) {
      announce();
      match_sizes();
      take_turn(bare_, turn, *bare);
      take_turn(commander_, turn, *bridge);
    }
    CommandsRound result;
    result.bare = summary(*bare);
    result.bridge = summary(*bridge);
    if (result.bare.p50_us > 0) result.p50_times = result.bridge.p50_us / result.bare.p50_us;
    if (result.bare.p99_us > 0) result.p99_times = result.bridge.p99_us / result.bare.p99_us;
    return result;
  }

  const TrainerReplier& trainer() const { return trainer_; }
  // Whether each success that the bridge told of was the trainer's.
  bool trainer_did_all() const { return trainer_.answered() >= commander_.succeeded(); }

 private:
  // As a trainer does it about once a second: else the bridge takes it for dead.
  void announce() {
    (void)sources_.publish(R"({"type":"_source","source":")" + std::string(kTrainer) +
                           R"(","run":"r1","data":{"head":0,"oldest":1,"agents":["a0"],)"
                           R"("commands":["work"],"host":"h","pid":1,"state":"running"}})");
  }

  // The bare pair carries what the trainer carries; ids grow.
  void match_sizes() {
    bare_.set_request_bytes(trainer_.request_bytes());
    rep_.set_reply_bytes(trainer_.reply_bytes());
  }

  testing_support::EventPublisher sources_;
  TrainerReplier trainer_;
  BareReplier rep_;
  BareAsker bare_;
  Commander commander_;
};

void measure_rounds(Ring& ring, Placement& placement, const FanReader& reader,
                    const Options& options, std::vector<CommandsRow>& rows) {
  if (options.warmup_seconds > 0) ring.round(options.warmup_seconds);
  for (std::size_t round = 0; round < options.rounds; ++round) {
    for (CommandsRow& row : rows) {
      if (interrupted || reader.failed()) return;
      row.cores == "one" ? placement.use_one_core() : placement.use_any_core();
      row.rounds.push_back(ring.round(options.seconds / static_cast<double>(rows.size())));
      const CommandsRound& got = row.rounds.back();
      std::fprintf(stderr,
                   "commands, round %zu, %s core, p50 %.0f us bare, %.0f us bridge (x %.2f), "
                   "p99 %.0f us bare, %.0f us bridge (x %.2f)\n",
                   round + 1, row.cores.c_str(), got.bare.p50_us, got.bridge.p50_us,
                   got.p50_times, got.bare.p99_us, got.bridge.p99_us, got.p99_times);
    }
  }
}

std::vector<CommandsRow> measure(Subject& subject, const Options& options) {
  std::vector<CommandsRow> rows(2);
  rows[0].cores = "one";
  rows[1].cores = "any";
  Ring ring(subject);
  std::vector<pid_t> threads = threads_of(::getpid());  // before there are any that stay free
  for (const pid_t process : subject.processes()) {
    for (const pid_t thread : threads_of(process)) threads.push_back(thread);
  }
  Placement placement(std::move(threads));
  FanReader reader(connect_clients(subject, 1, options.receive_buffer_bytes),
                   subject.sequence_rule(), nullptr);
  reader.start();
  const EventText events(options.event_bytes);
  const auto begin = steady_clock::now() + kLead;
  TickedLoad load(subject.events_in(), events, options.command_events_per_s, begin);
  std::string lost;
  try {
    if (!testing_support::wait_until([&] { return interrupted || reader.slowest() > 0; })) {
      throw std::runtime_error("no event came");
    }
    measure_rounds(ring, placement, reader, options, rows);
  } catch (const std::exception& error) {
    lost = error.what();
  }
  placement.use_any_core();
  const std::chrono::duration<double> flowed = steady_clock::now() - begin;
  load.stop();
  const bool drained = load.failure().empty() && wait_drained(reader, load.published());
  reader.stop();
  if (interrupted) throw std::runtime_error("interrupted");
  if (!ring.trainer_did_all()) lost = "the bridge told of successes that were none";
  if (reader.failed()) {
    lost = reader.failure();
  } else if (!drained && lost.empty()) {
    lost = load.failure().empty() ? "not all events came" : load.failure();
  }
  for (CommandsRow& row : rows) {
    row.events_per_s = static_cast<double>(load.published()) / flowed.count();
    row.request_bytes = ring.trainer().request_bytes();
    row.reply_bytes = ring.trainer().reply_bytes();
    row.lost = lost;
  }
  return rows;
}

}  // namespace

std::vector<CommandsRow> measure_commands(const Options& options) {
  const auto& names = options.subjects;
  if (std::find(names.begin(), names.end(), "bridge") == names.end()) return {};
  const std::unique_ptr<Subject> subject = make_subject("bridge", options);
  subject->start();
  std::vector<CommandsRow> rows = measure(*subject, options);
  subject->stop();
  if (!rows.front().lost.empty()) {
    std::fprintf(stderr, "commands LOST: %s\n", rows.front().lost.c_str());
  }
  return rows;
}

}  // namespace bench
