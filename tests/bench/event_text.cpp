#include "event_text.h"

#include <stdexcept>
#include <string_view>

namespace bench {
namespace {

constexpr std::string_view kType = "price_update";
constexpr std::string_view kBegin = R"({"type":"price_update","data":)";
constexpr std::string_view kDataBegin = R"({"item":")";
constexpr std::string_view kItem = "Abyssal whip";
constexpr std::string_view kPrice = R"(","price":1670794,"change":-5000,"note":")";
constexpr std::string_view kTimestamp = R"(,"timestamp":1619395200.251)";
constexpr std::string_view kSourceTimestamp = R"(,"source_timestamp":1619395200.251)";
constexpr std::size_t kDigitsMax = 20;

std::string source_fields(const std::string& run) {
  return R"(,"source":"ppo-bench","run":")" + run + R"(","source_seq":)";
}

}  // namespace

EventText::EventText(std::size_t event_bytes, std::string run)
    : EventText(event_bytes, {std::string(kItem)}, std::move(run)) {}

EventText::EventText(std::size_t event_bytes, std::vector<std::string> items, std::string run)
    : items_(std::move(items)), run_(std::move(run)) {
  if (event_bytes < bytes_min() || items_.front().size() > kItem.size()) {
    throw std::invalid_argument("an event has at least " + std::to_string(bytes_min()) +
                                " bytes and an item of at most " + std::to_string(kItem.size()));
  }
  const std::size_t fixed = kBegin.size() + kDataBegin.size() + items_.front().size() + kPrice.size() + 2 +
                            kTimestamp.size() + source_fields(run_).size() + 1 + 1;
  padding_bytes_ = event_bytes - fixed;
}

std::size_t EventText::bytes_min() {
  constexpr std::size_t kRunBytesMax = 8;
  return kBegin.size() + kDataBegin.size() + kItem.size() + kPrice.size() + 2 + kTimestamp.size() +
         source_fields("").size() + kRunBytesMax + kDigitsMax + 1;
}

std::string_view EventText::type() { return kType; }

void EventText::append_data(std::string& out, std::uint64_t source_seq) const {
  // More digits, less padding: the size stays.
  std::size_t more_digits = 0;
  for (std::uint64_t rest = source_seq / 10; rest > 0; rest /= 10) ++more_digits;
  out.append(kDataBegin).append(items_[(source_seq - 1) % items_.size()]).append(kPrice);
  out.append(padding_bytes_ - more_digits, 'x').append("\"}");
}

void EventText::append_published(std::string& out, std::uint64_t source_seq) const {
  append_data(out.append(kBegin), source_seq);
  out.append(kTimestamp).append(source_fields(run_)).append(std::to_string(source_seq)) += '}';
}

void EventText::append_delivered(std::string& out, std::uint64_t source_seq,
                                 std::uint64_t seq) const {
  append_data(out.append(kBegin), source_seq);
  out.append(R"(,"timestamp":1619395200.251003,"seq":)").append(std::to_string(seq));
  out.append(source_fields(run_)).append(std::to_string(source_seq));
  out.append(kSourceTimestamp) += '}';
}

}  // namespace bench
