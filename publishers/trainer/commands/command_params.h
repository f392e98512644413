// The parameters of a command, checked one by one.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <rapidjson/document.h>

namespace trainer {

// Reads members of a JSON object. Where one is missing or out of range, complaint() says which, its
// value and its range; the first complaint stays, and what was read counts for nothing.
class CommandParams {
 public:
  // `json`: the text of a JSON object.
  explicit CommandParams(const std::string& json);

  [[nodiscard]] bool has(const char* key);
  std::string text(const char* key);
  std::string one_of(const char* key, std::initializer_list<std::string_view> values);
  std::int64_t integer(const char* key, std::int64_t min, std::int64_t max);
  double number(const char* key, double min, double max);
  // Above `min`, not at it.
  double number_above(const char* key, double min, double max);

  // Empty where all is well. Parameters that were never asked for are wrong, too.
  [[nodiscard]] std::string complaint();

 private:
  [[nodiscard]] const rapidjson::Value* find(const char* key, const std::string& range);
  void complain(const char* key, const std::string& value, const std::string& range);
  [[nodiscard]] double real(const char* key, const std::string& range);

  rapidjson::Document document_;
  std::vector<std::string> asked_;
  std::string complaint_;
};

}  // namespace trainer
