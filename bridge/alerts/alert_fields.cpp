#include "alerts/alert_fields.h"

#include <cmath>

#include "event/event_fields.h"

namespace bridge {

std::string_view member_of(std::string_view object, std::string_view name) {
  std::string_view found;
  if (!object.empty() && object[0] == '{') read_members(object, {{name, &found}});
  return found;
}

void EventFields::clear() {
  fields_.clear();
  by_path_.clear();
  by_member_.clear();
  filled_ = false;
}

std::size_t EventFields::add(const std::string& path) {
  const auto [known, fresh] = by_path_.emplace(path, fields_.size());
  if (!fresh) return known->second;
  Field field;
  std::string_view rest = path;
  field.first = rest.substr(0, rest.find('.'));
  while (rest.find('.') != std::string_view::npos) {
    rest.remove_prefix(rest.find('.') + 1);
    field.further.emplace_back(rest.substr(0, rest.find('.')));
  }
  by_member_[field.first].push_back(fields_.size());
  fields_.push_back(std::move(field));
  return known->second;
}

// Of several members of one name the first counts.
void EventFields::fill(std::string_view data) {
  filled_ = true;
  ++event_;
  for_each_member(data, [&](const JsonString& key, std::string_view value) {
    key_.clear();
    if (key.escaped) {
      append_decoded(key_, key.raw);
    } else {
      key_ = key.raw;
    }
    const auto fields = by_member_.find(key_);
    if (fields == by_member_.end()) return true;
    for (const std::size_t i : fields->second) {
      Field& field = fields_[i];
      if (field.filled == event_) continue;
      field.filled = event_;
      field.json = value;
      for (const std::string& name : field.further) field.json = member_of(field.json, name);
    }
    return true;
  });
}

const FieldValue& EventFields::value_of(const AlertEvent& event, std::size_t which) {
  if (!filled_) fill(event.data);
  Field& field = fields_[which];
  if (field.read == event_) return field.value;
  field.read = event_;
  field.value = {};
  if (field.filled == event_ && !field.json.empty()) {
    read_json(field);
  } else if (field.further.empty()) {
    read_envelope(field, event);
  }
  return field.value;
}

void EventFields::read_json(Field& field) {
  using Kind = FieldValue::Kind;
  FieldValue& value = field.value;
  const std::string_view json = field.json;
  if (json[0] == '"') {
    value.kind = Kind::text;
    value.text = json.substr(1, json.size() - 2);
    if (value.text.find('\\') == std::string_view::npos) return;
    field.text.clear();
    append_decoded(field.text, value.text);
    value.text = field.text;
  } else if (json == "true" || json == "false") {
    value.kind = Kind::boolean;
    value.boolean = json == "true";
  } else if (json == "null") {
    value.kind = Kind::null;
  } else if (is_measure(json)) {
    value.kind = Kind::number;
    value.number = number_of(json).value_or(HUGE_VAL);
  } else {
    value.kind = Kind::other;
  }
}

void EventFields::read_envelope(Field& field, const AlertEvent& event) {
  const auto text = [&field](std::string_view s) {
    field.value.kind = s.empty() ? FieldValue::Kind::absent : FieldValue::Kind::text;
    field.value.text = s;
  };
  const auto number = [&field](double n) {
    field.value.kind = FieldValue::Kind::number;
    field.value.number = n;
  };
  const EventEntry& entry = event.entry;
  if (field.first == "source") text(event.block.text(entry.source));
  if (field.first == "run") text(event.block.text(entry.run));
  if (field.first == "type") text(event.type);
  if (field.first == "seq") number(static_cast<double>(event.seq));
  if (field.first == "timestamp") number(static_cast<double>(entry.timestamp_us) / 1e6);
  if (field.first == "source_seq" && entry.source_seq != 0) number(static_cast<double>(entry.source_seq));
}

}  // namespace bridge
