#include "bare_stream.h"

#include <nats/nats.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <string_view>
#include <thread>

#include "cluster/proposal.h"
#include "engine/jetstream_stream.h"
#include "event/envelope.h"
#include "event_text.h"
#include "load.h"
#include "statistics.h"

namespace bench {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t kUnderWayMax = 4;
constexpr std::chrono::milliseconds kBetweenBlocks{1};
constexpr std::chrono::seconds kAckPatience{10};
constexpr std::chrono::milliseconds kBareHeadStart{300};
constexpr std::int64_t kAskMs = 2'000;

void must(natsStatus status, const char* what) {
  if (status != NATS_OK) throw std::runtime_error(std::string("NATS, ") + what + ": " + natsStatus_GetText(status));
}

class BareConnection {
 public:
  explicit BareConnection(const std::string& url) { must(natsConnection_ConnectTo(&connection_, url.c_str()), "connect"); }
  ~BareConnection() {
    for (natsSubscription* subscription : subscriptions_) natsSubscription_Destroy(subscription);
    natsConnection_Close(connection_);
    natsConnection_Destroy(connection_);
  }
  BareConnection(const BareConnection&) = delete;
  BareConnection& operator=(const BareConnection&) = delete;

  natsConnection* get() const { return connection_; }
  std::string ask(const std::string& subject, const std::string& body) {
    natsMsg* message = nullptr;
    const int size = static_cast<int>(body.size());
    if (natsConnection_Request(&message, connection_, subject.c_str(), body.data(), size, kAskMs) != NATS_OK) return {};
    std::string answer(natsMsg_GetData(message), static_cast<std::size_t>(natsMsg_GetDataLength(message)));
    natsMsg_Destroy(message);
    return answer;
  }
  void listen(const std::string& subject, natsMsgHandler handler, void* self) {
    natsSubscription* subscription = nullptr;
    must(natsConnection_Subscribe(&subscription, connection_, subject.c_str(), handler, self), "subscribe");
    subscriptions_.push_back(subscription);
    must(natsSubscription_SetPendingLimits(subscription, -1, -1), "limits");
    must(natsConnection_Flush(connection_), "flush");
  }

 private:
  natsConnection* connection_ = nullptr;
  std::vector<natsSubscription*> subscriptions_;
};

class Loop final : public BareStream {
 public:
  Loop(const std::vector<std::string>& urls, std::size_t leader, const Options& options)
      : options_(options), events_(options.event_bytes), writer_(), to_(urls[leader]), from_(urls[(leader + 1) % urls.size()]) {
    to_.listen(kAcks + ".*", on_ack, this);
    from_.listen("bare.out.>", on_block, this);
  }

  double events_per_s() override {
    begin_part(nullptr);
    while (!writer_.full()) add_event();
    const std::string block = writer_.take({"n", 1, 1, 0, 0, 0});
    const std::uint64_t held = number_;
    const auto begin = steady_clock::now();
    const auto counted_from = begin + seconds(options_.warmup_seconds);
    const auto end = counted_from + seconds(options_.seconds);
    steady_clock::time_point from_at{};
    std::uint64_t from_blocks = 0;
    while (!interrupted && steady_clock::now() < end) {
      wait_under_way(kUnderWayMax - 1);
      send(block);
      if (from_at == steady_clock::time_point{} && steady_clock::now() >= counted_from) {
        from_at = steady_clock::now();
        from_blocks = blocks_read_;
      }
    }
    const double took = seconds_since(from_at);
    const std::uint64_t read = blocks_read_ - from_blocks;
    wait_under_way(0);
    return static_cast<double>(read * held) / took;
  }

  std::unique_ptr<Histogram> latency() override {
    auto histogram = std::make_unique<Histogram>();
    const double rate = options_.latency_events_per_s;
    begin_part(histogram.get());
    begin_ = steady_clock::now() + kBareHeadStart;
    const auto end = begin_ + seconds(options_.warmup_seconds + options_.seconds);
    for (auto now = begin_, sent = begin_; !interrupted && now < end; now = steady_clock::now()) {
      while (due(begin_, rate, number_ + 1) <= now) add_event();
      const bool some = !writer_.empty();
      if (some && now >= sent + kBetweenBlocks && under_way() == 0) {
        sent = now;
        Place& place = places_[++no_ % kPlaces];
        place.first = last_ + 1;
        place.last = last_ = number_;
        send(writer_.take({"n", 1, no_, 0, 0, 0}));
        continue;
      }
      std::unique_lock lock(mutex_);
      auto until = due(begin_, rate, number_ + 1);
      if (some && sent + kBetweenBlocks > now) until = std::min(until, sent + kBetweenBlocks);
      changed_.wait_until(lock, until, [&] { return some && under_way_ == 0 && steady_clock::now() >= sent + kBetweenBlocks; });
    }
    wait_under_way(0);
    if (!testing_support::wait_until([this] { return blocks_read_ >= no_; })) throw std::runtime_error("bare: not all blocks came");
    listening_ = nullptr;
    if (!writer_.empty()) (void)writer_.take({"n", 1, 1, 0, 0, 0});
    return histogram;
  }

 private:
  struct Place {
    std::atomic<std::uint64_t> first{0};
    std::atomic<std::uint64_t> last{0};
  };
  static constexpr std::size_t kPlaces = 4096;
  static inline const std::string kAcks = "bare-acks";

  static steady_clock::duration seconds(double s) {
    return std::chrono::duration_cast<steady_clock::duration>(std::chrono::duration<double>(s));
  }

  void begin_part(Histogram* histogram) {
    blocks_read_ = no_ = number_ = last_ = 0;
    listening_ = histogram;
  }

  void add_event() {
    body_.clear();
    events_.append_published(body_, ++number_);
    if (parser_.parse(body_) != bridge::Reject::none) throw std::runtime_error("bare: a bad body");
    writer_.add(parser_.envelope());
  }

  void send(const std::string& block) {
    {
      const std::lock_guard lock(mutex_);
      ++under_way_;
    }
    const std::string reply = kAcks + ".b";
    must(natsConnection_PublishRequest(to_.get(), "bare.log.n", reply.c_str(), block.data(), static_cast<int>(block.size())), "publish");
  }

  std::size_t under_way() {
    const std::lock_guard lock(mutex_);
    return under_way_;
  }
  void wait_under_way(std::size_t most) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, kAckPatience, [&] { return under_way_ <= most; })) throw std::runtime_error("bare: no acknowledgement");
    if (!refusal_.empty()) throw std::runtime_error("bare: " + refusal_);
  }

  static void on_ack(natsConnection*, natsSubscription*, natsMsg* message, void* self) {
    Loop& loop = *static_cast<Loop*>(self);
    const auto seq = bridge::read_ack({natsMsg_GetData(message), static_cast<std::size_t>(natsMsg_GetDataLength(message))});
    {
      const std::lock_guard lock(loop.mutex_);
      --loop.under_way_;
      if (!seq) loop.refusal_ = seq.error().message;
    }
    loop.changed_.notify_all();
    natsMsg_Destroy(message);
  }

  static void on_block(natsConnection*, natsSubscription*, natsMsg* message, void* self) {
    Loop& loop = *static_cast<Loop*>(self);
    const auto now = steady_clock::now();
    if (Histogram* const histogram = loop.listening_; histogram != nullptr) {
      const std::string_view block(natsMsg_GetData(message), static_cast<std::size_t>(natsMsg_GetDataLength(message)));
      constexpr std::string_view kNo = "\"no\":";
      const std::size_t at = block.find(kNo) + kNo.size();
      std::uint64_t no = 0;
      std::from_chars(block.data() + at, block.data() + block.size(), no);
      const Place& place = loop.places_[no % kPlaces];
      const double rate = loop.options_.latency_events_per_s;
      for (std::uint64_t n = place.first; n <= place.last; ++n) {
        if (static_cast<double>(n) > loop.options_.warmup_seconds * rate) histogram->add(now - due(loop.begin_, rate, n));
      }
    }
    ++loop.blocks_read_;
    natsMsg_Destroy(message);
  }

  const Options options_;
  const EventText events_;
  bridge::EnvelopeParser parser_{1 << 20};
  bridge::ProposalWriter writer_;
  std::string body_;
  std::uint64_t number_ = 0;  // of the newest event
  std::uint64_t last_ = 0;    // of those that have left
  std::uint64_t no_ = 0;      // of the newest block
  steady_clock::time_point begin_;
  std::vector<Place> places_ = std::vector<Place>(kPlaces);
  std::atomic<Histogram*> listening_{nullptr};
  std::atomic<std::uint64_t> blocks_read_{0};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t under_way_ = 0;
  std::string refusal_;
  BareConnection to_;
  BareConnection from_;
};

}  // namespace

std::size_t leader_of(const std::vector<std::string>& urls, const std::string& stream) {
  const testing_support::Deadline deadline(std::chrono::seconds{10});
  for (std::size_t at = 0; !deadline.passed() && !interrupted; ++at) {
    try {
      BareConnection connection(urls[at % urls.size()]);
      const auto state = bridge::read_stream_state(connection.ask("$JS.API.STREAM.INFO." + stream, ""));
      if (state && state.value().leader.size() == 2) return static_cast<std::size_t>(state.value().leader[1] - '0') % urls.size();
    } catch (const std::runtime_error&) {
      // that one may be away
    }
    std::this_thread::sleep_for(std::chrono::milliseconds{100});
  }
  throw std::runtime_error("nobody leads the stream " + stream);
}

std::unique_ptr<BareStream> BareStream::open(const std::vector<std::string>& urls, const Options& options) {
  bridge::JetStreamOptions stream;
  stream.name = "bare";
  stream.replicas = static_cast<std::int64_t>(urls.size());
  stream.bytes_max = 1 << 30;
  stream.age_max_s = 86'400;
  BareConnection connection(urls.front());
  const testing_support::Deadline deadline(std::chrono::seconds{20});
  while (!bridge::read_stream_state(connection.ask("$JS.API.STREAM.CREATE.bare", bridge::stream_request(stream)))) {
    if (deadline.passed() || interrupted) throw std::runtime_error("JetStream makes no stream");
    std::this_thread::sleep_for(std::chrono::milliseconds{100});
  }
  return std::make_unique<Loop>(urls, leader_of(urls, "bare"), options);
}

}  // namespace bench
