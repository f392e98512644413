#include "net/fan_out.h"

#include <algorithm>
#include <utility>

#include <asio/post.hpp>

#include "base/limits.h"

namespace bridge {

FanOut::FanOut(asio::io_context& io, EventLog& log, Snapshot& snapshot, ColdReader* journal,
               CommandTaker& desk, WsServer::HttpHandler on_http, Counters& counters,
               const Clock& clock, FanOutOptions options, std::function<void()> on_relieved)
    : io_(io),
      log_(log),
      on_relieved_(std::move(on_relieved)),
      epochs_known_(log.epochs().size()),
      admission_(options.server.admission),
      inboxes_(options.threads) {
  if (options.threads == 1) {
    local_ = std::make_unique<Shard>(
        ShardParts{io, log, snapshot, journal, desk, counters, clock, options.version,
                   options.limits, options.deflate_level, {}},
        options.server, std::move(on_http));
    return;
  }
  options.server.share_port = true;
  for (std::size_t i = 0; i < options.threads; ++i) {
    states_.push_back(std::make_unique<State>());
    FanOutThreadParts parts{i,
                            inboxes_,
                            io,
                            desk,
                            journal,
                            on_http,
                            [this, i] { on_idle(i); },
                            options.log_start,
                            options.history_limits,
                            options.holds_back,
                            clock,
                            options.version,
                            options.limits,
                            options.deflate_level};
    threads_.push_back(std::make_unique<FanOutThread>(std::move(parts), options.server));
  }
}

FanOut::~FanOut() { stop(); }

Result<bool> FanOut::start() {
  if (local_) return local_->start();
  for (std::size_t i = 0; i < threads_.size(); ++i) {
    if (i != 0) threads_[i]->listen_on(threads_.front()->address());
    auto started = threads_[i]->start();
    if (!started) return started;
  }
  for (const auto& thread : threads_) thread->run();
  return true;
}

void FanOut::follow_log(std::function<ColdExtent()> extent) {
  if (local_) return;
  extent_ = std::move(extent);
  put_extent();
  log_.add_on_seal([this](const BlockPtr& block) { on_sealed(block); });
  log_.set_on_merge([this](const BlockPtr& merged) { wake(inboxes_.put_merged(merged)); });
}

const Address& FanOut::address() const {
  return local_ ? local_->address() : threads_.front()->address();
}

bool FanOut::somebody_idle() const {
  return std::any_of(states_.begin(), states_.end(),
                     [](const auto& state) { return state->idle.load(); });
}

// A thread that becomes idle looks at gathering_ after it has said so, and we at idle after we have set
// it: so one of the two sees the other.
void FanOut::announce() {
  if (local_) return local_->announce();
  if (log_.history().last_seq() == log_.last_seq()) return;
  gathering_ = true;
  if (!somebody_idle()) return;
  gathering_ = false;
  log_.seal();
}

void FanOut::on_idle(std::size_t index) {
  states_[index]->idle = true;
  const bool wanted = gathering_;
  const bool relieved = congested_ && inboxes_.bytes() < kFanOutBacklogBytesMax / 2;
  if (!wanted && !relieved) return;
  asio::post(io_, [this] {
    announce();
    if (congested_ && !congested()) on_relieved_();
  });
}

void FanOut::on_sealed(const BlockPtr& block) {
  if (stopped_) return;
  for (const auto& state : states_) state->idle = false;
  put_extent();
  wake(inboxes_.put_block(block));
}

void FanOut::wake(const Inboxes::Sleepers& sleepers) {
  for (const std::size_t i : sleepers) threads_[i]->wake();
}

void FanOut::call_each(const std::function<void(FanOutThread&)>& f) const {
  for (const auto& thread : threads_) {
    thread->call([f, target = thread.get()] { f(*target); });
  }
}

bool FanOut::congested() const {
  if (local_) return false;
  congested_ = inboxes_.bytes() > (congested_ ? kFanOutBacklogBytesMax / 2 : kFanOutBacklogBytesMax);
  return congested_;
}

void FanOut::put_extent() {
  if (extent_) inboxes_.put_extent(extent_());
}

// A file that could be opened only now may hold epochs from before.
void FanOut::on_journal() {
  if (local_) return;
  put_extent();
  if (log_.epochs().size() == epochs_known_) return;
  epochs_known_ = log_.epochs().size();
  const std::vector<EpochStart> earlier(log_.epochs().begin(), log_.epochs().end() - 1);
  call_each([earlier](FanOutThread& thread) { thread.learn_epochs(earlier); });
}

void FanOut::release(std::uint64_t seq) {
  call_each([seq](FanOutThread& thread) { thread.release(seq); });
}

void FanOut::drain() {
  if (local_) return local_->drain();
  log_.seal();
  call_each([](FanOutThread& thread) { thread.drain(); });
}

void FanOut::stop() {
  stopped_ = true;
  for (const auto& thread : threads_) thread->stop();
}

void FanOut::report(std::function<void(const ClientsReport&)> done) const {
  if (local_) {
    done(local_->report());
    return;
  }
  struct Gathered {
    ClientsReport report;
    std::size_t missing;
    std::function<void(const ClientsReport&)> done;
  };
  const auto gathered =
      std::make_shared<Gathered>(Gathered{{}, threads_.size(), std::move(done)});
  call_each([this, gathered](FanOutThread& thread) {
    asio::post(io_, [gathered, report = thread.report()]() mutable {
      gathered->report.add(std::move(report));
      if (--gathered->missing == 0) gathered->done(gathered->report);
    });
  });
}

}  // namespace bridge
