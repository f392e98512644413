#include "net/http_query.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>

#include "base/ascii.h"
#include "base/text.h"
#include "event/json_document.h"
#include "event/messages.h"

namespace bridge {
namespace {

std::optional<std::string> decoded(std::string_view text) {
  std::string out;
  const auto digit = [](char c) { return c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1; };
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i] == '+' ? ' ' : text[i];
      continue;
    }
    if (i + 2 >= text.size() || digit(text[i + 1]) < 0 || digit(text[i + 2]) < 0) return std::nullopt;
    out += static_cast<char>(16 * digit(text[i + 1]) + digit(text[i + 2]));
    i += 2;
  }
  if (!is_utf8(out)) return std::nullopt;
  return out;
}

// As JSON has it; more digits than are read anywhere are none.
bool is_number(std::string_view text, bool integer) {
  constexpr std::size_t kDigitsMax = 40;
  if (text.empty() || text.size() > kDigitsMax || text.find_first_not_of("+-0123456789.eE") != std::string_view::npos) {
    return false;
  }
  if (integer && text.find_first_not_of("-0123456789") != std::string_view::npos) return false;
  const auto read = read_document(text);
  return read && read.value().IsNumber();
}

std::string list_of(std::string_view text) {
  std::vector<std::string> texts;
  for (std::size_t at = 0; at <= text.size() && !text.empty();) {
    const std::size_t comma = std::min(text.find(',', at), text.size());
    texts.emplace_back(text.substr(at, comma - at));
    at = comma + 1;
  }
  return json_list(texts);
}

// JSON text, or what it must be.
Result<std::string> json_of(ParameterKind kind, std::string_view text) {
  switch (kind) {
    case ParameterKind::text:
      return json_string(text);
    case ParameterKind::integer:
      if (is_number(text, true)) return std::string(text);
      return Failure{"an integer"};
    case ParameterKind::number:
      if (is_number(text, false)) return std::string(text);
      return Failure{"a number"};
    case ParameterKind::flag:
      if (text == "true" || text == "false") return std::string(text);
      return Failure{"true or false"};
    case ParameterKind::list:
      return list_of(text);
    case ParameterKind::names:
      return text.find(',') == std::string_view::npos ? json_string(text) : list_of(text);
    case ParameterKind::json: {
      const auto read = read_document(text);
      if (read && read.value().IsObject()) return std::string(without_byte_order_mark(text));
      return Failure{"a JSON object"};
    }
    case ParameterKind::position: {
      const std::size_t colon = text.rfind(':');
      if (colon == std::string_view::npos || !is_number(text.substr(colon + 1), true)) return Failure{"EPOCH:SEQ"};
      return R"({"epoch":)" + json_string(text.substr(0, colon)) + R"(,"seq":)" + std::string(text.substr(colon + 1)) + "}";
    }
    case ParameterKind::moment:
      return is_number(text, false) ? std::string(text) : json_string(text);
  }
  return Failure{""};
}

}  // namespace

Result<QueryParameters> parse_query(std::string_view query) {
  QueryParameters parameters;
  while (!query.empty()) {
    const std::string_view part = take_until(query, '&');
    if (part.empty()) continue;
    const std::size_t equals = std::min(part.find('='), part.size());
    auto name = decoded(part.substr(0, equals));
    auto value = decoded(part.substr(std::min(equals + 1, part.size())));
    if (!name || !value) return Failure{"the query's part \"" + printable(part) + "\" is not UTF-8 with %xx"};
    if (parameters.size() == kQueryParametersMax) {
      return Failure{"the query has more than " + std::to_string(kQueryParametersMax) + " parameters"};
    }
    for (const auto& [earlier, unused] : parameters) {
      if (earlier == *name) return Failure{"the query names " + printable(*name) + " twice"};
    }
    parameters.emplace_back(std::move(*name), std::move(*value));
  }
  return parameters;
}

Result<std::string> members_of(const QueryParameters& parameters, const std::vector<ParameterRow>& rows) {
  std::string members;
  std::map<std::string_view, std::string> objects;
  const auto add = [](std::string& to, std::string_view name, std::string_view json) {
    if (!to.empty()) to += ',';
    append_json_string(to, name);
    to.append(":").append(json);
  };
  for (const auto& [name, text] : parameters) {
    const auto row = std::find_if(rows.begin(), rows.end(), [name = std::string_view(name)](const ParameterRow& r) { return r.name == name; });
    if (row == rows.end()) {
      std::string known;
      for (const ParameterRow& r : rows) known.append(known.empty() ? "" : ", ").append(r.name);
      return Failure{"the query's parameter \"" + printable(name) + "\" is not known; must be " +
                     (known.empty() ? "left out: there are none" : "one of " + known)};
    }
    const auto json = json_of(row->kind, text);
    if (!json) {
      return Failure{std::string(row->name) + " is \"" + printable(text) + "\"; must be " + json.error().message};
    }
    const std::size_t dot = row->field.find('.');
    if (dot == std::string_view::npos) {
      add(members, row->field, json.value());
    } else {
      add(objects[row->field.substr(0, dot)], row->field.substr(dot + 1), json.value());
    }
  }
  for (const auto& [field, inside] : objects) {
    if (members.find('"' + std::string(field) + "\":") == 0 || members.find(",\"" + std::string(field) + "\":") != std::string::npos) {
      return Failure{"the query names " + std::string(field) + " in two ways"};
    }
    add(members, field, "{" + inside + "}");
  }
  return members;
}

}  // namespace bridge
