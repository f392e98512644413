#include "net/deflate_offer.h"

#include <algorithm>

#include "base/ascii.h"

namespace bridge {
namespace {

constexpr std::string_view kDeflate = "permessage-deflate";
constexpr std::string_view kAnswer =
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
constexpr std::string_view kWholeWindow = "15";

class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  bool at_end() {
    skip_space();
    return rest_.empty();
  }
  // Takes the character, and space around it, if it is next.
  bool take(char c) {
    skip_space();
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    skip_space();
    return true;
  }
  // "" where none is next.
  std::string token() {
    const auto end = std::find_if_not(rest_.begin(), rest_.end(), is_token_char);
    const auto size = static_cast<std::size_t>(end - rest_.begin());
    const std::string token(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return token;
  }
  // A token, or one in quotes, in which \ may stand before any character; "" where none is next.
  std::string value() {
    if (rest_.empty() || rest_.front() != '"') return token();
    std::string text;
    for (std::size_t i = 1; i < rest_.size(); ++i) {
      if (rest_[i] == '"') {
        rest_.remove_prefix(i + 1);
        // Unquoted it must be a token, too (RFC 6455 section 9.1).
        return std::all_of(text.begin(), text.end(), is_token_char) ? text : std::string();
      }
      if (rest_[i] == '\\' && ++i == rest_.size()) break;
      text += rest_[i];
    }
    return {};
  }

 private:
  void skip_space() {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t"), rest_.size()));
  }

  std::string_view rest_;
};

// A window's size: 8 to 15, without a leading zero.
bool is_window_bits(std::string_view value) {
  return (value.size() == 1 && (value[0] == '8' || value[0] == '9')) ||
         (value.size() == 2 && value[0] == '1' && value[1] >= '0' && value[1] <= '5');
}

}  // namespace

Result<std::vector<ExtensionOffer>> parse_extensions(std::string_view header) {
  const Failure malformed{"Sec-WebSocket-Extensions is not a list of extensions"};
  std::vector<ExtensionOffer> offers;
  Reader reader(header);
  while (!reader.at_end()) {
    if (reader.take(',')) continue;
    ExtensionOffer offer;
    offer.name = reader.token();
    if (offer.name.empty()) return malformed;
    while (reader.take(';')) {
      std::string name = reader.token();
      if (name.empty()) return malformed;
      std::optional<std::string> value;
      if (reader.take('=')) {
        value = reader.value();
        if (value->empty()) return malformed;
      }
      offer.parameters.emplace_back(std::move(name), std::move(value));
    }
    offers.push_back(std::move(offer));
    if (!reader.at_end() && !reader.take(',')) return malformed;
  }
  return offers;
}

bool acceptable_deflate(const ExtensionOffer& offer) {
  if (offer.name != kDeflate) return false;
  const auto& parameters = offer.parameters;
  for (auto parameter = parameters.begin(); parameter != parameters.end(); ++parameter) {
    const auto& [name, value] = *parameter;
    const auto same = [&name = name](const auto& earlier) { return earlier.first == name; };
    if (std::any_of(parameters.begin(), parameter, same)) return false;
    if (name == "server_no_context_takeover" || name == "client_no_context_takeover") {
      if (value) return false;
    } else if (name == "client_max_window_bits") {
      if (value && !is_window_bits(*value)) return false;
    } else if (name != "server_max_window_bits" || value != kWholeWindow) {
      return false;
    }
  }
  return true;
}

Result<std::string> answer_extensions(std::string_view header) {
  const auto offers = parse_extensions(header);
  if (!offers) return offers.error();
  const auto offer = std::find_if(offers.value().begin(), offers.value().end(), acceptable_deflate);
  if (offer == offers.value().end()) return std::string();
  const bool names_window = std::any_of(
      offer->parameters.begin(), offer->parameters.end(),
      [](const auto& parameter) { return parameter.first == "server_max_window_bits"; });
  // Who named it is told (RFC 7692 section 7.1.2.1).
  return std::string(kAnswer) + (names_window ? "; server_max_window_bits=15" : "");
}

}  // namespace bridge
