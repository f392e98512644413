#include "commands/growing_replies.h"

#include <iterator>
#include <list>
#include <map>
#include <utility>
#include <vector>

namespace bridge {
namespace {

constexpr std::size_t kRepliesWaitingMax = 32;          // for the journal or for other threads
constexpr std::size_t kLargeReplyBytes = 256 * 1024;  // is told in a turn of its own
constexpr std::size_t kBesideBytes = 512;             // of one, with its place in the queue of work
constexpr std::size_t kSmallReplyBytes = 64 * 1024;   // has room where larger ones have none
constexpr std::size_t kGoOnAtOnce = 16;               // of those that are held, once one has ended
constexpr std::size_t kPartForAsked = 8;              // of the share: what is asked and not begun

constexpr char kTooMany[] = "too many of your requests are being worked on";

RequestError busy(const char* why) { return {ErrorType::busy, why}; }

}  // namespace

// The oldest first, how many each asker has, and what they take before they are begun.
struct GrowingReplies::All {
  void let_go_on();

  GrowingReplies* owner;  // null once it has ended
  std::list<Growing*> replies = {};
  std::map<const RequestBudget*, std::size_t> of_asker = {};
  std::size_t asked_bytes = 0;
};

struct GrowingReplies::Growing : Reply {
  Growing(std::shared_ptr<All> those, const std::shared_ptr<RequestBudget>& account)
      : asker(account), key(account.get()), all(std::move(those)) {
    place = all->replies.insert(all->replies.end(), this);
    ++all->of_asker[key];
  }
  ~Growing() {
    hold.release();
    all->replies.erase(place);
    const auto his = all->of_asker.find(key);
    if (--his->second == 0) all->of_asker.erase(his);
    all->asked_bytes -= asked_bytes;
    all->let_go_on();
  }
  void count() { hold.set(kBesideBytes + json.capacity() + kept_bytes); }

  const std::weak_ptr<RequestBudget> asker;
  const RequestBudget* const key;  // he may be gone
  bool at_once = false;
  bool ready = false;  // what it waits for is there
  std::shared_ptr<Growing> held;  // itself, until there is memory for it
  ResultDone done;
  Write step;
  MemoryHold hold;
  std::size_t asked_bytes = 0;
  const std::shared_ptr<All> all;  // it may outlive the others
  std::list<Growing*>::iterator place;
};

// The oldest of those that are held; whoever finds no memory yet is held again.
void GrowingReplies::All::let_go_on() {
  if (owner == nullptr) return;
  std::size_t n = 0;
  for (auto reply = replies.begin(); reply != replies.end() && n < kGoOnAtOnce; ++reply) {
    if ((*reply)->held == nullptr) continue;
    owner->go_on(std::exchange((*reply)->held, nullptr), false);
    ++n;
  }
}

GrowingReplies::GrowingReplies(WorkQueue* work, MemoryShare* share)
    : work_(work), share_(share), all_(std::make_shared<All>(All{this})) {}

GrowingReplies::~GrowingReplies() {
  all_->owner = nullptr;
  std::vector<std::shared_ptr<Growing>> held;  // each takes itself out of the list
  for (Growing* const reply : all_->replies) held.push_back(std::exchange(reply->held, nullptr));
}

void GrowingReplies::write(const std::shared_ptr<RequestBudget>& account, const ResultDone& done, Write step,
                           std::size_t kept_bytes) {
  const std::size_t asked_bytes = kBesideBytes + kept_bytes;
  if (share_ != nullptr && all_->asked_bytes != 0 && all_->asked_bytes + asked_bytes > share_->bytes_max() / kPartForAsked) {
    share_->refuse();
    return done(busy("too many requests of all clients wait; try again soon"));
  }
  const auto his = all_->of_asker.find(account.get());
  if (account != nullptr && his != all_->of_asker.end() && his->second >= kWaitingWorkMax) return done(busy(kTooMany));
  const auto reply = std::make_shared<Growing>(all_, account);
  all_->asked_bytes += reply->asked_bytes = asked_bytes;
  reply->kept_bytes = kept_bytes;
  reply->at_once = work_ == nullptr || account == nullptr;
  reply->done = done;
  reply->step = std::move(step);
  if (share_ != nullptr) reply->hold.of(*share_);
  reply->count();
  go_on(reply, true);
}

void GrowingReplies::resume(const ReplyPtr& reply) {
  const auto waited = std::static_pointer_cast<Growing>(reply);
  waited->ready = true;  // it may be stepping
  if (waiting_.erase(waited) != 0) go_on(waited, false);
}

void GrowingReplies::tell(const std::weak_ptr<RequestBudget>& account, const ResultDone& done, std::string json,
                          std::shared_ptr<const void> held) {
  if (work_ == nullptr || account.expired() || json.size() <= kLargeReplyBytes) return done(std::move(json));
  const std::uint64_t cost = json.size() / kCopiedBytesPerWork;
  const auto result = std::make_shared<std::string>(std::move(json));
  work_->add_later(account, [done, result, cost, held = std::move(held)](bool* ended) {
    *ended = true;
    done(std::move(*result));
    return cost;
  });
}

void GrowingReplies::go_on(const std::shared_ptr<Growing>& reply, bool first) {
  const auto one_step = [this, reply](bool* paused) { return step(reply, paused); };
  if (reply->at_once) {
    for (bool paused = false; !paused;) one_step(&paused);
  } else if (!first) {
    work_->add_later(reply->asker, one_step);
  } else if (!work_->add(reply->asker, one_step)) {
    reply->done(busy(kTooMany));
  }
}

std::uint64_t GrowingReplies::step(const std::shared_ptr<Growing>& reply, bool* paused) {
  if (!reply->at_once && !may_go_on(*reply)) {
    *paused = true;
    reply->held = reply;
    return 1;
  }
  std::uint64_t work = 0;
  reply->ready = false;
  State state = reply->step(reply, &work);
  if (state == State::waiting && reply->ready) state = State::more;
  *paused = state != State::more;
  reply->count();
  if (state == State::ended) {
    tell(reply->asker, reply->done, reply->json.take(), reply);
  } else if (state == State::waiting && !may_wait()) {
    reply->done(busy("too many requests wait already; try later"));
  } else if (state == State::waiting) {
    waiting_.insert(reply);
  }
  return work;
}

// Those that nobody wants any more make room.
bool GrowingReplies::may_wait() {
  if (waiting_.size() < kRepliesWaitingMax) return true;
  for (auto one = waiting_.begin(); one != waiting_.end();) {
    one = !(*one)->at_once && (*one)->asker.expired() ? waiting_.erase(one) : std::next(one);
  }
  return waiting_.size() < kRepliesWaitingMax;
}

// The other half is for what clients are sending.
bool GrowingReplies::may_go_on(const Growing& reply) const {
  if (share_ == nullptr || all_->replies.front() == &reply) return true;
  return share_->bytes() <= share_->bytes_max() / (reply.hold.bytes() > kSmallReplyBytes ? 2 : 1);
}

}  // namespace bridge
