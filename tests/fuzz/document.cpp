// What any socket brings, read as a document: held against the scanner and RapidJSON itself, and written
// out again.

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>

#include <rapidjson/document.h>

#include "base/text.h"
#include "event/json_document.h"
#include "event/json_scanner.h"
#include "event/json_writer.h"
#include "event/number_field.h"
#include "event/request_fields.h"

namespace {

using namespace bridge;

void require(bool ok, const char* what, std::string_view input) {
  if (ok) return;
  std::cerr << "FAILED: " << what << "\ninput: " << printable(input, 100'000) << "\n";
  std::abort();
}

void read_numbers(const rapidjson::Value& value, std::string_view input) {
  const auto integer = read_integer(&value, "x", 1, kIntegerMax);
  require(is_utf8(integer ? "" : integer.error().message), "a refusal is not UTF-8", input);
  const auto number = read_number(&value, "x", 0.001, 1e6);
  require(number || !number.error().message.empty(), "a refusal says nothing", input);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto document = read_document(input);
  if (!document) {
    require(!document.error().message.empty() && is_utf8(document.error().message),
            "a refusal that cannot be sent", input);
    return 0;
  }
  require(is_utf8(input), "took what is not UTF-8", input);
  const rapidjson::Value& root = document.value();
  const std::string text = json_text(root);
  require(is_utf8(text), "what goes out is not UTF-8", input);
  const auto again = read_document(text);
  require(again && json_text(again.value()) == text, "what goes out reads otherwise", input);
  read_numbers(root, input);
  if (root.IsString()) {
    // Written by the bridge's own writer it means the same.
    JsonWriter json;
    json.add(std::string_view(root.GetString(), root.GetStringLength()));
    const auto mine = read_document(json.take());
    require(mine && mine.value() == root, "the writer changed a string", input);
  }
  if (!root.IsObject()) return 0;
  for (const auto& member : root.GetObject()) read_numbers(member.value, input);
  const auto id = request_id(root);
  require(is_utf8(id ? id.value() : id.error().message), "an id that cannot be sent", input);
  if (id && !id.value().empty()) require(read_document(id.value()).ok(), "an id is no JSON", input);
  std::size_t members = 0;
  for_each_member(without_byte_order_mark(input), [&](const JsonString&, std::string_view) {
    ++members;
    return true;
  });
  require(members == root.MemberCount(), "the scanner sees other members", input);
  return 0;
}
