// The fields of an event that rules look at, read once for all rules.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "alerts/rule.h"
#include "event/block.h"

namespace bridge {

struct AlertEvent {
  const Block& block;
  const EventEntry& entry;
  std::string_view type, data;
  std::uint64_t seq;

  AlertEvent(const Block& of, std::size_t index)
      : block(of), entry(of.entry(index)), type(of.text(entry.type)), data(of.text(entry.data)), seq(of.seq(index)) {}
};

// The member of that name, as JSON; empty where `object` is no object or has none. REQUIRES: valid JSON.
std::string_view member_of(std::string_view object, std::string_view name);

class EventFields {
 public:
  // Forgets all paths.
  void clear();
  // The number of a path: names of members with dots between.
  std::size_t add(const std::string& path);
  // Another event from here on.
  void next() { filled_ = false; }
  // What that is in the event, until the next one.
  const FieldValue& value_of(const AlertEvent& event, std::size_t which);

 private:
  struct Field {
    std::string first;                 // member of data
    std::vector<std::string> further;  // members of members
    std::string_view json;
    std::uint64_t filled = 0;  // for which event; likewise:
    std::uint64_t read = 0;
    FieldValue value;
    std::string text;  // where it had escapes
  };
  void fill(std::string_view data);
  static void read_json(Field& field);
  static void read_envelope(Field& field, const AlertEvent& event);

  std::vector<Field> fields_;
  std::unordered_map<std::string, std::size_t> by_path_;
  std::unordered_map<std::string, std::vector<std::size_t>> by_member_;
  std::uint64_t event_ = 0;
  bool filled_ = false;
  std::string key_;  // reused
};

}  // namespace bridge
