#include "ppo-client/since.h"

#include <charconv>
#include <cmath>
#include <optional>
#include <string_view>

#include "feed/json.h"

namespace client {
namespace {

std::optional<double> parse_seconds(std::string_view text) {
  constexpr std::string_view kUnits = "smhd";
  constexpr double kSeconds[] = {1, 60, 3600, 86400};
  const size_t unit = text.empty() ? std::string_view::npos : kUnits.find(text.back());
  if (unit == std::string_view::npos) return std::nullopt;
  text.remove_suffix(1);
  double value = 0;
  const auto [end, ec] =
      std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (ec != std::errc() || end != text.data() + text.size() || !std::isfinite(value) || value < 0) {
    return std::nullopt;
  }
  return value * kSeconds[unit];
}

}  // namespace

feed::Result<feed::Since> parse_since(const std::string& text) {
  const std::string_view view = text;
  if (const auto seq = feed::json::as_u64(view)) return feed::Since(feed::SinceSeq{*seq});
  if (const auto seconds = parse_seconds(view)) return feed::Since(feed::SinceSeconds{*seconds});
  const size_t colon = view.rfind(':');
  if (colon != std::string_view::npos && colon > 0) {
    const std::string_view before = view.substr(0, colon);
    if (const auto count = feed::json::as_u64(view.substr(colon + 1))) {
      if (before == "last") return feed::Since(feed::SinceLast{*count});
      return feed::Since(feed::Position{std::string(before), *count});
    }
  }
  return feed::Error{"--since is '" + text +
                     "'; must be SEQ, EPOCH:SEQ, last:COUNT or a time like 30s, 5m, 2h, 1d"};
}

}  // namespace client
