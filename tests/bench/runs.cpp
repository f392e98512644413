// bench-runs: what questions about runs take on a journal with many long curves, cold and warm.
//
// The journal is built directly, a row of samples at a time: a billion points would take hours to publish.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/clock.h"
#include "runs/run_tables.h"
#include "runs/runs_thread.h"
#include "store/journal_file.h"
#include "support/scratch_directory.h"

namespace {

using bridge::Database;
using bridge::Statement;
using std::chrono::steady_clock;

constexpr std::int64_t kStartUs = 1'619'395'200'000'000;
constexpr const char* kTag = "train/loss";

struct Options {
  std::uint64_t runs = 1000;
  std::uint64_t points = 1'000'000;
  std::size_t asked = 10;
  std::size_t buckets = 2000;
  int rounds = 20;
  std::string directory;
  bool warm_only = false;
  double require_ms = 0;
};

std::string run_id(std::uint64_t run) { return "trainer-" + std::to_string(run) + "@r/agent_0"; }

// The curve's points [from, from + n): noise on a slope, steps 10 apart.
bridge::ChunkPoints points_of(std::uint64_t run, std::uint64_t from, std::uint64_t n) {
  bridge::ChunkPoints points;
  std::uint64_t noise = run * 7919 + from + 1;
  for (std::uint64_t i = from; i < from + n; ++i) {
    noise = noise * 6364136223846793005ull + 1442695040888963407ull;
    const double value = 1000.0 / (1.0 + static_cast<double>(i)) + static_cast<double>(noise >> 40) / 1e7;
    points.add(static_cast<double>(10 * i), value, kStartUs + static_cast<std::int64_t>(1000 * i + noise % 7));
  }
  return points;
}

void add_run(Database& db, std::uint64_t run, std::uint64_t points) {
  const std::string id = std::to_string(run);
  const std::string count = std::to_string(points);
  db.run("INSERT INTO runs(id,source,run,agent_id,state,started,last,steps,config) VALUES(" + id + ",'trainer-" + id +
         "','r','agent_0','finished',1619395200+" + id + ",1619395200+" + id + "," + count + ",'{\"gamma\":0.99,\"seed\":" + id + "}')");
  db.run("INSERT INTO curves(id,run,tag,points,bytes,last,last_step) VALUES(" + id + "," + id + ",'" + kTag + "'," + count +
         ",12*" + count + ",0.5," + count + ")");
  Statement chunk(db, "INSERT INTO chunks VALUES(?,?,?,?,?,?,?,?,?,?,?)");
  Statement samples(db, "INSERT INTO samples VALUES(?,?,?,?)");
  for (std::uint64_t from = 0; from < points; from += bridge::kChunkPoints) {
    const auto part = points_of(run, from, std::min<std::uint64_t>(bridge::kChunkPoints, points - from));
    const bridge::ChunkSummary sum(part);
    const std::uint64_t row = run << bridge::kChunkBits | from / bridge::kChunkPoints;
    const std::string steps = bridge::encode_steps(part.steps), values = bridge::encode_values(part.values);
    const std::string times = bridge::encode_times(part.times_us);
    chunk.bind(1, row);
    chunk.bind(2, sum.points);
    chunk.bind(3, sum.rises);
    chunk.bind(4, sum.step_min);
    chunk.bind(5, sum.step_max);
    chunk.bind(6, static_cast<std::uint64_t>(sum.time_min_us));
    chunk.bind(7, static_cast<std::uint64_t>(sum.time_max_us));
    chunk.bind(8, sum.min);
    chunk.bind(9, sum.max);
    chunk.bind(10, sum.first);
    chunk.bind(11, sum.last);
    chunk.run();
    samples.bind(1, row);
    samples.bind(2, bridge::Blob{steps});
    samples.bind(3, bridge::Blob{values});
    samples.bind(4, bridge::Blob{times});
    samples.run();
  }
}

void build(const std::string& path, const Options& options) {
  bridge::JournalFileOptions file;
  file.path = path;
  if (!bridge::JournalFile::open(file)) throw std::runtime_error("cannot make " + path);
  Database db(path);
  db.run("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-65536; BEGIN");
  for (std::uint64_t run = 1; run <= options.runs; ++run) {
    add_run(db, run, options.points);
    if (run % 100 == 0) std::fprintf(stderr, "%llu of %llu runs\n", static_cast<unsigned long long>(run),
                                     static_cast<unsigned long long>(options.runs));
  }
  db.run("COMMIT; PRAGMA journal_mode=WAL");
}

// Nothing of the file stays in the kernel's memory.
void drop_from_cache(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) throw std::runtime_error("cannot open " + path);
  ::fsync(fd);
  ::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
  ::close(fd);
}

double cpu_ms() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto ms = [](const timeval& t) { return static_cast<double>(t.tv_sec) * 1e3 + static_cast<double>(t.tv_usec) / 1e3; };
  return ms(used.ru_utime) + ms(used.ru_stime);
}

// Asks as the bridge does, and waits.
class Asker {
 public:
  explicit Asker(const std::string& path)
      : thread_({path, {}, 0}, clock_,
                {[this](std::function<void()> f) {
                   const std::lock_guard<std::mutex> lock(mutex_);
                   posted_ = std::move(f);
                   wake_.notify_one();
                 },
                 [](const bridge::RunQuery&, const std::function<void(bridge::RunsThread::Prepared)>& done) {
                   done(bridge::RunsThread::Prepared::read);
                 }}) {}

  std::size_t ask(const bridge::RunQuery& query) {
    std::size_t bytes = 0;
    std::string problem;
    const auto done = [&](const bridge::Result<bridge::RunAnswer, bridge::RequestError>& answer) {
      if (!answer) problem = answer.error().message;
      if (answer) bytes = answer.value().members.size();
    };
    if (!thread_.ask(query, nullptr, here_, done)) throw std::runtime_error("busy");
    std::function<void()> answer;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      wake_.wait(lock, [this] { return static_cast<bool>(posted_); });
      answer.swap(posted_);
    }
    answer();
    if (!problem.empty()) throw std::runtime_error(problem);
    return bytes;
  }

 private:
  const bridge::SystemClock clock_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::function<void()> posted_;
  const std::shared_ptr<int> here_ = std::make_shared<int>(0);
  bridge::RunsThread thread_;
};

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

// False where the median is over what is required.
bool measure(const char* what, const std::string& path, const Options& options, const bridge::RunQuery& query) {
  Asker asker(path);
  bool met = true;
  for (const bool cold : {true, false}) {
    if (cold && options.warm_only) continue;
    std::vector<double> took, cpu;
    std::size_t bytes = 0;
    for (int round = 0; round < options.rounds; ++round) {
      if (cold) drop_from_cache(path);
      const double cpu_before = cpu_ms();
      const auto begin = steady_clock::now();
      bytes = asker.ask(query);
      took.push_back(std::chrono::duration<double, std::milli>(steady_clock::now() - begin).count());
      cpu.push_back(cpu_ms() - cpu_before);
    }
    std::printf("%-28s %-5s median %7.1f ms, least %7.1f, most %7.1f, CPU %7.1f ms, %zu bytes\n", what,
                cold ? "cold" : "warm", median(took), *std::min_element(took.begin(), took.end()),
                *std::max_element(took.begin(), took.end()), median(cpu), bytes);
    met &= options.require_ms <= 0 || median(took) <= options.require_ms;
  }
  return met;
}

bool measure_all(const std::string& path, const Options& options) {
  bridge::RunsQuery runs;
  runs.count = 1000;
  bool met = measure("get_runs, 1,000 a page", path, options, runs);
  bridge::TagsQuery tags;
  for (std::uint64_t run = 1; run <= 256 && run <= options.runs; ++run) tags.run_ids.push_back(run_id(run));
  met &= measure("get_tags, 256 runs", path, options, tags);
  bridge::SeriesQuery series;
  for (std::size_t i = 1; i <= options.asked; ++i) series.run_ids.push_back(run_id(i * options.runs / options.asked));
  series.range.points_max = options.buckets;
  met &= measure("get_series by step", path, options, series);
  series.range.axis = bridge::SeriesRange::Axis::time;
  met &= measure("get_series by time", path, options, series);
  series.range.axis = bridge::SeriesRange::Axis::step;
  series.range.from = 4.0 * static_cast<double>(options.points);
  series.range.to = 4.5 * static_cast<double>(options.points);
  return measure("get_series, a twentieth", path, options, series) && met;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app{"What questions about runs take on a journal with many long curves."};
  app.add_option("--runs", options.runs, "runs, of one curve each")->check(CLI::Range(1, 100'000))->capture_default_str();
  app.add_option("--points", options.points, "points of each curve")->check(CLI::Range(1, 100'000'000))->capture_default_str();
  app.add_option("--asked", options.asked, "runs that get_series asks for")->check(CLI::Range(1, 256))->capture_default_str();
  app.add_option("--buckets", options.buckets, "points_max")->check(CLI::Range(1, 20'000))->capture_default_str();
  app.add_option("--rounds", options.rounds, "times that each is asked")->check(CLI::Range(1, 10'000))->capture_default_str();
  app.add_option("--directory", options.directory,
                 "where the journal is, and stays for the next time (12 bytes a point); left out: a new one, then gone");
  app.add_flag("--warm", options.warm_only, "only with the file in the kernel's memory");
  app.add_option("--require-ms", options.require_ms, "fail if a median is above it");
  CLI11_PARSE(app, argc, argv);
  try {
    const testing_support::ScratchDirectory scratch;
    const std::string path = (options.directory.empty() ? scratch.path() : options.directory) + "/runs";
    if (!std::filesystem::exists(path)) build(path, options);
    return measure_all(path, options) ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench-runs: %s\n", error.what());
    return 1;
  }
}
