// JSON in tests: parse, then ask by RFC 6901 pointer; what is missing throws and shows the text.
#pragma once

#include <rapidjson/document.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace testing_support {

// One parsed JSON text. Move-only, belongs to one thread.
//
//   Json reply(ws.receive_text().value());
//   CHECK(reply.string("/data/status") == "connected");
//
// Every getter takes a pointer such as "/data/events/0/seq" ("" is the whole document) and throws
// std::runtime_error, with the pointer and the text, where there is no value of that kind.
class Json {
 public:
  // Throws std::runtime_error if `text` is not one JSON value.
  explicit Json(std::string text);

  const std::string& text() const { return text_; }
  const rapidjson::Value& root() const { return document_; }

  // The value there, or nullptr.
  const rapidjson::Value* find(std::string_view pointer) const;
  bool has(std::string_view pointer) const { return find(pointer) != nullptr; }

  std::string string(std::string_view pointer) const;
  std::int64_t integer(std::string_view pointer) const;
  double number(std::string_view pointer) const;
  bool boolean(std::string_view pointer) const;
  // Members of an object or elements of an array.
  std::size_t size(std::string_view pointer) const;
  // The value there as compact JSON.
  std::string dump(std::string_view pointer) const;

 private:
  const rapidjson::Value& at(std::string_view pointer, const char* wanted) const;

  std::string text_;
  rapidjson::Document document_;
};

// `text` as a JSON string, quotes included.
std::string json_quoted(std::string_view text);

}  // namespace testing_support
