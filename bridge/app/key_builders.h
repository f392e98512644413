// How the table of keys is written: a function for each kind of value. For config_keys.cpp and cluster_keys.cpp.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "app/config_keys.h"
#include "base/text.h"

namespace bridge {

// A key's name, and the member of Config that it sets, which is called the same.
#define PPO_KEY(section, name) #section "." #name, [](Config& c) -> auto& { return c.section.name; }

// What is wrong with a text, or "".
using KeyCheck = std::function<std::string(const std::string&)>;

template <class T>
ConfigKey key_of(const char* name, T& (*member)(Config&), const char* meaning, T fallback) {
  return {name, meaning, "", std::move(fallback), 0, 0, {}, [member](Config& c, const ConfigValue& v) { member(c) = std::get<T>(v); }};
}

inline ConfigKey integer(const char* name, std::int64_t& (*member)(Config&), const char* meaning, const char* unit,
                         std::int64_t fallback, std::int64_t min, std::int64_t max) {
  ConfigKey key = key_of(name, member, meaning, fallback);
  key.unit = unit;
  key.min = min;
  key.max = max;
  return key;
}

inline ConfigKey boolean(const char* name, bool& (*member)(Config&), const char* meaning, bool fallback) {
  return key_of(name, member, meaning, fallback);
}

inline ConfigKey text(const char* name, std::string& (*member)(Config&), const char* meaning, const char* allowed,
                      std::string fallback, KeyCheck check = {}) {
  ConfigKey key = key_of(name, member, meaning, std::move(fallback));
  key.allowed = allowed;
  key.check = std::move(check);
  return key;
}

// A text in which a leading ~/ is the home directory.
inline ConfigKey path(const char* name, std::string& (*member)(Config&), const char* meaning, const char* allowed, std::string fallback) {
  ConfigKey key = text(name, member, meaning, allowed, std::move(fallback));
  key.set = [member](Config& c, const ConfigValue& v) { member(c) = in_home(std::get<std::string>(v)); };
  return key;
}

// One of these words. `noun`: what another one is not.
inline ConfigKey word(const char* name, std::string& (*member)(Config&), const char* meaning, const std::string& noun,
                      std::string fallback, std::vector<std::string> words) {
  ConfigKey key = key_of(name, member, meaning, std::move(fallback));
  key.check = [noun, words](const std::string& value) {
    const bool known = std::find(words.begin(), words.end(), value) != words.end();
    return known ? std::string() : "\"" + printable(value) + "\" is not " + noun;
  };
  key.words = std::move(words);
  return key;
}

inline ConfigKey list(const char* name, std::vector<std::string>& (*member)(Config&), const char* meaning, const char* allowed,
                      std::vector<std::string> fallback, KeyCheck check) {
  ConfigKey key = key_of(name, member, meaning, std::move(fallback));
  key.max = 64;
  key.allowed = allowed;
  key.check = std::move(check);
  return key;
}

// A table of names and texts, kept as a list of NAME=TEXT.
inline ConfigKey table(const char* name, std::vector<std::string>& (*member)(Config&), const char* meaning, const char* allowed,
                       KeyCheck check) {
  ConfigKey key = list(name, member, meaning, allowed, {}, std::move(check));
  key.is_table = true;
  return key;
}

// The same key, of which a change is taken up before the next start.
inline ConfigKey live(ConfigKey key, Reload reload = Reload::at_once) {
  key.reload = reload;
  return key;
}

}  // namespace bridge
