// The query of a request's target, and what its parameters become: one table for each path, which says how a value is
// read, where it goes and what people are told of it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace bridge {

using QueryParameters = std::vector<std::pair<std::string, std::string>>;

inline constexpr std::size_t kQueryParametersMax = 64;

// NAME=VALUE&... with %xx, and + for a space (application/x-www-form-urlencoded), in UTF-8; each name once.
Result<QueryParameters> parse_query(std::string_view query);

// How the text of a parameter becomes JSON.
enum class ParameterKind {
  text,
  integer,
  number,
  flag,      // true or false
  list,      // texts, with commas between
  names,     // the same, or, where there is no comma, a text
  json,      // an object
  position,  // EPOCH:SEQ becomes {"epoch":EPOCH,"seq":SEQ}
  moment,    // seconds since 1970, or a text
};

struct ParameterRow {
  std::string_view name;
  ParameterKind kind;
  std::string_view field;  // of the request or of `params`; FIELD.MEMBER: a member of that object
  std::string_view help;
};

// The parameters as members of a JSON object, without its braces: {"a":1} is "a":1. Fails for a name that is not in the
// table and for a value that is not of its kind; whether the value is one that is wanted is looked at by whom it goes to.
Result<std::string> members_of(const QueryParameters& parameters, const std::vector<ParameterRow>& rows);

}  // namespace bridge
