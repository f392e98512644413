#include "runs.h"

#include <algorithm>
#include <utility>

#include "encode.h"
#include "json_text.h"
#include "names.h"
#include "program.h"

namespace ppo {
namespace {

constexpr std::size_t kConfigBytesMax = 64 * 1024;
constexpr std::size_t kTextBytesMax = 256;  // of a name or a tag
constexpr std::size_t kTagsMax = 64;
constexpr std::size_t kLeftOutMax = 64;
constexpr std::size_t kErrorBytesMax = 4096;
constexpr int kConfigDepthMax = kDataDepthMax - 1;

std::string text_of(const Field& field) {
  std::string text;
  append_object(text, &field, 1);
  return text;
}

}  // namespace

bool Runs::start(std::string_view name, const Object& config, const std::vector<std::string>& tags,
                 std::string_view agent_id) {
  const std::lock_guard lock(mutex_);
  const std::string agent(agent_id);
  const auto old = open_.find(agent);
  std::string wanted(name.substr(0, kTextBytesMax));
  if (wanted.empty()) {
    wanted = old != open_.end() ? old->second.name : program_name() + '-' + run_;
  }
  if (old != open_.end()) {
    if (old->second.name == wanted) return change(config, agent);
    if (!publish("run_ended", {{"state", "finished"}}, agent)) return false;
    open_.erase(old);
  }
  Object given{{"program", about_program()}};
  for (const Field& field : config.fields()) given.add(field.name, field.value);
  Run run{wanted, {}};
  Object data{{"name", wanted}};
  const Object changed = changes(given, run.config);
  for (const Field& field : changed.fields()) data.add(field.name, field.value);
  if (!tags.empty()) {
    List list;
    for (std::size_t i = 0; i < std::min(tags.size(), kTagsMax); ++i) {
      list.add(std::string_view(tags[i]).substr(0, kTextBytesMax));
    }
    data.add("tags", list);
  }
  if (!publish("run_started", std::move(data), agent)) return false;
  open_[agent] = std::move(run);
  name_ = std::move(wanted);
  return true;
}

bool Runs::update_config(const Object& config, std::string_view agent_id) {
  const std::lock_guard lock(mutex_);
  return change(config, std::string(agent_id));
}

bool Runs::change(const Object& config, const std::string& agent_id) {
  const auto run = open_.find(agent_id);
  if (run == open_.end()) return outbox_.refuse("run_config", "no such run was started");
  const Object changed = changes(config, run->second.config);
  const bool nothing = changed.fields().size() == 1 && changed.fields()[0].value.json() == "{}";
  return nothing || publish("run_config", changed, agent_id);
}

bool Runs::end(std::string_view state, std::string_view error, std::string_view agent_id) {
  const std::lock_guard lock(mutex_);
  if (state != "finished" && state != "crashed" && state != "interrupted") {
    return outbox_.refuse("run_ended", "state is '" + printable(state) +
                                           "'; must be finished, crashed or interrupted");
  }
  const bool all = agent_id.empty();
  const auto run = all ? open_.begin() : open_.find(agent_id);
  if (run == open_.end()) return false;
  all ? open_.clear() : void(open_.erase(run));
  Object data{{"state", state}};
  if (!error.empty()) data.add("error", error.substr(0, kErrorBytesMax));
  return publish("run_ended", std::move(data), agent_id);
}

std::string Runs::name() const {
  const std::lock_guard lock(mutex_);
  return name_;
}

// `config`: the members that are new or not as before; `left_out`: those for which there is no
// room, the largest first, and those that are nested too deep.
Object Runs::changes(const Object& config, Config& known) const {
  struct Change {
    const Field* field;
    std::string text;
    bool fits = false;
  };
  std::vector<Change> changes;
  std::size_t bytes = 0;
  for (const auto& [name, text] : known) bytes += text.size();
  for (const Field& field : config.fields()) {
    Change change{&field, text_of(field), false};
    const auto before = known.find(field.name);
    if (before != known.end() && before->second == change.text) continue;
    if (before != known.end()) bytes -= before->second.size();
    changes.push_back(std::move(change));
  }
  std::vector<Change*> smallest_first;
  for (Change& change : changes) smallest_first.push_back(&change);
  std::stable_sort(
      smallest_first.begin(), smallest_first.end(),
      [](const Change* a, const Change* b) { return a->text.size() < b->text.size(); });
  for (Change* change : smallest_first) {
    if (check_json_object(change->text, kConfigDepthMax) == JsonText::malformed) continue;
    change->fits = bytes + change->text.size() <= kConfigBytesMax;
    if (change->fits) bytes += change->text.size();
  }
  Object taken;
  List left_out;
  std::size_t left_out_count = 0;
  for (Change& change : changes) {
    if (change.fits) {
      taken.add(change.field->name, change.field->value);
      known[change.field->name] = std::move(change.text);
    } else if (++left_out_count <= kLeftOutMax) {
      left_out.add(std::string_view(change.field->name).substr(0, kTextBytesMax));
    }
  }
  Object data{{"config", taken}};
  if (left_out_count > 0) data.add("left_out", left_out);
  return data;
}

bool Runs::publish(std::string_view type, Object data, std::string_view agent_id) {
  if (!agent_id.empty()) {
    if (!is_name(agent_id)) {
      return outbox_.refuse(
          type, "agent_id is '" + printable(agent_id) + "'; must be " + std::string(kNameRange));
    }
    data.add("agent_id", agent_id);
  }
  return outbox_.offer(type, without_secrets(data.json()));
}

}  // namespace ppo
