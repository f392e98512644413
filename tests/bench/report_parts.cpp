#include "report_parts.h"

#include <cstdio>

namespace bench {

void member(Writer& writer, const char* key, double value) {
  writer.Key(key);
  writer.Double(value);
}

void member(Writer& writer, const char* key, std::size_t value) {
  writer.Key(key);
  writer.Uint64(value);
}

void member(Writer& writer, const char* key, const std::string& value) {
  writer.Key(key);
  writer.String(value);
}

std::string times(double ratio) {
  if (ratio == 0.0) return "-";
  char text[32];
  std::snprintf(text, sizeof text, ratio < 0.1 ? "%.4f" : ratio < 10 ? "%.2f" : "%.1f", ratio);
  return text;
}

bool meets(const char* what, double value, double limit, bool at_most) {
  if (limit == 0.0) return true;
  const bool met = at_most ? value <= limit && value > 0.0 : value >= limit && value > 0.0;
  std::printf("%s: %.3g, wanted at %s %.3g: %s\n", what, value, at_most ? "most" : "least", limit,
              met ? "met" : "NOT MET");
  return met;
}

}  // namespace bench
