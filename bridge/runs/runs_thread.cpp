#include "runs/runs_thread.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/log.h"
#include "base/step_back.h"

namespace bridge {
namespace {

constexpr int kReaderBusyMs = 1000;
constexpr int kTrimTurns = 16;
constexpr int kNice = 15;  // what there is no time for waits, and beyond its room is missed
// Blocks gather so long, unless somebody asks or so much waits: what each costs is mostly the transaction that it is folded
// in with, and this thread's waking, which beside a busy trainer takes a processor from somebody.
constexpr auto kGather = std::chrono::milliseconds(100);
constexpr std::size_t kGatherShare = 4;  // of what may wait

RequestError unknown_run(const RunChange& change) {
  return {ErrorType::bad_request, "params.run_id is \"" + change.run_id + "\", which is no run"};
}

bool may_change(const ReadScopePtr& scope, const RunChange& change) {
  if (scope == nullptr) return true;
  const auto name = RunName::parse(change.run_id);
  return name && scope->may_read_all(name->source, name->agent_id);
}

}  // namespace

RunsThread::RunsThread(RunsThreadOptions options, const Clock& clock, Listener listener)
    : options_(std::move(options)), clock_(clock), listener_(std::move(listener)) {
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "runs");
    step_back(kNice);
    run();
  });
}

RunsThread::~RunsThread() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    wake_.notify_one();
  }
  thread_.join();
}

bool RunsThread::ask(RunQuery query, ReadScopePtr scope, std::weak_ptr<const void> asker, Done done) {
  const void* const who = asker.lock().get();
  std::uint64_t begun = 0;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    begun = begun_round_;
  }
  const auto round = rounds_.add(who, begun);
  if (!round) return false;
  Question question{std::move(query), std::move(scope), std::move(asker),
                    [this, who, done = std::move(done)](const auto& answer) {
                      rounds_.end(who);
                      done(answer);
                    },
                    *round};
  const RunQuery& asked = question.query;
  if (const auto* const change = std::get_if<RunChange>(&asked); change != nullptr && !may_change(question.scope, *change)) {
    listener_.post([question, error = unknown_run(*change)] { question.done(error); });
    return true;
  }
  listener_.prepare(asked, [this, question, alive = std::weak_ptr<char>(alive_)](Prepared prepared) {
    if (!alive.expired()) on_prepared(question, prepared);
  });
  return true;
}

void RunsThread::on_prepared(Question question, Prepared prepared) {
  switch (prepared) {
    case Prepared::read: {
      const std::lock_guard<std::mutex> lock(mutex_);
      const auto place = std::upper_bound(questions_.begin(), questions_.end(), question.round,
                                          [](std::uint64_t round, const Question& q) { return round < q.round; });
      questions_.insert(place, std::move(question));
      wake_.notify_one();
      return;
    }
    case Prepared::changed:
      return question.done(RunAnswer{"\"changed\":true", std::nullopt, 1});
    case Prepared::unknown_run:
      return question.done(unknown_run(std::get<RunChange>(question.query)));
    case Prepared::failed:
      return question.done(
          RequestError{ErrorType::busy, "the journal cannot be written at the moment; see /readyz"});
    case Prepared::not_proposed:
      return question.done(RequestError{ErrorType::busy, "the cluster's log takes nothing at the moment; see /readyz"});
    case Prepared::not_taken:
      return question.done(RequestError{ErrorType::timeout, "the cluster's log has not taken it for 5 s; it may yet"});
  }
}

void RunsThread::push(BlockPtr block) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (queue_bytes_ > options_.queue_bytes_max) {
    missed_ += block->size();
    return;
  }
  const bool was_enough = enough_waits();
  queue_bytes_ += block->memory_bytes();
  blocks_.push_back(std::move(block));
  // One who gathers is left alone.
  if (blocks_.size() == 1 || (!was_enough && enough_waits())) wake_.notify_one();
}

bool RunsThread::enough_waits() const {
  return queue_bytes_ >= options_.queue_bytes_max / kGatherShare;
}

std::size_t RunsThread::memory_bytes() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return queue_bytes_ + memory_bytes_;
}

void RunsThread::run() {
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stopping_ || !questions_.empty() || !blocks_.empty(); });
    if (stopping_) return;
    if (!blocks_.empty()) {
      wake_.wait_for(lock, kGather, [this] { return stopping_ || !questions_.empty() || enough_waits(); });
      if (stopping_) return;
      std::deque<BlockPtr> blocks;
      blocks.swap(blocks_);
      const std::size_t bytes = queue_bytes_;
      lock.unlock();
      fold(blocks);
      blocks.clear();
      const std::size_t held = held_bytes();
      lock.lock();
      memory_bytes_ = held;
      queue_bytes_ -= bytes;
      continue;
    }
    Question question = std::move(questions_.front());
    questions_.pop_front();
    begun_round_ = std::max(begun_round_, question.round);
    const std::uint64_t missed = missed_;
    lock.unlock();
    auto answered = answer(question);
    if (answered && options_.path.empty()) {
      answered.value().members += ",\"missed\":" + std::to_string(missed);
    }
    // Whoever it is for must not end on this thread.
    listener_.post([question = std::move(question), answered = std::move(answered)] {
      question.done(answered);
    });
    lock.lock();
  }
}

std::size_t RunsThread::held_bytes() const {
  if (!memory_) return 0;
  const auto pages = static_cast<std::size_t>(memory_->number("PRAGMA page_count").value_or(0));
  const auto bytes = static_cast<std::size_t>(memory_->number("PRAGMA page_size").value_or(0));
  return pages * bytes + store_->memory_bytes();
}

void RunsThread::begin_in_memory() {
  if (!memory_) {
    memory_ = std::make_unique<Database>(":memory:");
    store_ = std::make_unique<RunStore>(*memory_, options_.limits);
  }
  memory_->run("BEGIN");
}

void RunsThread::fold(const std::deque<BlockPtr>& blocks) {
  try {
    begin_in_memory();
    for (const BlockPtr& block : blocks) store_->fold(*block, 0);
    store_->write(clock_.steady_us());
    for (int turn = 0; turn < kTrimTurns && store_->trim(clock_.wall_us()); ++turn) {
    }
    memory_->run("COMMIT");
  } catch (const DatabaseError& error) {
    log_error("runs_failed", "runs: cannot be kept in memory: {}", error.what());
    store_.reset();
    memory_.reset();
  }
}

Result<RunAnswer, RequestError> RunsThread::answer(const Question& question) {
  const auto cancelled = [&question] { return question.asker.expired(); };
  if (cancelled()) return RunAnswer();
  try {
    if (!options_.path.empty()) {
      Database file(options_.path, Database::Mode::read);
      sqlite3_busy_timeout(file.handle(), kReaderBusyMs);
      file.run("PRAGMA mmap_size=1073741824");
      file.run("PRAGMA cache_size=-8192");
      return answer_query(file, question.query, cancelled, question.scope.get());
    }
    begin_in_memory();
    const auto* const change = std::get_if<RunChange>(&question.query);
    const bool found = change == nullptr || store_->set_run(*change);
    store_->flush();
    memory_->run("COMMIT");
    if (!found) return unknown_run(*change);
    if (change != nullptr) return RunAnswer{"\"changed\":true", std::nullopt, 1};
    return answer_query(*memory_, question.query, cancelled, question.scope.get());
  } catch (const DatabaseError& error) {
    return RequestError{ErrorType::busy, std::string("the runs cannot be read: ") + error.what()};
  }
}

}  // namespace bridge
