// Fields that requests of clients and of bots have in common (PROTOCOL section 4).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include <rapidjson/document.h>

#include "base/result.h"

namespace bridge {

// The `id` of a request as JSON text, to be repeated; empty where there is none.
Result<std::string> request_id(const rapidjson::Value& request);

// An optional string field: absent and null are "". Fails where it is something else or longer than
// `bytes_max`.
Result<std::string> optional_text(const rapidjson::Value& request, const char* name,
                                  std::size_t bytes_max);

// Reads fields of an object, and keeps the first thing that is wrong. What is absent, null or wrong is nothing; so is all
// of what is no object.
class FieldReader {
 public:
  // `where` stands before a field's name in what is said of it.
  explicit FieldReader(const rapidjson::Value& object, std::string where = {}) : object_(object), where_(std::move(where)) {}

  const rapidjson::Value* find(const char* name) const;
  std::optional<std::uint64_t> integer(const char* name, std::uint64_t min, std::uint64_t max);
  std::optional<double> number(const char* name, double min, double max);
  std::optional<double> number(const char* name);
  std::optional<bool> flag(const char* name);
  std::string text(const char* name, std::size_t bytes_max);

  void fail(const std::string& name, const std::string& rule) { keep(where_ + name + " " + rule); }
  void keep(const std::string& problem) {
    if (problem_.empty()) problem_ = problem;
  }
  const std::string& problem() const { return problem_; }

 private:
  const rapidjson::Value& object_;
  const std::string where_;
  std::string problem_;
};

}  // namespace bridge
