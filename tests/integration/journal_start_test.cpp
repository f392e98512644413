// A journal that cannot be opened at the start: told at once, delivered without, and kept from the moment
// at which its trouble is over, under numbers that it has not given to anything else.

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "journal_bridge.h"

using namespace testing_support;

namespace {

constexpr std::int64_t kExactInJavaScript = 1ll << 53;
constexpr std::int64_t kNumberedByTime = 1'000'000'000'000'000;

bool starts_without(const BridgeProcess& bridge, const std::string& what) {
  const HttpResponse reply = http(bridge.websocket(), "GET", "/readyz");
  CAPTURE(reply.body);
  return reply.status == 503 && reply.body.find("journal: ") == 0 &&
         reply.body.find(what) != std::string::npos &&
         reply.body.find("events are delivered but not kept") != std::string::npos &&
         wait_until([&] { return bridge_says(bridge, what); }) &&
         metric(bridge, "ppo_bridge_journal_writing") == 0;
}

bool wait_ready(const BridgeProcess& bridge) {
  return wait_until([&] {
    return http(bridge.websocket(), "GET", "/readyz").status == 200 &&
           metric(bridge, "ppo_bridge_journal_writing") == 1;
  });
}

// Publishes n = from..to, sees them delivered and returns the seq of the first.
std::int64_t deliver(BridgeProcess& bridge, std::int64_t from, std::int64_t to) {
  ProtocolClient client(bridge.websocket());
  const std::int64_t first = client.request(R"({"action":"register"})").integer("/seq") + 1;
  EventPublisher publisher(bridge.events_in());
  REQUIRE(publish_numbered(publisher, from, to));
  for (std::int64_t n = from; n <= to; ++n) {
    const Json event = client.next_event();
    REQUIRE(event.integer("/data/n") == n);
    REQUIRE(event.integer("/seq") == first + n - from);
    REQUIRE(event.integer("/seq") < kExactInJavaScript);
  }
  return first;
}

struct Told {
  std::vector<std::int64_t> seqs;                          // of events
  std::vector<std::pair<std::int64_t, std::int64_t>> gaps;
};

// What a client that has nothing of `epoch` is told, up to the newest event.
Told told_since(BridgeProcess& bridge, const std::string& epoch) {
  ProtocolClient client(bridge.websocket());
  const std::int64_t newest = client.request(since(epoch, 0)).integer("/seq");
  Told told;
  while (told.seqs.empty() || told.seqs.back() < newest) {
    const Json message = client.next_message();
    if (message.has("/seq")) {
      told.seqs.push_back(message.integer("/seq"));
    } else {
      told.gaps.emplace_back(message.integer("/data/from_seq"), message.integer("/data/to_seq"));
    }
  }
  return told;
}

std::vector<std::int64_t> range(std::int64_t from, std::int64_t count) {
  std::vector<std::int64_t> all;
  for (std::int64_t n = from; n < from + count; ++n) all.push_back(n);
  return all;
}

std::vector<std::int64_t> joined(std::vector<std::int64_t> a, const std::vector<std::int64_t>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

std::string epoch_of(BridgeProcess& bridge) {
  return ProtocolClient(bridge.websocket()).welcome().string("/data/epoch");
}

// Fills a journal with events 1..50 and returns their epoch.
std::string keep_fifty(const BridgeOptions& options) {
  BridgeProcess bridge(options);
  const std::string epoch = epoch_of(bridge);
  CHECK(deliver(bridge, 1, 50) == 1);
  CHECK(wait_rows(bridge, 50));
  CHECK(bridge.stop() == 0);
  return epoch;
}

// The bridge started by a shell that runs `before` first.
BridgeOptions started_by(const ScratchDirectory& directory, BridgeOptions options,
                         const std::string& before) {
  const std::string script = directory.file("start");
  std::ofstream(script) << "#!/bin/sh\n" << before << " \"" << bridge_command_line(options)[0]
                        << "\" \"$@\"\n";
  std::filesystem::permissions(script, std::filesystem::perms::owner_all |
                                           std::filesystem::perms::group_read |
                                           std::filesystem::perms::group_exec |
                                           std::filesystem::perms::others_read |
                                           std::filesystem::perms::others_exec);
  options.program = script;
  return options;
}

}  // namespace

TEST_CASE("journal at the start: a second bridge keeps its events once the first is gone") {
  ScratchDirectory directory;
  const BridgeOptions options = with_journal(directory.file("j"));
  auto first = std::make_unique<BridgeProcess>(options);
  const std::string first_epoch = epoch_of(*first);
  CHECK(deliver(*first, 1, 100) == 1);
  BridgeProcess second(options);
  const std::string second_epoch = epoch_of(second);
  CHECK(starts_without(second, directory.file("j") + ": it is in use by another bridge"));
  const std::int64_t from = deliver(second, 1, 10);
  CHECK(from > kNumberedByTime);
  // It writes on behind what the second has seen, if it has looked.
  CHECK(deliver(*first, 101, 120) == 101);
  CHECK(first->stop() == 0);
  first.reset();
  REQUIRE(wait_ready(second));
  CHECK(deliver(second, 11, 20) == from + 10);
  CHECK(wait_rows(second, 20));
  const auto check = [&](BridgeProcess& bridge) {
    const Told all = told_since(bridge, first_epoch);
    CHECK(all.seqs == joined(range(1, 120), range(from, 20)));
    REQUIRE(all.gaps.size() == 1);  // the numbers between, which nobody has used
    CHECK(all.gaps[0] == std::pair<std::int64_t, std::int64_t>(121, from - 1));
    CHECK(told_since(bridge, second_epoch).seqs == all.seqs);
  };
  check(second);
  CHECK(second.stop() == 0);
  BridgeProcess third(options);
  CHECK(epoch_of(third) == second_epoch);
  check(third);
}

TEST_CASE("journal at the start: what is read-only is told, read, and gone on with once it is not") {
  // Whoever may do anything may also write what is read-only.
  std::string before = "exec";
  if (::geteuid() == 0) {
    before = "exec setpriv --reuid=65534 --regid=65534 --clear-groups";
    if (std::system((before.substr(5) + " \"$PPO_BRIDGE_BIN\" --version >/dev/null 2>&1").c_str()) != 0) {
      MESSAGE("skipped: root, and the bridge cannot be run as somebody else");
      return;
    }
  }
  for (const bool whole_directory : {false, true}) {
    CAPTURE(whole_directory);
    ScratchDirectory directory;
    const std::string home = directory.file("d");
    const std::string path = home + "/j";
    REQUIRE(::chmod(directory.path().c_str(), 0755) == 0);
    REQUIRE(::mkdir(home.c_str(), 0755) == 0);
    if (::geteuid() == 0) REQUIRE(::chown(home.c_str(), 65534, 65534) == 0);
    const BridgeOptions options = started_by(directory, with_journal(path), before);
    const std::string epoch = keep_fifty(options);
    const std::string& closed = whole_directory ? home : path;
    REQUIRE(::chmod(closed.c_str(), whole_directory ? 0555 : 0444) == 0);
    if (whole_directory) {
      std::filesystem::remove(path + "-wal");
      std::filesystem::remove(path + "-shm");
    }
    BridgeProcess bridge(options);
    CHECK(starts_without(bridge, "it or its directory is read-only"));
    CHECK(deliver(bridge, 51, 60) == 51);
    REQUIRE(::chmod(closed.c_str(), 0755) == 0);
    REQUIRE(wait_ready(bridge));
    CHECK(wait_rows(bridge, 10));
    const Told all = told_since(bridge, epoch);
    CHECK(all.seqs == range(1, 60));
    CHECK(all.gaps.empty());
    CHECK(bridge.stop() == 0);
    BridgeProcess again(options);
    CHECK(told_since(again, epoch).seqs == range(1, 60));
  }
}

TEST_CASE("journal at the start: a disk that is full is written as soon as it has room") {
  for (const bool killed : {false, true}) {
    CAPTURE(killed);
    ScratchDirectory directory;
    BridgeOptions options = with_journal(directory.file("j"));
    const std::string epoch = keep_fifty(options);
    if (killed) {
      BridgeProcess bridge(options);
      CHECK(deliver(bridge, 51, 55) == 51);
      CHECK(wait_rows(bridge, 5));
      bridge.process().signal(SIGKILL);
      REQUIRE(bridge.process().wait_exit());
    }
    // The bridge ignores the signal itself, but a sanitizer's runtime writes before it comes to that.
    BridgeProcess bridge(started_by(directory, options, "trap '' XFSZ; ulimit -S -f 0; exec"));
    CHECK(starts_without(bridge, "File too large"));
    const std::int64_t kept = killed ? 55 : 50;
    const std::int64_t from = deliver(bridge, kept + 1, kept + 10);
    CHECK((from == kept + 1 || from > kNumberedByTime));
    rlimit limit{};
    REQUIRE(prlimit(bridge.process().pid(), RLIMIT_FSIZE, nullptr, &limit) == 0);
    limit.rlim_cur = RLIM_INFINITY;
    REQUIRE(prlimit(bridge.process().pid(), RLIMIT_FSIZE, &limit, nullptr) == 0);
    REQUIRE(wait_ready(bridge));
    CHECK(wait_rows(bridge, 10));
    const Told all = told_since(bridge, epoch);
    CHECK(all.seqs == joined(range(1, kept), range(from, 10)));
    CHECK(all.gaps.size() == (from == kept + 1 ? 0u : 1u));
  }
}

TEST_CASE("journal at the start: a damaged file is left alone, and a new one is begun once it is gone") {
  for (const std::int64_t damaged_from : {0, 4096}) {
    CAPTURE(damaged_from);
    ScratchDirectory directory;
    const std::string path = directory.file("j");
    const BridgeOptions options = with_journal(path);
    keep_fifty(options);
    {
      std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
      const auto size = static_cast<std::int64_t>(std::filesystem::file_size(path));
      file.seekp(damaged_from);
      file << std::string(static_cast<std::size_t>(size - damaged_from), 'x');
    }
    std::string epoch;
    std::int64_t from = 0;
    {
      BridgeProcess bridge(options);
      epoch = epoch_of(bridge);
      CHECK(starts_without(bridge, "damaged"));
      from = deliver(bridge, 1, 10);
      CHECK(from > kNumberedByTime);
      std::filesystem::rename(path, path + ".damaged");
      REQUIRE(wait_ready(bridge));
      CHECK(wait_rows(bridge, 10));
      CHECK(told_since(bridge, epoch).seqs == range(from, 10));
      CHECK(bridge.stop() == 0);
    }
    BridgeProcess again(options);
    CHECK(epoch_of(again) == epoch);
    CHECK(deliver(again, 11, 20) == from + 10);
    CHECK(told_since(again, epoch).seqs == range(from, 20));
  }
}
