// Mode rows: the places where others were quicker than the bridge or its price was too high, all in one run, each beside the
// best there is.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "options.h"
#include "report_parts.h"

namespace bench {

// What one contestant did in one round.
struct Taken {
  std::string lost;  // "" or what was lost, and then the figures mean nothing
  std::map<std::string, double> figures;
};

struct Contestant {
  std::string name;
  std::function<Taken()> take;  // throws std::runtime_error where it cannot be measured
};

// A line of the table: one figure of one contestant, beside the best of the others.
struct RowAsked {
  std::string what;    // with its unit
  std::string figure;  // of Taken::figures
  std::string ours;    // the contestant
  bool more_is_better;
  double wanted;          // 0 = nothing
  bool wanted_is_ratio;   // otherwise it is of the figure itself
  std::string beside{};   // the figure of the others, where it is another one
};

// Contestants who are measured in turns. Whoever no row names as ours is somebody to be held against.
struct Contest {
  std::string title;
  std::vector<Contestant> contestants;
  std::vector<RowAsked> rows;
};

// What a contestant's processes did for an event: what tells the price where there are no cores to show it by time.
struct Counted {
  std::string contest;
  std::string contestant;
  double cores = 0.0;
  double sleeps = 0.0;       // of all of its threads: each is a wake-up, too
  double preemptions = 0.0;  // a processor taken away from one that had more to do
};

struct RowsRow {
  RowAsked asked;
  std::string lost;  // of ours; a peer that lost something is left out
  std::vector<double> ours;
  std::string best;  // "" = nobody else was measured, or all lost something
  std::vector<double> beside;
  std::vector<double> ratios;  // ours / best, a round each
  bool reached() const;
};

struct RowsReport {
  std::vector<RowsRow> rows;
  std::vector<Counted> counted;
  double seconds = 0.0;  // that it all took
};

// What there is to measure with these options: the peers are those among options.subjects. Throws std::runtime_error where
// options.rows_only leaves nothing.
std::vector<Contest> row_contests(const Options& options);

// Measures options.rounds rounds of each, in turns and every other round in the opposite order. Prints a line a measurement
// to stderr. Throws std::runtime_error on an interrupt only.
RowsReport measure_rows(const std::vector<Contest>& contests, const Options& options);

// Adds a line of JSON a figure, as compare.py does, to `file`: ours by row, and the ratios. Throws std::runtime_error where
// that cannot be written.
void keep_rows(const RowsReport& report, const std::string& file, const std::string& commit, const std::string& date);

void print_rows(const RowsReport& report);
void write_rows(Writer& writer, const RowsReport& report);

}  // namespace bench
