#include "ppo-bot/diary.h"

#include <cinttypes>
#include <ctime>

#include "ppo-client/text.h"

namespace bot {
namespace {

constexpr std::size_t kActionWidth = 9;

}  // namespace

void Diary::note(Moment now, const std::string& action, const std::string& sentence,
                 const feed::json::Object& fields) {
  const std::int64_t ms = now.time_since_epoch().count();
  std::string line;
  if (json_) {
    char seconds[32];
    std::snprintf(seconds, sizeof seconds, "%" PRId64 ".%03" PRId64, ms / 1000, ms % 1000);
    feed::json::Object object;
    object.add("at", seconds).add_string("action", action).add_members_of(fields.text());
    line = object.text();
    if (terminal_) line = client::printable(line);  // JSON leaves much as it is that moves text about
  } else {
    const std::time_t second = static_cast<std::time_t>(ms / 1000);
    std::tm local{};
    char clock[16];
    localtime_r(&second, &local);
    std::strftime(clock, sizeof clock, "%H:%M:%S", &local);
    char head[48];
    std::snprintf(head, sizeof head, "%s.%03d  %-*s  ", clock, static_cast<int>(ms % 1000),
                  static_cast<int>(kActionWidth), action.c_str());
    line = head + client::printable(sentence);
  }
  line += '\n';
  std::fwrite(line.data(), 1, line.size(), out_);
  std::fflush(out_);
}

Moment now() {
  return std::chrono::time_point_cast<milliseconds>(std::chrono::system_clock::now());
}

std::string gp(std::int64_t value) {
  return std::to_string(value) + " gp";
}

std::string describe(Side side, std::int64_t quantity, const std::string& item,
                     std::int64_t price) {
  return std::string(to_string(side)) + " " + std::to_string(quantity) + " " + item + " at " +
         gp(price);
}

feed::json::Object order_fields(const Order& order) {
  feed::json::Object fields;
  fields.add_number("order", order.number);
  if (!order.id.empty()) fields.add("trainer_order", order.id);
  fields.add_string("item", order.item).add_string("side", to_string(order.side));
  fields.add("quantity", std::to_string(order.quantity)).add("price", std::to_string(order.price));
  return fields;
}

std::string why(const feed::Answer& answer) {
  return answer.error_type + (answer.error.empty() ? "" : ": " + answer.error);
}

}  // namespace bot
