#include "rows.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <fstream>
#include <stdexcept>
#include <thread>
#include <utility>

#include "statistics.h"

namespace bench {
namespace {

// All rounds of one contestant.
struct Rounds {
  std::string lost;
  std::map<std::string, std::vector<double>> figures;

  const std::vector<double>* find(const std::string& figure) const {
    const auto found = figures.find(figure);
    return lost.empty() && found != figures.end() ? &found->second : nullptr;
  }
  double middle(const std::string& figure) const {
    const std::vector<double>* const values = find(figure);
    return values == nullptr ? 0.0 : median(*values);
  }
};

Taken take(const Contestant& contestant) {
  try {
    return contestant.take();
  } catch (const std::exception& error) {
    if (interrupted) throw;
    return {error.what(), {}};
  }
}

std::vector<Rounds> measure_contest(const Contest& contest, std::size_t rounds) {
  std::vector<Rounds> all(contest.contestants.size());
  for (std::size_t round = 0; round < rounds; ++round) {
    for (std::size_t turn = 0; turn < all.size(); ++turn) {
      const std::size_t i = round % 2 == 0 ? turn : all.size() - 1 - turn;
      const Taken got = take(contest.contestants[i]);
      std::fprintf(stderr, "%s, round %zu, %s:", contest.title.c_str(), round + 1, contest.contestants[i].name.c_str());
      for (const auto& [name, value] : got.figures) {
        std::fprintf(stderr, " %s %.4g", name.c_str(), value);
        all[i].figures[name].push_back(value);
      }
      std::fprintf(stderr, "%s%s\n", got.lost.empty() ? "" : "  LOST: ", got.lost.c_str());
      if (!got.lost.empty()) all[i].lost = got.lost;
    }
  }
  return all;
}

bool is_ours(const Contest& contest, const std::string& name) {
  return std::any_of(contest.rows.begin(), contest.rows.end(), [&](const RowAsked& row) { return row.ours == name; });
}

RowsRow judge(const RowAsked& asked, const Contest& contest, const std::vector<Rounds>& rounds) {
  RowsRow row;
  row.asked = asked;
  const std::string& beside = asked.beside.empty() ? asked.figure : asked.beside;
  for (std::size_t i = 0; i < rounds.size(); ++i) {
    const std::string& name = contest.contestants[i].name;
    if (name == asked.ours) {
      row.lost = rounds[i].lost;
      if (const auto* values = rounds[i].find(asked.figure)) row.ours = *values;
    } else if (const auto* values = rounds[i].find(beside); values != nullptr && !is_ours(contest, name)) {
      const double value = median(*values);
      const bool better = asked.more_is_better ? value > median(row.beside) : value < median(row.beside);
      if (row.best.empty() || better) {
        row.best = name;
        row.beside = *values;
      }
    }
  }
  for (std::size_t i = 0; i < std::min(row.ours.size(), row.beside.size()); ++i) {
    if (row.beside[i] > 0) row.ratios.push_back(row.ours[i] / row.beside[i]);
  }
  return row;
}

double smallest(const std::vector<double>& values) {
  return values.empty() ? 0.0 : *std::min_element(values.begin(), values.end());
}

double largest(const std::vector<double>& values) {
  return values.empty() ? 0.0 : *std::max_element(values.begin(), values.end());
}

// With as many digits as mean something.
std::string figure_text(double value) {
  char text[32];
  std::snprintf(text, sizeof text, value >= 1e6 ? "%.2f M" : value >= 100 ? "%.0f" : "%.3g", value >= 1e6 ? value / 1e6 : value);
  return text;
}

}  // namespace

bool RowsRow::reached() const {
  const std::vector<double>& of = asked.wanted_is_ratio ? ratios : ours;
  if (!lost.empty() || of.empty()) return false;
  return asked.more_is_better ? median(of) >= asked.wanted : median(of) <= asked.wanted;
}

RowsReport measure_rows(const std::vector<Contest>& contests, const Options& options) {
  RowsReport report;
  const auto begin = std::chrono::steady_clock::now();
  for (const Contest& contest : contests) {
    const std::vector<Rounds> rounds = measure_contest(contest, options.rounds);
    for (const RowAsked& asked : contest.rows) report.rows.push_back(judge(asked, contest, rounds));
    for (std::size_t i = 0; i < rounds.size(); ++i) {
      if (rounds[i].find("sleeps") == nullptr) continue;
      report.counted.push_back({contest.title, contest.contestants[i].name, rounds[i].middle("cores"),
                                rounds[i].middle("sleeps"), rounds[i].middle("preemptions")});
    }
  }
  report.seconds = seconds_since(begin);
  return report;
}

void print_rows(const RowsReport& report) {
  if (report.rows.empty()) return;
  std::printf("\nwhere others were quicker: medians, and as a ratio to the best other one the median of the rounds (least..most), "
              "in %.0f s\n  %-66s %9s %-20s %-23s %-10s %s\n",
              report.seconds, "row", "ours", "best other", "ratio", "wanted", "reached");
  std::size_t reached = 0;
  std::size_t wanted = 0;
  for (const RowsRow& row : report.rows) {
    const RowAsked& asked = row.asked;
    std::printf("  %-66s ", asked.what.c_str());
    if (!row.lost.empty()) {
      std::printf("LOST %s\n", row.lost.c_str());
      continue;
    }
    char ratio[64] = "-";
    if (!row.ratios.empty()) {
      std::snprintf(ratio, sizeof ratio, "%.2f (%.2f..%.2f)", median(row.ratios), smallest(row.ratios), largest(row.ratios));
    }
    const std::string best = row.best.empty() ? "-" : figure_text(median(row.beside)) + " " + row.best;
    const std::string limit = asked.wanted == 0.0 ? "-" : (asked.more_is_better ? ">= " : "<= ") + figure_text(asked.wanted) +
                                                              (asked.wanted_is_ratio ? " x" : "");
    const bool judged = asked.wanted != 0.0 && !(asked.wanted_is_ratio && row.ratios.empty());
    std::printf("%9s %-20s %-23s %-10s %s\n", figure_text(median(row.ours)).c_str(), best.c_str(), ratio, limit.c_str(),
                !judged ? "-" : row.reached() ? "yes" : "no");
    wanted += judged ? 1 : 0;
    reached += judged && row.reached() ? 1 : 0;
  }
  std::printf("  %zu of %zu reached\n", reached, wanted);
  if (report.counted.empty()) return;
  std::printf("\n  %-40s %-20s %9s %15s %20s\n", "counted", "who", "cores", "sleeps an event", "preemptions an event");
  for (const Counted& one : report.counted) {
    std::printf("  %-40s %-20s %9.3f %15.2f %20.3f\n", one.contest.c_str(), one.contestant.c_str(), one.cores, one.sleeps,
                one.preemptions);
  }
}

void keep_rows(const RowsReport& report, const std::string& file, const std::string& commit, const std::string& date) {
  std::ofstream out(file, std::ios::app);
  const auto line = [&](const std::string& figure, const std::vector<double>& values) {
    if (values.empty()) return;
    rapidjson::StringBuffer text;
    rapidjson::Writer<rapidjson::StringBuffer> writer(text);
    const auto text_member = [&writer](const char* key, const std::string& value) {
      writer.Key(key);
      writer.String(value);
    };
    writer.StartObject();
    text_member("date", date);
    text_member("commit", commit);
    text_member("figure", figure);
    writer.Key("cores");
    writer.Uint(std::thread::hardware_concurrency());
    writer.Key("values");
    writer.StartArray();
    for (const double value : values) writer.Double(value);
    writer.EndArray();
    writer.EndObject();
    out << text.GetString() << '\n';
  };
  for (const RowsRow& row : report.rows) {
    if (!row.lost.empty()) continue;
    line("rows row=" + row.asked.what, row.ours);
    line("rows row=" + row.asked.what + " / " + row.best, row.ratios);
  }
  if (!out.flush()) throw std::runtime_error("cannot write " + file);
}

void write_rows(Writer& writer, const RowsReport& report) {
  const auto values = [&writer](const char* key, const std::vector<double>& list) {
    writer.Key(key);
    writer.StartArray();
    for (const double value : list) writer.Double(value);
    writer.EndArray();
  };
  write_objects(writer, report.rows, [&](const RowsRow& row) {
    member(writer, "row", row.asked.what);
    member(writer, "subject", row.asked.ours);
    member(writer, "lost", row.lost);
    member(writer, "figure", median(row.ours));
    writer.Key("more_is_better");
    writer.Bool(row.asked.more_is_better);
    member(writer, "best", row.best);
    member(writer, "best_figure", median(row.beside));
    member(writer, "ratio", median(row.ratios));
    member(writer, "ratio_least", smallest(row.ratios));
    member(writer, "ratio_most", largest(row.ratios));
    member(writer, "wanted", row.asked.wanted);
    member(writer, "wanted_is", std::string(row.asked.wanted_is_ratio ? "ratio" : "figure"));
    writer.Key("reached");
    writer.Bool(row.reached());
    values("figures", row.ours);
    values("best_figures", row.beside);
    values("ratios", row.ratios);
  });
  writer.Key("rows_counted");
  write_objects(writer, report.counted, [&](const Counted& one) {
    member(writer, "of", one.contest);
    member(writer, "subject", one.contestant);
    member(writer, "cores", one.cores);
    member(writer, "sleeps_per_event", one.sleeps);
    member(writer, "preemptions_per_event", one.preemptions);
  });
}

}  // namespace bench
