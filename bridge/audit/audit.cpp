#include "audit/audit.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "base/log.h"
#include "event/json_document.h"
#include "event/json_writer.h"

namespace bridge {
namespace {

constexpr auto kAuditTick = std::chrono::milliseconds(250);
constexpr auto kAuditEndWait = std::chrono::seconds(1);
constexpr std::size_t kAuditQuestionsMax = 16;
constexpr std::int64_t kSayAgainUs = 60'000'000;

std::string page_json(const AuditFile::Page& page) {
  JsonWriter json;
  json.object().key("entries").list();
  for (const std::string& line : page.lines) {
    const auto entry = read_document(line);  // somebody may have written into the file
    if (entry && entry.value().IsObject()) json.raw(line);
  }
  return json.end_list().key("before").text_or_null(page.before).end_object().take();
}

}  // namespace

struct Audit::State {
  State(const AuditOptions& o, const Clock& c) : options(o), clock(c), file(o.file) {}

  const AuditOptions options;
  const Clock& clock;  // not looked at once it is ended
  AuditFile file;      // the thread's own, once it runs

  struct Question {
    std::string before;
    std::size_t count;
    std::function<void(std::string)> done;
  };
  std::mutex mutex;  // of all below
  std::condition_variable changed;
  AuditCollapse collapse;
  std::string lines;  // to be written
  std::deque<Question> questions;
  AuditCounts counts;
  std::uint64_t lost_told = 0;
  std::string problem;
  std::int64_t said_us = 0;
  bool running = false;
  bool ending = false;   // writes what there is
  bool ended = false;    // touches nothing outside any more

  void queue(std::string_view more) {
    const auto n = static_cast<std::uint64_t>(std::count(more.begin(), more.end(), '\n'));
    if (lines.size() + more.size() > options.queue_bytes_max) {
      counts.left_out += n;
    } else {
      lines += more;
    }
  }
  // What is missing stands where it is missing.
  void tell_lost() {
    const std::uint64_t lost = counts.left_out + counts.failed;
    if (lost == lost_told || !problem.empty()) return;
    AuditEntry entry;
    entry.what = "lost";
    entry.outcome = "lines were left out";
    const std::string line = audit_line(entry, clock.wall_us(), lost - lost_told);
    if (lines.size() + line.size() > options.queue_bytes_max) return;  // with the next ones
    lines += line;
    lost_told = lost;
  }
  void write(std::unique_lock<std::mutex>& lock);
};

void Audit::State::write(std::unique_lock<std::mutex>& lock) {
  const std::string text = std::exchange(lines, {});
  const auto all = static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
  lock.unlock();
  std::uint64_t lost = 0;
  if (!options.file.path.empty()) {
    lost = file.append(text);
  } else {
    for (std::size_t from = 0, to = 0; from < text.size(); from = to + 1) {
      to = text.find('\n', from);
      log_info("audit", "audit {}", std::string_view(text).substr(from, to - from));
    }
  }
  lock.lock();
  counts.lines += all - lost;
  counts.failed += lost;
  const std::string before = std::exchange(problem, lost == 0 ? "" : file.problem());
  if (ended || (problem.empty() && before.empty())) return;
  const std::int64_t now = clock.steady_us();
  if (problem.empty()) {
    log_warn("audit_file_written", "audit.file {} is written again; {} lines are lost", options.file.path, counts.failed);
  } else if (before.empty() || now - said_us >= kSayAgainUs) {
    said_us = now;
    log_error("audit_file_failed", "audit.file {}: {}; {} lines are lost so far", options.file.path, problem, counts.failed);
  }
}

Audit::Audit(AuditOptions options, const Clock& clock)
    : options_(std::move(options)), state_(std::make_shared<State>(options_, clock)) {}

Audit::~Audit() {
  std::unique_lock<std::mutex> lock(state_->mutex);
  if (state_->running) {
    state_->queue(state_->collapse.tick(state_->clock.wall_us(), state_->clock.steady_us(), true));
    state_->ending = true;
    state_->changed.notify_all();
    state_->changed.wait_for(lock, kAuditEndWait, [this] { return !state_->running; });
  }
  state_->ended = true;
}

Result<bool> Audit::start() {
  if (has_file()) {
    auto opened = state_->file.open();
    if (!opened) return opened;
  }
  state_->running = true;
  std::thread([state = state_] {
    pthread_setname_np(pthread_self(), "audit");
    run(state);
  }).detach();
  return true;
}

void Audit::run(const std::shared_ptr<State>& state) {
  std::unique_lock<std::mutex> lock(state->mutex);
  while (!state->ended) {
    state->changed.wait_for(lock, kAuditTick,
                            [&] { return state->ending || !state->lines.empty() || !state->questions.empty(); });
    if (state->ended) break;
    state->queue(state->collapse.tick(state->clock.wall_us(), state->clock.steady_us()));
    if (!state->lines.empty()) state->write(lock);
    state->tell_lost();
    if (state->ending && state->lines.empty()) break;
    if (state->questions.empty()) continue;
    const State::Question question = std::move(state->questions.front());
    state->questions.pop_front();
    lock.unlock();
    std::string json = page_json(state->file.read(question.before, question.count));
    lock.lock();
    if (!state->ended) state->options.post([done = question.done, json = std::move(json)] { done(json); });
  }
  state->running = false;
  state->changed.notify_all();
}

AuditNote::AuditNote(std::weak_ptr<Audit> audit, AuditEntry entry) : audit_(std::move(audit)), entry_(std::move(entry)) {}

AuditNote::~AuditNote() {
  if (entry_.outcome.empty()) end("unknown_outcome");
}

void AuditNote::end(std::string_view outcome) {
  entry_.outcome = outcome;
  if (const auto audit = audit_.lock()) audit->record(entry_);
}

void Audit::record(const AuditEntry& entry) {
  const bool told = has_file() || !is_question(entry.command) || entry.outcome != "success";
  if (!told) return;
  const std::lock_guard<std::mutex> lock(state_->mutex);
  const std::string line = state_->collapse.take(entry, state_->clock.wall_us(), state_->clock.steady_us());
  if (line.empty()) return;
  state_->queue(line);
  state_->changed.notify_all();
}

bool Audit::ask(std::string before, std::size_t count, std::function<void(std::string)> done) {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  if (!state_->running || state_->questions.size() >= kAuditQuestionsMax) return false;
  state_->questions.push_back({std::move(before), count, std::move(done)});
  state_->changed.notify_all();
  return true;
}

AuditCounts Audit::counts() const {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  return state_->counts;
}

std::string Audit::problem() const {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  return state_->problem;
}

}  // namespace bridge
