#include "event/json_document.h"

#include <algorithm>
#include <cmath>

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "base/text.h"
#include "event/json_reader.h"
#include "event/json_scanner.h"

namespace bridge {
namespace {

constexpr double kBeyond = 1e308;

class TextWriter : public rapidjson::Writer<rapidjson::StringBuffer> {
 public:
  using Writer::Writer;
  // What is beyond a double goes on as a number that whoever reads it can read.
  bool Double(double n) { return Writer::Double(std::isfinite(n) ? n : std::copysign(kBeyond, n)); }
};

}  // namespace

Result<rapidjson::Document> read_document(std::string_view text) {
  text = without_byte_order_mark(text);
  JsonScanner scan(text);
  if (!scan.value(1) || !scan.at_end()) return Failure{scan.problem()};
  return Result<rapidjson::Document>(*build_document(text, Beyond::infinite));
}

Result<rapidjson::Document> read_members(std::string_view text, const std::vector<std::string_view>& names, std::size_t bytes_max,
                                         std::string_view as_text, std::string_view* found) {
  text = without_byte_order_mark(text);
  JsonScanner scan(text);
  const bool object = scan.peek() == '{';
  std::vector<std::string_view> members(names.size());
  std::string decoded;
  const auto member = [&] {
    JsonString key;
    if (scan.peek() != '"' || !scan.string(&key) || !scan.take(':')) return false;
    scan.peek();
    const char* const start = scan.position();
    if (!scan.value(2)) return false;
    const std::string_view value(start, static_cast<std::size_t>(scan.position() - start));
    decoded.clear();
    if (key.escaped) append_decoded(decoded, key.raw);
    const std::string_view name = key.escaped ? std::string_view(decoded) : key.raw;
    const auto wanted = std::find(names.begin(), names.end(), name);
    if (wanted != names.end()) members[static_cast<std::size_t>(wanted - names.begin())] = value.size() <= bytes_max ? value : std::string_view();
    if (found != nullptr && name == as_text) *found = value;
    return true;
  };
  if (!object ? !scan.value(1) : scan.take('{') && !scan.take('}')) {
    if (!object) return Failure{scan.problem()};
    do {
      if (!member()) return Failure{scan.problem()};
    } while (scan.take(','));
    if (!scan.take('}')) return Failure{scan.problem()};
  }
  if (!scan.at_end()) return Failure{scan.problem()};
  if (!object) return rapidjson::Document();
  std::string some = "{";
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (members[i].empty()) continue;
    if (some.size() > 1) some += ',';
    some.append(1, '"').append(names[i]).append("\":").append(members[i]);
  }
  return Result<rapidjson::Document>(*build_document(some += '}', Beyond::infinite));
}

std::string json_text(const rapidjson::Value& value) {
  rapidjson::StringBuffer buffer;
  TextWriter writer(buffer);
  value.Accept(writer);
  return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace bridge
