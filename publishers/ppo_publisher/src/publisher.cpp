#include <ppo_publisher/publisher.h>

#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <stdexcept>
#include <utility>

#include "announcement.h"
#include "control.h"
#include "encode.h"
#include "json_text.h"
#include "names.h"
#include "options.h"
#include "outbox.h"
#include "runs.h"
#include "sender.h"

namespace ppo {
namespace {

// A thread's scratch memory beyond this is given back after use.
constexpr std::size_t kScratchBytesKept = 64u << 10;

// A publisher that failed still has limits; no event ever reaches them.
RingLimits ring_limits(const PublisherOptions& options) {
  return {options.ring_events_max, options.ring_bytes_max, options.batch_bytes_max};
}

}  // namespace

class Publisher::Impl {
 public:
  explicit Impl(PublisherOptions options)
      : options_(complete(std::move(options))),
        outbox_(ring_limits(options_), options_.event_bytes_max, options_.source, options_.run),
        runs_(outbox_, options_.run),
        announcement_(options_.source, options_.run) {
    std::string wrong = check(options_);
    if (wrong.empty()) {
      try {
        sender_.emplace(options_, outbox_, announcement_);
        if (control() == nullptr && !options_.control.empty())
          command_error_ = sender_->no_control();
      } catch (const std::invalid_argument& e) {  // of the key, or the addresses
        wrong = e.what();
      } catch (const std::exception& e) {
        wrong = "endpoint " + printable(options_.endpoint) + ": " + e.what();
      }
    }
    if (wrong.empty()) {
      const bool run =
          !options_.run_name.empty() || !options_.config.fields().empty() || !options_.tags.empty();
      if (run) runs_.start(options_.run_name, options_.config, options_.tags, {});
      return;
    }
    outbox_.fail(wrong);
    if (!is_name(options_.source)) options_.source.clear();
    if (!is_name(options_.run)) options_.run.clear();
  }
  ~Impl() {
    finish();
    give_back_source(options_.source);
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  bool publish(std::string_view type, std::string_view data) noexcept {
    if (!is_event_type(type)) return refuse(type, [] { return bad_type(); });
    switch (check_json_object(data)) {
      case JsonText::object:
        return outbox_.offer(type, data);
      case JsonText::object_with_breaks:
        return with_scratch(type, [&](std::string& scratch) {
          return append_json_object(scratch, data) && outbox_.offer(type, scratch);
        });
      case JsonText::malformed:
        break;
    }
    return refuse(type, [data] { return bad_data(data); });
  }

  bool publish(std::string_view type, const Field* fields, std::size_t count) noexcept {
    return with_scratch(type, [&](std::string& scratch) {
      append_object(scratch, fields, count);
      return publish(type, std::string_view(scratch));
    });
  }

  bool publish_typed(std::string_view type, const void* event, Encode encode) noexcept {
    if (!is_event_type(type)) return refuse(type, [] { return bad_type(); });
    return with_scratch(type, [&](std::string& scratch) {
      return encode(event, scratch) ? outbox_.offer(type, scratch) : outbox_.refuse(type, scratch);
    });
  }

  // `answer(control)`, or else `without` where there is no control channel.
  template <class Answer, class Value>
  Value with_control(Answer&& answer, Value without) const {
    return control() != nullptr ? answer(*control()) : without;
  }

  std::size_t wait_commands(std::chrono::milliseconds timeout) noexcept {
    if (control() != nullptr) return control()->wait(timeout);
    no_commands_.wait(timeout);
    return 0;
  }

  // "", or why not.
  std::string on_command(std::string_view name, CommandHandler&& handler, CommandThread thread) {
    if (!is_event_type(name)) {
      return "the command '" + printable(name) + "' must be " + std::string(kTypeRange);
    }
    if (handler == nullptr) return "the handler of '" + std::string(name) + "' is empty";
    if (!sender_) return outbox_.error();
    if (control() == nullptr) return sender_->no_control();
    if (no_commands_.closed()) return "the publisher is closed";
    control()->add(name, std::move(handler), thread);
    announcement_.set_commands(control()->names());
    tell_change();
    return {};
  }

  void set_command_error(std::string error) {
    const std::lock_guard lock(command_error_mutex_);
    command_error_ = std::move(error);
  }

  std::string command_error() const {
    {
      const std::lock_guard lock(command_error_mutex_);
      if (!command_error_.empty()) return command_error_;
    }
    return with_control([](Control& control) { return control.error(); }, std::string());
  }

  template <class Change>
  bool announce(Change&& change) noexcept {
    try {
      if (!change(announcement_)) return false;
    } catch (const std::exception&) {
      return false;
    }
    tell_change();
    return true;
  }

  template <class Change>
  bool with_runs(std::string_view type, Change&& change) noexcept {
    try {
      return change(runs_);
    } catch (const std::exception&) {
      return outbox_.refuse(type, "out of memory");
    }
  }

  // Within a handler, what is left to do waits for its answer.
  void close() noexcept {
    if (!in_handler()) return finish();
    end_runs();
    close_asked_ = true;
    close_commands();
    outbox_.close();
  }

  void close_if_asked() noexcept {
    if (close_asked_ && !in_handler()) finish();
  }

  bool in_handler() const noexcept {
    return with_control([](Control& control) { return control.in_handler(); }, false);
  }

  // Events can be had again until the last of them is sent, and for a moment longer.
  void finish() noexcept {
    close_commands();
    end_runs();
    outbox_.close();
    if (sender_) sender_->close();
  }

  const Outbox& outbox() const { return outbox_; }
  bool flush(std::chrono::milliseconds timeout) noexcept { return outbox_.flush(timeout); }
  const PublisherOptions& options() const { return options_; }

 private:
  static std::string bad_type() { return "the type must be " + std::string(kTypeRange); }
  static std::string bad_data(std::string_view data) {
    return "data is not a JSON object of at most " + std::to_string(kDataDepthMax) +
           " levels: wrong at byte " + std::to_string(malformed_at(data));
  }

  void end_runs() noexcept {
    const bool unwinding = std::uncaught_exceptions() > exceptions_;
    with_runs("run_ended",
              [&](Runs& runs) { return runs.end(unwinding ? "crashed" : "finished", {}, {}); });
  }

  template <class Why>
  bool refuse(std::string_view type, Why&& why) noexcept {
    try {
      return outbox_.refuse(type, why());
    } catch (const std::exception&) {
      return outbox_.refuse(type, "out of memory");
    }
  }

  // body(an empty string that keeps its memory from call to call), or refused where memory runs
  // out.
  template <class Body>
  bool with_scratch(std::string_view type, Body&& body) noexcept {
    thread_local std::string scratch;
    bool accepted = false;
    try {
      scratch.clear();
      accepted = body(scratch);
      if (scratch.capacity() > kScratchBytesKept) std::string().swap(scratch);
    } catch (const std::exception&) {
      outbox_.refuse(type, "out of memory");
    }
    return accepted;
  }

  void tell_change() noexcept {
    if (announcement_.begun()) outbox_.wake();
  }

  Control* control() const noexcept { return sender_ ? sender_->control() : nullptr; }

  void close_commands() noexcept {
    no_commands_.close();
    with_control([](Control& control) { return control.close_commands(), true; }, false);
  }

  PublisherOptions options_;
  Outbox outbox_;
  Runs runs_;
  const int exceptions_ = std::uncaught_exceptions();  // that are on their way already
  Announcement announcement_;
  std::optional<Sender> sender_;

  std::atomic<bool> close_asked_{false};  // by a handler
  CommandQueue no_commands_;              // what is waited for where there is no control

  mutable std::mutex command_error_mutex_;
  std::string command_error_;  // of the last on_command()
};

Publisher::Publisher(PublisherOptions options) noexcept {
  try {
    impl_ = new Impl(std::move(options));
  } catch (const std::exception&) {
    impl_ = nullptr;
  }
}

Publisher::~Publisher() {
  if (impl_ == nullptr) return;
  if (!impl_->in_handler()) {
    delete impl_;
    return;
  }
  // The process exits within a handler: its thread, and others, may be using the rest until the
  // end. Kept where it can be found, so that it is no leak.
  static std::atomic<Impl*> kept{nullptr};
  impl_->finish();
  kept = impl_;
}

bool Publisher::publish(std::string_view type, std::string_view data_json) noexcept {
  return impl_ != nullptr && impl_->publish(type, data_json);
}

bool Publisher::publish(std::string_view type, std::initializer_list<Field> data) noexcept {
  return impl_ != nullptr && impl_->publish(type, data.begin(), data.size());
}
bool Publisher::publish(std::string_view type, const Object& data) noexcept {
  return impl_ != nullptr && impl_->publish(type, data.fields().data(), data.fields().size());
}
bool Publisher::publish_typed(std::string_view type, const void* event, Encode encode) noexcept {
  return impl_ != nullptr && impl_->publish_typed(type, event, encode);
}

bool Publisher::start_run(std::string_view name, const Object& config,
                          const std::vector<std::string>& tags,
                          std::string_view agent_id) noexcept {
  return impl_ != nullptr && impl_->with_runs("run_started", [&](Runs& runs) {
    return runs.start(name, config, tags, agent_id);
  });
}

bool Publisher::update_config(const Object& config, std::string_view agent_id) noexcept {
  return impl_ != nullptr && impl_->with_runs("run_config", [&](Runs& runs) {
    return runs.update_config(config, agent_id);
  });
}

bool Publisher::end_run(std::string_view state, std::string_view error,
                        std::string_view agent_id) noexcept {
  return impl_ != nullptr && impl_->with_runs("run_ended", [&](Runs& runs) {
    return runs.end(state, error, agent_id);
  });
}

std::string Publisher::run_name() const {
  std::string name;
  if (impl_ != nullptr) {
    impl_->with_runs("", [&](Runs& runs) { return name = runs.name(), true; });
  }
  return name;
}

Span::~Span() {
  using std::chrono::duration;
  try {
    const duration<double, std::milli> took = std::chrono::steady_clock::now() - began_;
    Object data{{"name", name_},
                {"start", duration<double>(start_.time_since_epoch()).count()},
                {"duration_ms", took.count()}};
    if (step_) data.add("step", *step_);
    if (!agent_id_.empty()) data.add("agent_id", agent_id_);
    publisher_.publish("span", data);
  } catch (const std::exception&) {
    // Out of memory: nothing is measured this time.
  }
}

bool Publisher::on_command(std::string_view name, CommandHandler handler,
                           CommandThread thread) noexcept {
  if (impl_ == nullptr) return false;
  try {
    std::string wrong = impl_->on_command(name, std::move(handler), thread);
    const bool registered = wrong.empty();
    impl_->set_command_error(std::move(wrong));
    return registered;
  } catch (const std::exception&) {
    return false;  // out of memory or threads
  }
}

std::size_t Publisher::poll_commands() noexcept {
  if (impl_ == nullptr) return 0;
  const auto ran =
      impl_->with_control([](Control& control) { return control.poll(); }, std::size_t{0});
  impl_->close_if_asked();
  return ran;
}

std::size_t Publisher::wait_commands(std::chrono::milliseconds timeout) noexcept {
  if (impl_ == nullptr) return 0;
  const auto ran = impl_->wait_commands(timeout);
  impl_->close_if_asked();
  return ran;
}

CommandStats Publisher::command_stats() const noexcept {
  if (impl_ == nullptr) return {};
  return impl_->with_control([](Control& control) { return control.stats(); }, CommandStats{});
}

std::string Publisher::command_error() const {
  return impl_ != nullptr ? impl_->command_error() : error();
}

bool Publisher::set_agents(const std::vector<std::string>& agent_ids) noexcept {
  return impl_ != nullptr && impl_->announce([&](Announcement& announcement) {
    return announcement.set_agents(agent_ids);
  });
}

bool Publisher::set_state(std::string_view state) noexcept {
  return impl_ != nullptr &&
         impl_->announce([&](Announcement& announcement) { return announcement.set_state(state); });
}

bool Publisher::set_parameters(const std::vector<Parameter>& parameters) noexcept {
  return impl_ != nullptr && impl_->announce([&](Announcement& announcement) {
    return announcement.set_parameters(parameters);
  });
}

PublisherStats Publisher::stats() const noexcept {
  return impl_ != nullptr ? impl_->outbox().stats() : PublisherStats{};
}

const std::string& Publisher::source() const noexcept {
  static const std::string kNone;
  return impl_ != nullptr ? impl_->options().source : kNone;
}

const std::string& Publisher::run() const noexcept {
  static const std::string kNone;
  return impl_ != nullptr ? impl_->options().run : kNone;
}

std::string Publisher::error() const {
  return impl_ != nullptr ? impl_->outbox().error()
                          : "the publisher could not start: out of memory or file descriptors";
}

std::string Publisher::last_refusal() const {
  return impl_ != nullptr ? impl_->outbox().last_refusal() : error();
}

bool Publisher::flush(std::chrono::milliseconds timeout) noexcept {
  return impl_ != nullptr && impl_->flush(timeout);
}

void Publisher::close() noexcept {
  if (impl_ != nullptr) impl_->close();
}

}  // namespace ppo
