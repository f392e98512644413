#include <ppo_publisher/value.h>

#include <cmath>

#include "encode.h"

namespace ppo {

Value::Value(std::initializer_list<Field> fields) : Value(Object(fields)) {}
Value::Value(const Object& object) : json_(object.json()) {}
Value::Value(const List& list) : json_(list.json()) {}

void Value::set(double number) {
  if (std::isfinite(number)) {
    append_double(json_, number);
  } else {
    json_ = "null";
  }
}

void Value::set(std::string_view text) {
  append_json_string(json_, text);
}

std::string Object::json() const {
  std::string text;
  append_object(text, fields_.data(), fields_.size());
  return text;
}

void append_object(std::string& out, const Field* fields, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    out += i == 0 ? '{' : ',';
    append_json_string(out, fields[i].name);
    (out += ':') += fields[i].value.json();
  }
  out += count == 0 ? "{}" : "}";
}

}  // namespace ppo
