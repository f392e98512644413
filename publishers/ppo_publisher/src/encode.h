// The typed events as JSON.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <ppo_publisher/events.h>
#include <ppo_publisher/value.h>

namespace ppo {

// Appends the event's `data` object to `out`, which is empty, on one line. False when an agent id
// is not a name, or a member that should be the text of a JSON object is not; `out` then says so.
[[nodiscard]] bool encode(const TradeExecuted& event, std::string& out);
[[nodiscard]] bool encode(const PriceUpdate& event, std::string& out);
[[nodiscard]] bool encode(const MarginUpdate& event, std::string& out);
[[nodiscard]] bool encode(const AgentDecision& event, std::string& out);
[[nodiscard]] bool encode(const PortfolioUpdate& event, std::string& out);
[[nodiscard]] bool encode(const MarketAnalysis& event, std::string& out);
[[nodiscard]] bool encode(const SystemStatus& event, std::string& out);
[[nodiscard]] bool encode(const ErrorEvent& event, std::string& out);
[[nodiscard]] bool encode(const TrainingUpdate& event, std::string& out);
[[nodiscard]] bool encode(const EpisodeEnd& event, std::string& out);
[[nodiscard]] bool encode(const Scalar& event, std::string& out);

// Appends `text` as a JSON string with its quotes (RFC 8259 section 7). Each byte that belongs to
// no well-formed UTF-8 character becomes U+FFFD.
void append_json_string(std::string& out, std::string_view text);

// Appends the shortest text that reads back as the same double, always with a point or an exponent
// (so that typed readers see a float); or NaN, Infinity, -Infinity.
void append_double(std::string& out, double value);

void append_object(std::string& out, const Field* fields, std::size_t count);

void append_integer(std::string& out, std::int64_t value);

// Appends a JSON object's text with line breaks between its tokens as spaces; false when it is
// none.
[[nodiscard]] bool append_json_object(std::string& out, std::string_view text);

}  // namespace ppo
