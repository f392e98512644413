#include "announcement.h"

#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "encode.h"
#include "json_text.h"
#include "names.h"
#include "timestamp.h"

namespace ppo {
namespace {

// How often a source says that it lives; and after how long it tries again where it could not.
constexpr std::chrono::seconds kAnnounceEvery{1};
constexpr std::chrono::milliseconds kAnnounceRetry{10};

constexpr std::size_t kParametersMax = 64;
constexpr std::size_t kParametersBytesMax = 16 * 1024;  // the bridge takes no more
constexpr std::size_t kParameterNameBytesMax = 256;

std::string start_of(std::string_view source, std::string_view run) {
  std::string text = R"({"type":"_source","source":")";
  text += source;
  text += R"(","run":")";
  text += run;
  text += R"(","data":{"head":)";
  return text;
}

std::string end_of_this_process() {
  std::string text = ",\"host\":";
  append_json_string(text, host_name());
  text += ",\"pid\":" + std::to_string(getpid());
  return text;
}

void append_list(std::string& out, const char* key, const std::vector<std::string>& list) {
  out += key;
  out += '[';
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (i > 0) out += ',';
    append_json_string(out, list[i]);
  }
  out += ']';
}

}  // namespace

Announcement::Announcement(std::string_view source, std::string_view run)
    : start_(start_of(source, run)), end_(end_of_this_process()) {}

void Announcement::begin() noexcept {
  begun_.store(true, std::memory_order_release);
}

bool Announcement::set_agents(const std::vector<std::string>& agent_ids) {
  if (!std::all_of(agent_ids.begin(), agent_ids.end(), is_name)) return false;
  std::vector<std::string> copy = agent_ids;
  {
    const std::lock_guard lock(mutex_);
    agents_ = std::move(copy);
  }
  changed();
  return true;
}

bool Announcement::set_state(std::string_view state) {
  if (state != "running" && state != "paused" && state != "stopped") return false;
  {
    const std::lock_guard lock(mutex_);
    if (state_ == state) return true;
    state_ = state;
  }
  changed();
  return true;
}

bool Announcement::set_parameters(const std::vector<Parameter>& parameters) {
  List list;
  for (const Parameter& each : parameters) {
    constexpr std::string_view kKinds[] = {"number", "integer", "boolean", "text", "choice"};
    const bool known = std::count(std::begin(kKinds), std::end(kKinds), each.kind) == 1;
    if (each.name.empty() || each.name.size() > kParameterNameBytesMax || !known) return false;
    if (!each.agent_id.empty() && !is_name(each.agent_id)) return false;
    Object one{{"name", each.name}, {"value", each.value}, {"kind", each.kind}};
    if (each.min) one.add("min", *each.min);
    if (each.max) one.add("max", *each.max);
    if (!each.unit.empty()) one.add("unit", each.unit);
    if (!each.choices.empty()) one.add("choices", each.choices);
    if (!each.agent_id.empty()) one.add("agent_id", each.agent_id);
    // Neither too deep nor, as a text, anything but what it says.
    if (check_json_object(one.json(), 2) == JsonText::malformed) return false;
    list.add(one);
  }
  std::string text = list.json();
  if (parameters.size() > kParametersMax || text.size() > kParametersBytesMax) return false;
  {
    const std::lock_guard lock(mutex_);
    parameters_ = std::move(text);
  }
  changed();
  return true;
}

void Announcement::set_commands(std::vector<std::string> names) {
  {
    const std::lock_guard lock(mutex_);
    commands_ = std::move(names);
  }
  changed();
}

std::string Announcement::body(Numbering numbering, std::optional<std::int64_t> clock_us,
                               std::optional<ClockHeard> heard) const {
  std::string text = start_ + std::to_string(numbering.head);
  text += ",\"oldest\":" + std::to_string(numbering.oldest);
  text += ",\"replay\":\"any_time\"";  // also while a command waits for its answer
  if (clock_us) (text += ",\"clock\":") += Timestamp(*clock_us).view();
  if (clock_us && heard) {
    (text += ",\"clock_heard\":{\"at\":") += Timestamp(heard->at_us).view();
    ((text += ",\"clock\":") += Timestamp(heard->clock_us).view()) += '}';
  }
  const std::lock_guard lock(mutex_);
  append_list(text, ",\"agents\":", agents_);
  append_list(text, ",\"commands\":", commands_);
  if (!parameters_.empty()) (text += ",\"parameters\":") += parameters_;
  text += end_;
  text += ",\"state\":\"" + state_ + "\"}}";
  return text;
}

bool AnnouncementSchedule::due(Clock::time_point now, std::uint64_t version,
                               std::uint64_t connection) {
  if (version != version_ || connection != connection_) {
    version_ = version;
    connection_ = connection;
    next_ = now;
  }
  return now >= next_;
}

void AnnouncementSchedule::said(Clock::time_point now, bool sent) {
  next_ = now + (sent ? std::chrono::milliseconds(kAnnounceEvery) : kAnnounceRetry);
}

}  // namespace ppo
