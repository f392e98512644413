// What every mode's table and JSON are made of.
#pragma once

#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>

#include <cstddef>
#include <string>

namespace bench {

using Writer = rapidjson::PrettyWriter<rapidjson::StringBuffer>;

void member(Writer& writer, const char* key, double value);
void member(Writer& writer, const char* key, std::size_t value);
void member(Writer& writer, const char* key, const std::string& value);

// A list of objects, one an element of `rows`: `write_members` writes what is in it.
template <class Rows, class F>
void write_objects(Writer& writer, const Rows& rows, const F& write_members) {
  writer.StartArray();
  for (const auto& row : rows) {
    writer.StartObject();
    write_members(row);
    writer.EndObject();
  }
  writer.EndArray();
}

// A ratio with as many digits as mean something; "-" for 0, where there is none.
std::string times(double ratio);

// Says on stdout whether `value` keeps to `limit`, which 0 turns off; returns false if it does not.
bool meets(const char* what, double value, double limit, bool at_most);

}  // namespace bench
