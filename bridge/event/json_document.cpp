#include "event/json_document.h"

#include <cmath>

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "base/text.h"
#include "event/json_reader.h"
#include "event/json_scanner.h"

namespace bridge {
namespace {

class TextWriter : public rapidjson::Writer<rapidjson::StringBuffer> {
 public:
  using Writer::Writer;
  // An infinity has no text in JSON; a number beyond a double is read as one again.
  bool Double(double n) {
    if (std::isfinite(n)) return Writer::Double(n);
    const std::string_view text = n < 0 ? "-1e999" : "1e999";
    return RawValue(text.data(), text.size(), rapidjson::kNumberType);
  }
};

}  // namespace

Result<rapidjson::Document> read_document(std::string_view text) {
  text = without_byte_order_mark(text);
  JsonScanner scan(text);
  if (!scan.value(1) || !scan.at_end()) return Failure{scan.problem()};
  return Result<rapidjson::Document>(*build_document(text, Beyond::infinite));
}

std::string json_text(const rapidjson::Value& value) {
  rapidjson::StringBuffer buffer;
  TextWriter writer(buffer);
  value.Accept(writer);
  return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace bridge
