#include "ppo-client/top_screen.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <vector>

#include "ppo-client/number.h"

namespace client {
namespace {

constexpr size_t kWidthUnknown = 160;
constexpr size_t kQueuesMax = 6;
constexpr double kQueueTold = 0.01;  // of its share
constexpr size_t kRowsEachMin = 3;   // of sources and of clients, however low the terminal is

// In at most six columns: 7, 1,234, 12.3k, 4.5m.
std::string short_count(double n) {
  if (n < 9'999.5) {
    const bool small = n != 0 && n < 10 && std::fabs(n - std::round(n)) > 0.05;
    char text[16];
    std::snprintf(text, sizeof text, "%.1f", n);
    return small ? text : grouped(static_cast<std::uint64_t>(std::llround(n)));
  }
  for (const auto& [unit, letter] : {std::pair{1e3, 'k'}, std::pair{1e6, 'm'}, std::pair{1e9, 'b'}, std::pair{1e12, 't'}}) {
    if (n < unit * 999.95) {
      char text[16];
      std::snprintf(text, sizeof text, "%.1f%c", n / unit, letter);
      return text;
    }
  }
  return "a lot";
}
std::string short_count(std::uint64_t n) { return short_count(static_cast<double>(n)); }

std::string short_time(double seconds) {
  char text[32];
  if (seconds < 0) seconds = 0;
  if (seconds < 100) {
    std::snprintf(text, sizeof text, "%.1f s", seconds);
  } else if (seconds < 6'000) {
    std::snprintf(text, sizeof text, "%.0f min", seconds / 60);
  } else if (seconds < 48 * 3'600) {
    std::snprintf(text, sizeof text, "%.1f h", seconds / 3'600);
  } else {
    std::snprintf(text, sizeof text, "%.0f d", std::min(seconds / 86'400, 99'999.0));
  }
  return text;
}

std::string ms_text(double ms) {
  char text[32];
  if (ms >= 1'000) {
    std::snprintf(text, sizeof text, "%.4g s", ms / 1e3);
  } else {
    std::snprintf(text, sizeof text, "%.3g ms", ms);
  }
  return text;
}

// A quantile, which is infinite above the last bound.
std::string quantile_text(std::optional<double> ms, double last_bound) {
  return !ms ? "-" : std::isinf(*ms) ? ">" + ms_text(last_bound) : ms_text(*ms);
}

std::string clock_text(const TopSource& source) {
  if (!source.clock_ahead_ms) return "-";
  const double ahead = *source.clock_ahead_ms;
  const double error = source.clock_error_ms.value_or(0);
  char text[48];
  if (std::fabs(ahead) < 10'000) {
    std::snprintf(text, sizeof text, "%+.1f ~%.1f ms", ahead, error);
  } else {
    std::snprintf(text, sizeof text, "%+.4g s", ahead / 1e3);
  }
  return text;
}

int rank(const std::string& state) { return state == "stalled" ? 0 : state == "live" ? 1 : 2; }

Colour colour_of(const std::string& state) {
  return state == "live" ? Colour::kGreen : state == "stalled" ? Colour::kYellow : Colour::kRed;
}

class Screen {
 public:
  Screen(const TopSample& now, const TopSample* before, const Style& style)
      : now_(now), before_(before), style_(style), width_(style.width_max == 0 ? kWidthUnknown : style.width_max) {}

  void put(const Line& line) {
    out_ += line.render({style_.colours, width_}) + "\n";
    ++rows_;
  }
  size_t rows() const { return rows_; }
  std::string take() { return std::move(out_); }

  // Of a number that only grows; 0 where there is nothing to compare with.
  double rate(std::uint64_t now, std::uint64_t before) const {
    const double s = before_ == nullptr ? 0 : now_.at_s - before_->at_s;
    return s <= 0 || now < before ? 0 : static_cast<double>(now - before) / s;
  }
  double rate(std::uint64_t TopSample::*member) const {
    return before_ == nullptr ? 0 : rate(now_.*member, before_->*member);
  }

  void head() {
    Line first;
    first.add("ppo-bridge " + now_.version, Colour::kBold).add("  up " + short_time(now_.uptime_s));
    first.add("  epoch " + now_.epoch + "  seq " + grouped(now_.seq));
    if (now_.alerts_raised != 0) first.add("  alerts " + grouped(now_.alerts_raised), Colour::kRed);
    put(first);
    Line events;
    events.add("events ", Colour::kDim).add(short_count(rate(&TopSample::events_in)) + "/s in, ");
    events.add(short_count(rate(&TopSample::events_out)) + "/s out").add("   bytes ", Colour::kDim);
    events.add(byte_size(rate(&TopSample::bytes_in)) + "/s in, " + byte_size(rate(&TopSample::bytes_out)) + "/s out");
    put(events);
    Line state;
    state.add("lost ", Colour::kDim).add(short_count(now_.lost), now_.lost != 0 ? Colour::kRed : Colour::kPlain);
    state.add("   rejected ", Colour::kDim);
    state.add(short_count(now_.rejected), now_.rejected != 0 ? Colour::kYellow : Colour::kPlain);
    char turn[32];
    std::snprintf(turn, sizeof turn, "%.1f ms", now_.turn_ms);
    state.add("   longest turn ", Colour::kDim).add(turn, now_.turn_ms > 100 ? Colour::kYellow : Colour::kPlain);
    if (now_.journal_holds_s) {
      const bool less = now_.journal_wanted_s && *now_.journal_holds_s < *now_.journal_wanted_s;
      state.add("   journal holds ", Colour::kDim).add(short_time(*now_.journal_holds_s), less ? Colour::kYellow : Colour::kPlain);
    }
    put(state);
  }

  void sources(size_t rows_max) {
    std::vector<const TopSource*> all;
    for (const TopSource& source : now_.sources) all.push_back(&source);
    std::sort(all.begin(), all.end(), [](const TopSource* a, const TopSource* b) {
      if (rank(a->state) != rank(b->state)) return rank(a->state) < rank(b->state);
      return a->events_per_s != b->events_per_s ? a->events_per_s > b->events_per_s : a->name < b->name;
    });
    const size_t name = width_ - std::min<size_t>(width_, 10 + 8 + 9 + 8 + 6 + 6 + 8 + 15);
    const size_t name_width = std::clamp<size_t>(name, 10, 48);
    put(Line().column("SOURCE", name_width, Colour::kBold).add(" ").column("STATE", 8, Colour::kBold).add(" ")
            .column("DOING", 8, Colour::kBold).right_column("EVENTS/S", 9, Colour::kBold).right_column("EVENTS", 8, Colour::kBold)
            .right_column("LOST", 6, Colour::kBold).right_column("HELD", 6, Colour::kBold).right_column("LAST", 8, Colour::kBold)
            .right_column("CLOCK", 15, Colour::kBold));
    each(all, rows_max, "sources", [&](const TopSource& s) {
      Line line;
      line.column(s.name, name_width).add(" ").column(s.state, 8, colour_of(s.state)).add(" ").column(s.activity, 8);
      line.right_column(short_count(s.events_per_s), 9).right_column(short_count(s.events), 8);
      line.right_column(short_count(s.lost), 6, s.lost != 0 ? Colour::kRed : Colour::kPlain);
      line.right_column(short_count(s.held), 6, s.held != 0 ? Colour::kYellow : Colour::kPlain);
      line.right_column(s.last_event_s == 0 ? "-" : short_time(now_.now_s - s.last_event_s), 8);
      line.right_column(clock_text(s), 15);
      put(line);
    });
  }

  void clients(size_t rows_max) {
    std::map<std::uint64_t, const TopClient*> known;
    if (before_ != nullptr) {
      for (const TopClient& client : before_->client_list) known[client.connection] = &client;
    }
    std::vector<const TopClient*> all;
    for (const TopClient& client : now_.client_list) all.push_back(&client);
    std::sort(all.begin(), all.end(), [](const TopClient* a, const TopClient* b) {
      return a->lag != b->lag ? a->lag > b->lag : a->connection < b->connection;
    });
    const size_t both = width_ - std::min<size_t>(width_, 1 + 6 + 9 + 9 + 11 + 6 + 2);
    const size_t name_width = std::clamp<size_t>(both * 3 / 5, 10, 60);
    const size_t from_width = std::clamp<size_t>(both - std::min(both, name_width), 15, 40);
    put(Line().column("CLIENT", name_width, Colour::kBold).add(" ").column("BY", 6, Colour::kBold)
            .right_column("LAG", 9, Colour::kBold).right_column("EVENTS/S", 9, Colour::kBold)
            .right_column("BYTES/S", 11, Colour::kBold).right_column("GAPS", 6, Colour::kBold).add("  ")
            .column("FROM", from_width, Colour::kBold));
    each(all, rows_max, "clients", [&](const TopClient& c) {
      const auto found = known.find(c.connection);
      const TopClient& was = found == known.end() ? c : *found->second;
      Line line;
      line.column(c.name, name_width).add(" ").column(c.served, 6);
      line.right_column(short_count(c.lag), 9, c.lag > 10'000 ? Colour::kYellow : Colour::kPlain);
      line.right_column(short_count(rate(c.events_sent, was.events_sent)), 9);
      line.right_column(byte_size(rate(c.bytes_sent, was.bytes_sent)), 11);
      line.right_column(short_count(c.gaps), 6, c.gaps != 0 ? Colour::kYellow : Colour::kPlain);
      put(line.add("  ").column(c.remote, from_width));
    });
  }

  void delays(const TopSample* since) {
    put(Line().column(since == nullptr ? "DELAY SINCE THE START" : "DELAY OF LATE", 40, Colour::kBold)
            .right_column("MEDIAN", 10, Colour::kBold).right_column("P99", 10, Colour::kBold).right_column("OF", 9, Colour::kBold));
    bool any = false;
    const double last = now_.bounds_ms.empty() ? 0 : now_.bounds_ms.back();
    for (const auto& [name, counts] : now_.delays) {
      TopDelays wanted = counts;
      if (since != nullptr) {
        const auto found = std::find_if(since->delays.begin(), since->delays.end(), [&name = name](const auto& d) { return d.first == name; });
        if (found != since->delays.end()) wanted = difference(counts, found->second);
      }
      std::uint64_t all = 0;
      for (const std::uint64_t n : wanted) all += n;
      if (all == 0) continue;
      any = true;
      put(Line().column(name, 40).right_column(quantile_text(quantile(now_.bounds_ms, wanted, 0.5), last), 10)
              .right_column(quantile_text(quantile(now_.bounds_ms, wanted, 0.99), last), 10).right_column(short_count(all), 9));
    }
    if (!any) put(Line().add("none", Colour::kDim));
  }

  void memory() {
    std::vector<const TopQueue*> told;
    for (const TopQueue& queue : now_.queues) {
      if (queue.refused != 0 || queue.bytes > kQueueTold * queue.bytes_max) told.push_back(&queue);
    }
    std::sort(told.begin(), told.end(), [](const TopQueue* a, const TopQueue* b) {
      return a->bytes * std::max(b->bytes_max, 1.0) > b->bytes * std::max(a->bytes_max, 1.0);
    });
    if (told.size() > kQueuesMax) told.resize(kQueuesMax);
    put(Line().column("MEMORY", 18, Colour::kBold).right_column(byte_size(now_.resident_bytes), 12, Colour::kBold)
            .add(" of " + byte_size(now_.memory_bytes_max)));
    for (const TopQueue* const queue : told) {
      Line line;
      line.column(queue->name, 18).right_column(byte_size(queue->bytes), 12).add(" of ").column(byte_size(queue->bytes_max), 12);
      char share[16];
      std::snprintf(share, sizeof share, "%.0f %%", 100 * queue->bytes / std::max(queue->bytes_max, 1.0));
      line.right_column(share, 6);
      if (queue->refused != 0) line.add("  refused " + short_count(queue->refused), Colour::kYellow);
      put(line);
    }
  }

 private:
  template <class T, class Put>
  void each(const std::vector<const T*>& all, size_t rows_max, const char* what, Put&& put_one) {
    const size_t shown = all.size() <= rows_max ? all.size() : rows_max - 1;
    for (size_t i = 0; i < shown; ++i) put_one(*all[i]);
    if (all.empty()) put(Line().add("none", Colour::kDim));
    if (shown < all.size()) put(Line().add("and " + grouped(std::uint64_t{all.size() - shown}) + " more " + what, Colour::kDim));
  }

  const TopSample& now_;
  const TopSample* const before_;
  const Style style_;
  const size_t width_;
  std::string out_;
  size_t rows_ = 0;
};

}  // namespace

std::string top_screen(const TopSample& now, const TopSample* before, const TopSample* delays_since, const Style& style,
                       size_t rows, const std::string& notice) {
  // What stands below the two lists is made first: they have the rows that it leaves.
  Screen below(now, before, style);
  below.put(Line());
  below.delays(delays_since);
  below.put(Line());
  below.memory();
  Screen above(now, before, style);
  if (!notice.empty()) above.put(Line().add(notice, Colour::kRed));
  above.head();
  above.put(Line());
  const size_t taken = above.rows() + below.rows() + 3;  // with two headers and a line between
  const size_t left = rows == 0 ? SIZE_MAX : rows > taken ? rows - taken : 0;
  const size_t sources = std::max<size_t>(now.sources.size(), 1);
  const size_t clients = std::max<size_t>(now.client_list.size(), 1);
  size_t for_sources = std::min(sources, std::max(left / 2, left - std::min(left, clients)));
  for_sources = std::max(for_sources, kRowsEachMin);
  const size_t for_clients = std::max(left - std::min(left, for_sources), kRowsEachMin);
  above.sources(for_sources);
  above.put(Line());
  above.clients(for_clients);
  std::string text = above.take() + below.take();
  if (rows == 0) return text;
  // A terminal that is lower than all of that shows its beginning.
  size_t end = 0;
  for (size_t line = 0; line < rows && end < text.size(); ++line) end = text.find('\n', end) + 1;
  text.resize(end);
  return text;
}

}  // namespace client
