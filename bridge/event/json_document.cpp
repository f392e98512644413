#include "event/json_document.h"

#include <utility>

#include <rapidjson/error/en.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "base/text.h"
#include "event/json_scanner.h"

namespace bridge {

Result<rapidjson::Document> read_document(std::string_view text) {
  text = without_byte_order_mark(text);
  JsonScanner scan(text);
  if (!scan.value(1) || !scan.at_end()) return Failure{scan.problem()};
  rapidjson::Document document;
  document.Parse<rapidjson::kParseIterativeFlag | rapidjson::kParseFullPrecisionFlag>(text.data(),
                                                                                      text.size());
  if (document.HasParseError()) {
    // A number beyond a double: all else was found right.
    return Failure{"cannot be read: " +
                   std::string(rapidjson::GetParseError_En(document.GetParseError())) +
                   " At byte " + std::to_string(document.GetErrorOffset()) + "."};
  }
  return Result<rapidjson::Document>(std::move(document));
}

std::string json_text(const rapidjson::Value& value) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  value.Accept(writer);
  return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace bridge
