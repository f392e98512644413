#include "source.h"

#include <algorithm>
#include <utility>

#include "bridge.h"
#include "command_message.h"
#include "feed/json.h"

namespace sim {
namespace {

constexpr std::size_t kUnderWayMax = 8;       // messages: a socket's high-water mark
constexpr std::size_t kReplyBytesMax = 2000;  // small, so that one answer is seldom all

ppo::RingLimits ring(const SourceManners& manners) { return {manners.ring_events, 1 << 20, 700}; }

}  // namespace

SimSource::SimSource(World& world, std::string name, SourceManners manners)
    : world_(world),
      name_(std::move(name)),
      manners_(manners),
      events_(std::make_unique<Wire>(world)),
      requests_in_(std::make_unique<Wire>(world)),
      answers_(std::make_unique<Wire>(world)) {
  start_run();
  burst();
  if (has_control()) announce_every_second();
}

void SimSource::start_run() {
  runs_.push_back({"run" + std::to_string(runs_.size() + 1), 0});
  bodies_.clear();
  busy_ = false;
  requests_.clear();
  if (manners_.kind != SourceKind::library) return;
  outbox_ = std::make_unique<ppo::Outbox>(ring(manners_), 10'000, name_, runs_.back().run);
  announcement_ = std::make_unique<ppo::Announcement>(name_, runs_.back().run);
}

// ---- Events.

void SimSource::burst() {
  if (settled_) return;
  if (manners_.restarts_one_in != 0 && world_.random.one_in(manners_.restarts_one_in)) {
    world_.note(name_ + " restarts");
    start_run();
    // What the one before it had sent may still be on its way.
    world_.random.one_in(2) ? events_->leave() : events_->cut();
    end_control();
    connect_events();
    connect_control();
  }
  const std::uint64_t count = world_.random.one_in(4) ? world_.random.below(40) : 1;
  for (std::uint64_t i = 0; i < count; ++i) publish();
  world_.after(world_.random.between(1, 400 * kMs), [this] { burst(); });
}

void SimSource::publish() {
  const std::uint64_t seq = ++runs_.back().head;
  const std::string type = seq % 3 == 0 ? "tock" : "tick";
  const std::string data = "{\"n\":" + std::to_string(seq) + "}";
  if (outbox_) {
    require(outbox_->offer(type, data), "the outbox refused an event");
    pump();
    return;
  }
  std::string body = R"({"type":")" + type + R"(","data":)" + data + R"(,"source":")" + name_ +
                     R"(","run":")" + runs_.back().run + R"(","source_seq":)" +
                     std::to_string(seq) + "}";
  bodies_.push_back(body);
  const bool dropped = manners_.drops_one_in != 0 && world_.random.one_in(manners_.drops_one_in);
  if (dropped || !events_open_ || events_->under_way() >= kUnderWayMax) return;
  deliver(std::move(body));
}

// What the library's sending thread does.
void SimSource::pump() {
  if (!outbox_ || !events_open_) return;
  while (events_->under_way() < kUnderWayMax) {
    ppo::Batch batch = outbox_->take();
    if (batch.empty()) return;
    if (world_.random.one_in(10)) {
      outbox_->put_back(std::move(batch));
      world_.after(10 * kMs, [this] { pump(); });
      return;
    }
    deliver(std::string(batch.body()));
    outbox_->sent(std::move(batch));
  }
}

void SimSource::deliver(std::string message, bool introduces) {
  events_->send([this, message = std::move(message), run = introduces ? runs_.back().run : ""] {
    if (world_.trace) world_.trace(world_.clock.steady_us(), name_ + " publishes " + message.substr(0, 150));
    bridge_->take(message);
    // Where the bridge knows as many as it may, it did not listen.
    if (bridge_->knows(name_, run)) introduced_.insert(run);
    pump();
  });
}

void SimSource::announce() {
  if (!events_open_ || !has_control()) return;
  if (outbox_) {
    deliver(announcement_->body(outbox_->numbering()), true);
    return;
  }
  const std::size_t oldest =
      bodies_.size() > manners_.ring_events ? bodies_.size() - manners_.ring_events + 1 : 1;
  deliver(R"({"type":"_source","source":")" + name_ + R"(","run":")" + runs_.back().run +
          R"(","data":{"head":)" + std::to_string(bodies_.size()) + R"(,"oldest":)" +
          std::to_string(oldest) + R"(,"agents":[],"commands":["pause"],"state":"running"}})",
          true);
}

void SimSource::announce_every_second() {
  announce();
  hello();
  world_.after(1000 * kMs, [this] { announce_every_second(); });
}

// ---- Connections.

void SimSource::bridge_changed(SimBridge* bridge) {
  bridge_ = bridge;
  introduced_.clear();
  events_->cut();
  requests_in_->cut();
  answers_->cut();
  busy_ = false;
  requests_.clear();
  connect_events();
  connect_control();
}

void SimSource::cut_events() {
  world_.note("events of " + name_ + " cut");
  world_.random.one_in(3) ? events_->leave() : events_->cut();
  connect_events();
}

void SimSource::cut_control() {
  world_.note("control of " + name_ + " cut");
  end_control();
  busy_ = false;
  requests_.clear();
  connect_control();
}

// The bridge's kernel hears of it a moment later.
void SimSource::end_control() {
  requests_in_->cut();
  answers_->cut();
  if (!control_open_ || bridge_ == nullptr) return;
  world_.after(world_.random.between(0, 20 * kMs), [this, connection = connection_, was = bridge_] {
    if (bridge_ == was) bridge_->disconnected(connection);
  });
}

void SimSource::hello() {
  if (!outbox_ || !control_open_) return;
  answers_->send([this, connection = connection_, run = runs_.back().run,
                  body = announcement_->body(outbox_->numbering())] {
    if (bridge_ == nullptr) return;
    if (world_.trace) world_.trace(world_.clock.steady_us(), name_ + " says " + body.substr(0, 150));
    bridge_->control(connection, body);
    introduced_.insert(run);
  });
}

void SimSource::connect_events() {
  events_open_ = false;
  if (outbox_) outbox_->set_connected(false);
  if (bridge_ == nullptr) return;
  world_.after(world_.random.between(1 * kMs, 700 * kMs), [this, n = ++events_connection_] {
    if (n != events_connection_ || bridge_ == nullptr) return;
    events_open_ = true;
    if (outbox_) outbox_->set_connected(true);
    if (manners_.announces_at_once) announce();
    pump();
  });
}

void SimSource::connect_control() {
  control_open_ = false;
  if (bridge_ == nullptr || !has_control()) return;
  world_.after(world_.random.between(1 * kMs, 1000 * kMs), [this, n = ++control_connection_] {
    if (n != control_connection_) return;
    control_open_ = true;
    control_open_since_us_ = world_.clock.steady_us();
    connection_ = outbox_ ? name_ + "-" + std::to_string(n) : name_;
    hello();
  });
}

// ---- Requests.

bool SimSource::request(const std::string& json) {
  if (!control_open_) return false;
  requests_in_->send([this, json] { take(json); });
  return true;
}

void SimSource::take(const std::string& json) {
  world_.note(name_ + " is asked " + json);
  if (!settled_ && manners_.hangs_one_in != 0 && world_.random.one_in(manners_.hangs_one_in)) {
    busy_ = true;  // for ever, where it does one thing at a time
    world_.after(world_.random.between(1, 5000 * kMs), [this] {
      busy_ = false;
      next_request();
    });
    return;
  }
  requests_.push_back(json);
  if (outbox_ || !busy_) next_request();
}

void SimSource::next_request() {
  if (requests_.empty()) return;
  const std::string json = std::move(requests_.front());
  requests_.pop_front();
  busy_ = true;
  answer(answer_to(json), world_.random.between(0, manners_.answer_us_max));
}

void SimSource::answer(const std::string& json, std::int64_t delay_us) {
  if (world_.trace) world_.trace(world_.clock.steady_us(), name_ + " answers " + json.substr(0, 100));
  world_.after(delay_us, [this, json, n = control_connection_] {
    busy_ = false;
    if (n == control_connection_ && control_open_) {
      answers_->send([this, json] {
        if (bridge_ != nullptr) bridge_->control(connection_, json);
      });
    }
    next_request();
  });
}

std::string SimSource::answer_to(const std::string& json) {
  const ppo::ParsedRequest parsed = ppo::parse_request(json);
  if (!parsed.request) {
    // A command for a source that it has not heard of yet names no run.
    require(parsed.id && json.find(ppo::kReplayCommand) == std::string::npos, "no request: " + json);
    return ppo::error_reply(parsed.id, parsed.error_type, parsed.message);
  }
  const ppo::CommandRequest& request = *parsed.request;
  if (request.run != runs_.back().run) {
    return ppo::error_reply(request.id, "rejected", "another run");
  }
  if (request.command != ppo::kReplayCommand) return ppo::result_reply(request.id, "{}");
  if (!manners_.knows_replay) return ppo::error_reply(request.id, "unknown_command", "?");
  const auto range = ppo::parse_replay(request.params);
  require(range.has_value(), "the bridge asked for no range: " + json);
  require(range->from >= 1 && range->from <= range->to, "an empty range: " + json);
  return replay(request.id, range->from, range->to);
}

std::string SimSource::replay(const std::string& id, std::uint64_t from, std::uint64_t to) {
  if (outbox_) return ppo::replay_reply(id, outbox_->replay(from, to, kReplyBytesMax));
  std::string events;
  const std::uint64_t newest = bodies_.size();
  const std::uint64_t oldest = newest > manners_.ring_events ? newest - manners_.ring_events + 1 : 1;
  for (std::uint64_t seq = std::max(from, oldest); seq <= std::min(to, newest); ++seq) {
    if (events.size() > kReplyBytesMax) break;
    events += (events.empty() ? "" : ",") + bodies_[seq - 1];
  }
  return ppo::replay_reply(id, events);
}

void SimSource::settle() { settled_ = true; }

}  // namespace sim
