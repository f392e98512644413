#include "ppo-bot/bridge_link.h"

#include <algorithm>
#include <initializer_list>
#include <limits>
#include <utility>

#include "feed/json.h"
#include "feed/message.h"

namespace bot {
namespace {

namespace json = feed::json;
using json::Object;

// Handed over by one poll(): a flood must not keep the bot from looking up.
constexpr std::size_t kEventsOfPollMax = 10'000;
// What the bridge is given less than this side waits, so that its own `timeout` arrives.
constexpr milliseconds kDeadlineMargin{500};
constexpr milliseconds kDeadlineMin{100};
constexpr milliseconds kDeadlineMax{60'000};
// A bridge that restarts while it is being asked is asked anew, so often.
constexpr int kAttemptsMax = 3;

bool is_one_of(const std::string& text, std::initializer_list<const char*> names) {
  return std::find(names.begin(), names.end(), text) != names.end();
}

std::vector<std::string> topics(const std::string& prices_from) {
  // Each ends in a delimiter: without, `trainer-1` would match `trainer-10` too.
  std::string prices = std::string(kPriceType) + "/";
  if (!prices_from.empty()) prices += prices_from + "/";
  return {prices, std::string(kFillType) + "/", std::string(kEpisodeType) + "/"};
}

}  // namespace

BridgeLink::BridgeLink(LinkOptions options, std::function<bool()> stop)
    : options_(std::move(options)),
      stop_(std::move(stop)),
      events_(context_, options_.events, topics(options_.prices_from)),
      commands_(context_, options_.commands, options_.name) {}

std::vector<Event> BridgeLink::poll(milliseconds wait) {
  events_.wait(wait);
  std::vector<Event> news;
  for (std::size_t n = 0; n < kEventsOfPollMax; ++n) {
    const std::optional<std::string> text = events_.receive();
    if (!text) break;
    if (!sound()) continue;
    if (auto event = read_event(*text); event && is_new(*event)) news.push_back(std::move(*event));
  }
  return news;
}

// A price may come twice, which changes nothing; all else must not.
bool BridgeLink::is_new(const Event& event) {
  if (event.type == kPriceType) return is_wanted_price(event);
  if (event.type != kFillType && event.type != kEpisodeType) return false;
  if (!event.source.empty() && event.source_seq) {
    return seen_.insert(event.source, event.run, *event.source_seq);
  }
  return seen_.insert("", epoch_, event.seq);
}

bool BridgeLink::is_wanted_price(const Event& event) const {
  return options_.prices_from.empty() || event.source == options_.prices_from;
}

BridgeLink::CatchUp BridgeLink::catch_up(const std::string& item) {
  CatchUp done;
  events_.watch();
  if (!connected()) {
    done.error = "not connected";
    return done;
  }
  const std::uint64_t connection = events_.cuts() + 1;
  done.after_cut = !sound();
  if (epoch_.empty() && !begin(done)) return done;

  std::uint64_t newest = 0;
  const auto read_all = [&] {
    newest = std::numeric_limits<std::uint64_t>::max();
    Page page = done.after_cut ? read_type(kPriceType, newest, done) : Page::kComplete;
    for (const std::string_view type : {kFillType, kEpisodeType}) {
      if (page == Page::kComplete) page = read_type(type, newest, done);
    }
    return page;
  };
  Page page = read_all();
  for (int n = 1; page == Page::kOtherEpoch && n < kAttemptsMax; ++n) {
    done.epoch_changed = true;
    done.after_cut = true;
    // Prices of the old numbering cannot be put in order with those of the new one.
    done.events.erase(std::remove_if(done.events.begin(), done.events.end(),
                                     [](const Event& e) { return e.type == kPriceType; }),
                      done.events.end());
    page = read_all();
  }
  const bool complete = page == Page::kComplete && check_held(newest, done) &&
                        (item.empty() || read_newest_price(item, done));
  std::stable_sort(done.events.begin(), done.events.end(),
                   [](const Event& a, const Event& b) { return a.seq < b.seq; });
  events_.watch();
  if (!complete || !connected() || events_.cuts() + 1 != connection) return done;
  certain_seq_ = newest;
  caught_up_with_ = connection;
  done.kind = CatchUp::Kind::kDone;
  return done;
}

// What was before this bot is nothing to it, but for the prices of the moment.
bool BridgeLink::begin(CatchUp& into) {
  Object params;
  params.add_string("type", kPriceType).add_number("count", options_.page_events);
  if (!options_.prices_from.empty()) params.add_string("source", options_.prices_from);
  const std::optional<std::string> result = recent_events(params.text(), into);
  if (!result) return false;
  const auto seq = json::as_u64(json::member(*result, "seq"));
  const auto epoch = json::as_string(json::member(*result, "epoch"));
  if (!seq || !epoch) {
    into.error = "the bridge's answer names no seq or no epoch";
    return false;
  }
  epoch_ = *epoch;
  certain_seq_ = *seq;
  take_events(*result, into);
  return true;
}

BridgeLink::Page BridgeLink::read_type(std::string_view type, std::uint64_t& newest,
                                       CatchUp& into) {
  std::uint64_t since = certain_seq_;
  while (!stop_()) {
    Object params;
    params.add_string("type", type).add_number("since_seq", since);
    params.add_number("count", options_.page_events);
    if (type == kPriceType && !options_.prices_from.empty()) {
      params.add_string("source", options_.prices_from);
    }
    const std::optional<std::string> result = recent_events(params.text(), into);
    if (!result) return Page::kFailed;
    const auto epoch = json::as_string(json::member(*result, "epoch"));
    const auto seq = json::as_u64(json::member(*result, "seq"));
    if (!epoch || !seq) return Page::kFailed;
    if (*epoch != epoch_) {
      // All of the new numbering counts: what of it was seen before, is_new() knows.
      epoch_ = *epoch;
      certain_seq_ = 0;
      return Page::kOtherEpoch;
    }
    std::uint64_t last = since;
    std::size_t count = 0;
    json::for_each_element(json::member(*result, "events"), [&](std::string_view text) {
      ++count;
      last = std::max(last, json::as_u64(json::member(text, "seq")).value_or(0));
    });
    take_events(*result, into);
    // Incomplete without an event: nothing of what there was is held any more.
    if (count == 0 || json::member(*result, "complete") == "true") {
      newest = std::min(newest, *seq);
      return Page::kComplete;
    }
    if (last == since) return Page::kFailed;  // it repeats itself
    since = last;
  }
  return Page::kFailed;
}

// Whether the bridge still holds what follows the last certain event: the log has no holes.
bool BridgeLink::check_held(std::uint64_t newest, CatchUp& into) {
  if (newest == certain_seq_) return true;
  Object params;
  const auto result = recent_events(
      params.add_number("since_seq", certain_seq_).add_number("count", 1).text(), into);
  if (!result || json::as_string(json::member(*result, "epoch")) != epoch_) return false;
  std::uint64_t first = 0;
  json::for_each_element(json::member(*result, "events"), [&](std::string_view text) {
    first = json::as_u64(json::member(text, "seq")).value_or(0);
  });
  into.lost = into.lost || first != certain_seq_ + 1;
  return true;
}

bool BridgeLink::read_newest_price(const std::string& item, CatchUp& into) {
  Object params;
  params.add_string("type", kPriceType).add_string("item", item).add_number("count", 1);
  if (!options_.prices_from.empty()) params.add_string("source", options_.prices_from);
  const std::optional<std::string> result = recent_events(params.text(), into);
  if (!result) return false;
  // Of another epoch, it is of no use here; the next catch_up() starts over.
  if (json::as_string(json::member(*result, "epoch")) != epoch_) return false;
  take_events(*result, into);
  return true;
}

void BridgeLink::take_events(std::string_view result, CatchUp& into) {
  json::for_each_element(json::member(result, "events"), [&](std::string_view text) {
    if (auto event = read_event(text); event && is_new(*event)) {
      into.events.push_back(std::move(*event));
    }
  });
}

std::optional<std::string> BridgeLink::recent_events(const std::string& params, CatchUp& into) {
  Answer answer = ask("get_recent_events", params);
  if (answer.kind == Answer::Kind::kDone) return std::move(answer.result);
  into.error = answer.error_type + ": " + answer.error;
  if (is_one_of(answer.error_type,
                {"unauthorized", "forbidden", "bad_request", "unknown_command", "bad_json"})) {
    into.kind = CatchUp::Kind::kRefused;
  }
  return std::nullopt;
}

Answer BridgeLink::ask(std::string_view command, std::string_view params, std::string_view target,
                       std::string_view idempotency_key, milliseconds wait) {
  wait = std::min(wait, options_.timeout);
  const milliseconds deadline = std::clamp(wait - kDeadlineMargin, kDeadlineMin, kDeadlineMax);
  const std::uint64_t id = ++last_id_;
  Object question;
  question.add_string("command", command).add("params", params).add_number("id", id);
  question.add_number("deadline_ms", static_cast<std::uint64_t>(deadline.count()));
  if (!target.empty()) question.add_string("target", target);
  if (!idempotency_key.empty()) question.add_string("idempotency_key", idempotency_key);
  if (!options_.token.empty()) question.add_string("token", options_.token);

  Answer answer;
  std::optional<std::string> text = commands_.ask(question.text(), wait);
  // The answer to another question is one that came too late.
  if (!text || !json::valid(*text) || json::as_u64(json::member(*text, "id")) != id) {
    answer.error_type = text ? "bad_answer" : "no_answer";
    answer.error = text ? "the bridge's answer is no answer to what was asked"
                        : "none came within " + std::to_string(wait.count()) + " ms";
    return answer;
  }
  const feed::Reply reply = feed::read_reply(std::move(*text));
  if (reply.ok) {
    answer.kind = Answer::Kind::kDone;
    answer.result = json::member(reply.text, "result");
    answer.source = json::as_string(json::member(reply.text, "source")).value_or("");
  } else {
    answer.kind = is_one_of(reply.error_type, {"timeout", "unknown_outcome"})
                      ? Answer::Kind::kUnknown
                      : Answer::Kind::kRefused;
    answer.error_type = reply.error_type;
    answer.error = reply.error;
  }
  return answer;
}

}  // namespace bot
