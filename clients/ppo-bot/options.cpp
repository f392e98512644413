#include "ppo-bot/options.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <sstream>
#include <string_view>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "feed/bridges.h"
#include "feed/token.h"

namespace bot {
namespace {

constexpr const char* kExamples = R"(Examples:
  ppo-bot --dry-run                         what it would do, and nothing done
  ppo-bot --target trainer-1/agent_0         where several trainers have an agent_0
  ppo-bot --item Coal --item 'Yew logs' --lot 100 --position-max 500 --exposure-max 2m
  ppo-bot --json --dead-man 10 | jq -c 'select(.action == "fill")'

It buys an item at its buy_price where the sale at its sell_price brings more after tax (the
publisher's margin_after_tax, or 2 % where it says none), and sells it there. Before each action it
asks the bridge for what it may have missed. An order whose answer never came counts as placed until
it is taken back. Prices are as old as their source says. Its fills are trades of the target with the
order's number (`order`) or, where the trainer names none, with its item, side and price; what
cannot be read, or may be lost, freezes its item until the account starts over.

Exit codes: 0 ended by SIGINT or SIGTERM; 1 failed; 2 wrong usage; 3 refused by the bridge.
Environment: PPO_BRIDGES (HOST[:PORT],...), PPO_TOKEN, PPO_TOKEN_FILE, PPO_CURVE_FILE.)";

constexpr std::size_t kNameMax = 194;  // SOURCE@RUN/AGENT, 64 characters each
constexpr std::int64_t kExposureMax = 1'000'000'000'000'000;

// What the options' texts are read into.
struct Texts {
  std::string token_file;
  std::string curve_file;
  std::vector<std::string> items;
  double price_age_s = 5;
  double order_age_s = 60;
  double order_interval_s = 1;
  double check_s = 1;
  double timeout_s = 3;
  double exit_wait_s = 5;
  double dead_man_s = 0;
};

milliseconds to_ms(double seconds) {
  return milliseconds(std::llround(seconds * 1000));
}

std::string check_endpoints(const std::string& list) {
  for (const std::string& text : bridge_list::split(list)) {
    const auto colon = text.rfind(':');
    const bool tcp = text.rfind("tcp://", 0) == 0 && colon != std::string::npos && colon > 6;
    const std::string port = tcp ? text.substr(colon + 1) : "";
    const bool digits = !port.empty() && port.size() <= 5 &&
                        port.find_first_not_of("0123456789") == std::string::npos;
    if (!digits || std::stoi(port) < 1 || std::stoi(port) > 65535) return "is '" + text + "'; must be tcp://HOST:PORT";
  }
  return {};
}

std::string check_name(const std::string& text) {
  const bool fits =
      !text.empty() && text.size() <= kNameMax && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
               std::string_view("_.:-/@").find(c) != std::string_view::npos;
      });
  return fits ? std::string() : "is '" + text + "'; must be a name of A-Z a-z 0-9 _ . : - / @";
}

// 250k, 1.5m and 2b as in the game.
CLI::Validator amounts() {
  return CLI::AsNumberWithUnit(std::map<std::string, double>{{"k", 1e3}, {"m", 1e6}, {"b", 1e9}},
                               CLI::AsNumberWithUnit::CASE_INSENSITIVE, "AMOUNT");
}

// CLI11's own range lets NaN pass.
CLI::Validator within(double min, double max) {
  std::ostringstream range;
  range << min << ".." << max;
  const auto check = [min, max, text = range.str()](const std::string& value) {
    double number = 0;
    const bool fits = CLI::detail::lexical_cast(value, number) && number >= min && number <= max;
    return fits ? std::string() : "is " + value + "; must be " + text;
  };
  return CLI::Validator(check, range.str());
}

void declare(CLI::App& app, Options& options, Texts& texts, double& exposure) {
  feed::BotFeedOptions& link = options.bot.feed;
  Limits& limits = options.bot.limits;
  const CLI::Validator endpoint(check_endpoints, "tcp://HOST:PORT,...");
  const CLI::Validator name(check_name, "NAME");
  app.add_option("--events", link.events, "Where the bridge publishes events for bots; of several bridges that share a log all\n"
                                              "of theirs, with commas between; else those of PPO_BRIDGES, or port 5557 here")
      ->check(endpoint)
      ->capture_default_str();
  app.add_option("--commands", link.commands, "Where the bridge takes commands of bots; of as many bridges; else port 5558")
      ->check(endpoint)
      ->capture_default_str();
  app.add_option("--token-file", texts.token_file, "Where the token is, if the bridge wants one; else PPO_TOKEN,\n"
                                                   "PPO_TOKEN_FILE, ~/.config/ppo-bridge/token");
  app.add_option("--curve", texts.curve_file, "Where the key is, if the bridge wants one over ZeroMQ; else PPO_CURVE_FILE");
  app.add_option("--target", options.bot.target,
                 "Whose account trades: AGENT, SOURCE/AGENT or SOURCE@RUN/AGENT")
      ->check(name)
      ->capture_default_str();
  app.add_option("--prices-from", options.bot.prices_from,
                 "Only this source's prices count; else those of the target's\n"
                 "SOURCE, or any")
      ->check(name);
  app.add_option("--item", texts.items, "Only this item; repeatable; else all")
      ->type_size(1)
      ->allow_extra_args(false);

  app.add_option("--position-max", limits.position_max, "Items of a kind, held and on order")
      ->check(CLI::Range(std::int64_t{1}, kPriceMax))
      ->capture_default_str();
  app.add_option("--exposure-max", exposure,
                 "gp in items held and in buy orders, over all kinds; 250k, 1.5m, 2b")
      ->transform(amounts())
      ->check(within(1.0, static_cast<double>(kExposureMax)))
      ->default_str("10m");
  app.add_option("--lot", limits.lot, "Items of a buy order, at most")
      ->check(CLI::Range(std::int64_t{1}, kPriceMax))
      ->capture_default_str();
  app.add_option("--min-margin", limits.margin_min, "gp an item that must remain after tax")
      ->check(CLI::Range(std::int64_t{1}, kPriceMax))
      ->capture_default_str();
  app.add_option("--min-margin-percent", limits.margin_percent_min,
                 "The same, in percent of the buying price: 5 where an\nevent's margin_percent is 0.05")
      ->check(within(0.0, 1000.0))
      ->capture_default_str();
  app.add_option("--orders-max", limits.orders_max, "Orders at a time; an account has eight slots")
      ->check(CLI::Range(1, 8))
      ->capture_default_str();

  app.add_option("--max-age", texts.price_age_s, "Seconds; an older price is never acted on")
      ->check(within(0.05, 86400.0))
      ->capture_default_str();
  app.add_option("--order-age", texts.order_age_s, "Seconds; an older order is taken back")
      ->check(within(0.1, 86400.0))
      ->capture_default_str();
  app.add_option("--order-interval", texts.order_interval_s,
                 "Seconds between two orders for an item and side, at least")
      ->check(within(0.0, 86400.0))
      ->capture_default_str();
  app.add_option("--check-interval", texts.check_s,
                 "Seconds between looks for missed fills while nothing is done")
      ->check(within(0.05, 3600.0))
      ->capture_default_str();
  app.add_option("--timeout", texts.timeout_s, "Seconds to wait for an answer of the bridge")
      ->check(within(0.1, 60.0))
      ->capture_default_str();
  app.add_option("--exit-wait", texts.exit_wait_s, "Seconds to take back orders at the end")
      ->check(within(0.0, 300.0))
      ->capture_default_str();
  app.add_option("--dead-man", texts.dead_man_s,
                 "The bridge pauses the target where this bot is silent so many seconds; 0 = never")
      ->check(within(0.0, 3600.0))
      ->capture_default_str();
  app.add_flag("--dry-run", options.bot.dry_run,
               "Place and cancel nothing, only say what would be");
  app.add_flag("--json", options.json, "A JSON object a line");
}

}  // namespace

std::variant<Options, Leave> parse_options(int argc, const char* const* argv) {
  Options options;
  Texts texts;
  double exposure = static_cast<double>(options.bot.limits.exposure_max);
  CLI::App app("Flips items on margins that survive the tax, through a PPO bridge.", "ppo-bot");
  app.footer(kExamples);
  app.set_version_flag("--version", std::string("ppo-bot ") + PPO_VERSION);
  for (const auto& [place, port] : {std::pair{&options.bot.feed.events, feed::kBotEventsPort},
                                    std::pair{&options.bot.feed.commands, feed::kBotCommandsPort}}) {
    const auto addresses = feed::zmq_addresses_of_environment(port);
    if (!addresses) return Leave{kExitUsage, addresses.error() + "\n"};
    *place = *addresses;
  }
  declare(app, options, texts, exposure);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::ostringstream out;
    std::ostringstream err;
    const int code = app.exit(error, out, err);
    if (code == 0) return Leave{kExitOk, out.str()};
    return Leave{kExitUsage, err.str()};
  }
  if (texts.dead_man_s > 0 && texts.dead_man_s < 1) {
    return Leave{kExitUsage, "--dead-man must be 0 or 1..3600 seconds\n"};
  }
  const auto token = feed::find_token(texts.token_file);
  if (!token) return Leave{kExitUsage, token.error() + "\n"};
  BotOptions& bot = options.bot;
  const auto addresses = feed::bot_addresses(bot.feed.events, bot.feed.commands);
  if (!addresses) return Leave{kExitUsage, addresses.error() + "\n"};
  bot.feed.token = *token;
  const auto key = feed::find_curve_key(texts.curve_file);
  if (!key) return Leave{kExitUsage, key.error() + "\n"};
  bot.feed.key = *key;
  if (bot.prices_from.empty()) {
    const std::size_t end = bot.target.find_first_of("/@");
    if (end != std::string::npos) bot.prices_from = bot.target.substr(0, end);
  }
  bot.limits.exposure_max = static_cast<std::int64_t>(exposure);
  bot.limits.items.insert(texts.items.begin(), texts.items.end());
  bot.limits.price_age_max = to_ms(texts.price_age_s);
  bot.limits.order_age_max = to_ms(texts.order_age_s);
  bot.limits.order_interval = to_ms(texts.order_interval_s);
  bot.feed.check_interval = to_ms(texts.check_s);
  bot.feed.timeout = to_ms(texts.timeout_s);
  bot.exit_wait = to_ms(texts.exit_wait_s);
  bot.dead_man = to_ms(texts.dead_man_s);
  return options;
}

}  // namespace bot
