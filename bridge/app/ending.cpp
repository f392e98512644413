#include "app/ending.h"

#include <utility>

#include "base/log.h"
#include "base/loop_turns.h"

namespace bridge {
namespace {

constexpr std::int64_t kDrainUs = 5'000'000;
constexpr std::int64_t kHandOverDrainUs = 1'000'000;  // nobody is served meanwhile; who is cut off resumes

}  // namespace

Ending::Ending(asio::io_context& io, EventLog& log, Journal* journal, ClientServers& clients, ServiceManager& service,
               const Clock& clock, Program program, EndingLinks links)
    : io_(io),
      clients_(clients),
      service_(service),
      clock_(clock),
      links_(std::move(links)),
      signals_(io, actions()),
      drain_(clients, clock, [this] { begin("drained"); }),
      stopping_(io, log, journal, clients, clock),
      hand_over_(std::move(program)) {}

SignalActions Ending::actions() {
  return {[this] {
            const TurnPart part("reload");
            service_.reloading(clock_.steady_us());
            links_.reload();
            service_.ready(links_.status());
          },
          [this] {
            if (!drain_.active()) drain_.begin(links_.drain_s(), "SIGUSR1");
          },
          [this] {
            if (stopping_.begun() || drain_.active()) return;
            if (hand_over_.begin(clock_.steady_us())) service_.reloading(clock_.steady_us());
          },
          [this](const char* signal) {
            if (!stopping_.begun()) return begin(signal);
            log_warn("stopping_at_once", "a second signal: stopping at once");
            handed_over_.clear();
            io_.stop();
          }};
}

void Ending::tick() {
  drain_.tick();
  watch_hand_over();
}

void Ending::watch_hand_over() {
  const HandOver::Answer answer = hand_over_.answer(clock_.steady_us());
  if (answer == HandOver::Answer::none || stopping_.begun()) return;
  if (answer == HandOver::Answer::bad) return service_.ready(links_.status());
  handed_over_ = clients_.copy_listening_sockets();
  if (handed_over_.empty()) {
    log_error("hand_over_failed", "does not hand over, and goes on: no descriptor is free");
    return service_.ready(links_.status());
  }
  stop("handing over", kHandOverDrainUs);
}

void Ending::begin(const char* why) { stop(why, kDrainUs); }

void Ending::stop(const char* why, std::int64_t drain_us) {
  stopping_.begin(why, drain_us, [this, why] {
    // The service goes on where it is handed over.
    if (handed_over_.empty()) service_.stopping(std::string("stopping: ") + why);
    links_.take_last();
  }, links_.kept);
}

void Ending::over() {
  signals_.clear();
  ignore_signals(handed_over_.empty());
}

}  // namespace bridge
