#include "ppo-client/slow_text.h"

#include <cstdio>

#include "ppo-client/json_text.h"
#include "ppo-client/number.h"

namespace client {
namespace {

using rapidjson::Value;

double real(const Value& object, const char* key) {
  const Value* const found = find(object, key);
  return found != nullptr && found->IsNumber() ? found->GetDouble() : 0;
}

std::string in_ms(double ms) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f ms", ms);
  return text;
}

}  // namespace

std::string slow_text(std::string_view result, const Style& style) {
  const auto document = parse(result);
  const Value* const turns = document ? find(*document, "turns") : nullptr;
  if (turns == nullptr || !turns->IsArray()) return {};
  if (turns->Empty()) return "no turn of more than " + in_ms(real(*document, "longer_than_ms")) + " since the bridge began\n";
  const auto long_ones = static_cast<std::uint64_t>(real(*document, "count"));
  std::string out = Line().add(grouped(long_ones) + (long_ones == 1 ? " turn" : " turns") + " of more than " + in_ms(real(*document, "longer_than_ms")) +
                               " since the bridge began; the last " + grouped(std::uint64_t{turns->Size()}) + ":").render(style) + "\n";
  for (const Value& turn : turns->GetArray()) {
    Line head;
    head.add(local_date_time(real(turn, "ended_at")), Colour::kDim).add("  ").right_column(in_ms(real(turn, "took_ms")), 10, Colour::kBold);
    head.add("  processor ").add(in_ms(real(turn, "cpu_ms"))).add("  " + string_of(find(turn, "thread")));
    out += head.render(style) + "\n";
    Line did;
    did.add("    ");
    const Value* const parts = find(turn, "did");
    const bool told = parts != nullptr && parts->IsArray();
    for (rapidjson::SizeType i = 0; told && i < parts->Size(); ++i) {
      const Value& part = (*parts)[i];
      if (did.width() > 4) did.add(", ");
      did.add(string_of(find(part, "what")) + " " + in_ms(real(part, "ms")));
      if (real(part, "times") > 1) did.add(" in " + figure(real(part, "times")));
    }
    for (const auto& [key, what] : {std::pair{"bodies_in", "bodies in"}, std::pair{"events_out", "events out"}, std::pair{"requests", "requests"}}) {
      const double count = real(turn, key);
      if (count > 0) did.add("; " + grouped(static_cast<std::uint64_t>(count)) + " " + what);
    }
    out += did.render(style) + "\n";
  }
  return out;
}

}  // namespace client
