// Commands at the edge of what there is room for, of what is waited for, and of what is told to the audit log.

#include <doctest/doctest.h>

#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "asker.h"
#include "base/limits.h"
#include "event/number_field.h"
#include "log/ahead_waits.h"
#include "support/scratch_directory.h"
#include "support/wait.h"

using namespace bridge;

namespace {

using State = GrowingReplies::State;

// Takes memory, and waits with it.
GrowingReplies::Write waiting(std::size_t bytes, GrowingReplies::ReplyPtr* waits = nullptr) {
  return [bytes, waits, steps = 0](const auto& reply, std::uint64_t*) mutable {
    if (++steps > 1) return State::ended;
    reply->json.raw(std::string(bytes, ' '));
    if (waits != nullptr) *waits = reply;
    return State::waiting;
  };
}

// A list of clients that holds these, a few at a time.
struct Listed final : ClientDirectory {
  void report(std::function<void(const ClientsReport&)> done) const override { done({}); }
  void list(std::uint64_t after, std::size_t max, std::function<void(const Clients&)> done) const override {
    Clients some;
    for (std::uint64_t one = after + 1; one <= count && some.size() < max; ++one) {
      some.emplace_back();
      some.back().connection = one;
      if (one == 1) some.back().client_id = std::string(padding, 'x');
    }
    done(some);
  }
  std::uint64_t count = 0;
  std::size_t padding = 1;
};

}  // namespace

TEST_CASE("edges: where others have more than half of the memory a reply of 64 KiB goes on, and a larger one waits") {
  for (const std::size_t too_many : {0u, 1u}) {
    Bench bench;
    MemoryShare share;
    share.set_bound(2'000'000);
    GrowingReplies replies(&bench.work, &share);
    Asker first(bench), small(bench);
    GrowingReplies::ReplyPtr waits;
    replies.write(first.account, [](const auto&) {}, waiting(1'200'000, &waits));
    const std::size_t taken = share.bytes();
    replies.write(small.account, [](const auto&) {}, waiting(0));
    const std::size_t around = share.bytes() - taken;  // of one that has nothing yet
    bool begun = false;
    replies.write(small.account, [](const auto&) {}, [&begun](const auto&, std::uint64_t*) {
      begun = true;
      return State::ended;
    }, 64 * 1024 - around + too_many);
    CHECK(begun == (too_many == 0));
    replies.resume(std::exchange(waits, nullptr));
    while (bench.work_once()) {
    }
    CHECK(begun);
  }
}

TEST_CASE("edges: a large reply goes on where all have half of the memory, and waits where they have a byte more") {
  for (const std::size_t too_many : {0u, 1u}) {
    Bench bench;
    MemoryShare share;
    GrowingReplies replies(&bench.work, &share);
    Asker first(bench), large(bench);
    replies.write(first.account, [](const auto&) {}, waiting(1'200'000));
    const std::size_t taken = share.bytes();
    replies.write(large.account, [](const auto&) {}, waiting(0));
    const std::size_t around = share.bytes() - taken;
    share.set_bound(2 * (taken + 2 * around + 100'000 - too_many));
    bool begun = false;
    replies.write(large.account, [](const auto&) {}, [&begun](const auto&, std::uint64_t*) {
      begun = true;
      return State::ended;
    }, 100'000);
    CHECK(begun == (too_many == 0));
  }
}

TEST_CASE("edges: a place that one of several replies of an asker leaves is one place") {
  Bench bench;
  GrowingReplies replies(&bench.work, nullptr);
  Asker asker(bench);
  int refused = 0;
  const auto count = [&refused](const auto& got) { refused += !got; };
  replies.write(asker.account, count, waiting(0));
  replies.write(asker.account, count, [](const auto&, std::uint64_t*) { return State::ended; });
  for (std::size_t i = 1; i < kWaitingWorkMax; ++i) {
    replies.write(asker.account, count, [](const auto&, std::uint64_t* work) { return *work += kStepWork, State::more; });
  }
  CHECK(refused == 0);
  replies.write(asker.account, count, waiting(0));
  CHECK(refused == 1);
}

TEST_CASE("edges: a list of clients goes on where it is as long as a reply may be, and ends where it is longer") {
  Listed directory;
  directory.count = 33;  // one more than in a step
  Bench bench;
  bench.commands.set_directory(&directory);
  const std::string all = bench.run("get_clients");
  const std::size_t first_step = all.find(R"(,{"connection":33)");
  for (const std::size_t too_many : {0u, 1u}) {
    directory.padding = 1 + kReplyBytesMax - first_step + too_many;
    const auto told = parse_json(bench.run("get_clients"));
    CHECK(told["count"].GetUint64() == (too_many == 0 ? 33 : 32));
    CHECK_FALSE(told["complete"].GetBool());
  }
}

TEST_CASE("edges: what is gathered for a reply counts as memory while it is, and for as much as it takes") {
  Bench bench;
  for (int i = 0; i < 900; ++i) bench.take(R"({"type":"type-)" + std::to_string(i) + R"(","data":{}})");
  catch_up(bench.snapshot, bench.log);
  MemoryLedger memory;
  OwnCommands commands{{bench.log, bench.snapshot, bench.sources, bench.tracker, bench.types, bench.counters, bench.clock,
                        bench.limits, 10, "0", &memory, &bench.work}};
  Asker asker(bench);
  bool told = false;
  commands.run("get_event_types", parse_json("{}"), asker.account, [&told](const auto& got) { told = got.ok(); },
               {ReadScope::of({{{"type-*"}, {}, {}}}), {}});
  std::size_t most = 0;
  for (MemoryShare& share = memory[Queue::requests]; !told; most = std::max(most, share.bytes())) REQUIRE(bench.work_once());
  CHECK(most > 900 * sizeof(std::string));
  CHECK(most < 900 * 1000);
}

TEST_CASE("edges: the largest number there is is waited for as any other that is ahead") {
  for (const std::uint64_t too_large : {0u, 1u}) {
    Bench bench;
    AheadWaits waits;
    bench.commands.set_ahead(&waits);
    std::string told;
    bench.commands.run("get_recent_events", parse_json(R"({"epoch":"epoch1","since_seq":)" + std::to_string(kIntegerMax + too_large) + "}"),
                       nullptr, [&told](const auto& got) { told = got ? "found" : error_type_name(got.error().type); });
    CHECK(told == (too_large == 0 ? "" : "bad_request"));
    CHECK(waits.size() == 1 - too_large);
  }
}

TEST_CASE("edges: the audit log has what came of a command, and who asks for much of the log pays for it") {
  testing_support::ScratchDirectory scratch;
  Bench bench;
  std::mutex mutex;
  std::vector<std::function<void()>> posted;
  AuditOptions options;
  options.file.path = scratch.file("audit.log");
  options.post = [&](std::function<void()> f) {
    const std::lock_guard<std::mutex> lock(mutex);
    posted.push_back(std::move(f));
  };
  const auto audit = std::make_shared<Audit>(options, bench.clock);
  REQUIRE(audit->start());
  bench.dispatcher.set_audit(audit);
  bench.commands.set_audit(audit.get());
  bench.take(R"({"type":"_source","source":"t","run":"r","data":{}})");
  bench.link.connected = {"t"};
  const auto command = [&](const std::string& target, const std::string& answer) {
    bench.dispatcher.execute(parse_json(R"({"command":"pause","target":")" + target + "\"}"), "1", std::string("me"), [](const std::string&) {});
    if (answer.empty()) return;
    const std::string id = parse_json(bench.link.sent.back().second)["id"].GetString();
    bench.dispatcher.router().on_answer("t", R"({"id":")" + id + "\"," + answer + "}");
  };
  command("t", R"("success":true,"result":{})");
  command("t", R"("success":false,"error":{"error_type":"rejected","message":"no"})");
  command("nobody", "");
  for (int i = 0; i < 997; ++i) command("t", R"("success":true,"result":{})");
  std::string log;
  const auto ask = [&](const std::shared_ptr<RequestBudget>& account) {
    bool told = false;
    bench.commands.run("get_audit", parse_json(R"({"count":1000})"), account, [&](const auto& got) {
      log = got.value();
      told = true;
    });
    REQUIRE(testing_support::wait_until([&] {
      std::unique_lock<std::mutex> lock(mutex);
      const auto now = std::exchange(posted, {});
      lock.unlock();
      for (const auto& f : now) f();
      return told;
    }));
    return parse_json(log)["entries"].Size() == 1000;
  };
  REQUIRE(testing_support::wait_until([&] { return ask(nullptr); }));
  const auto told = parse_json(log);
  const auto& entries = told["entries"];  // the newest first
  CHECK(entries[999]["outcome"] == "success");
  CHECK(entries[998]["outcome"] == "rejected");
  CHECK(entries[997]["outcome"] == "unknown_target");
  // A unit for each 256 bytes.
  for (const std::uint64_t too_little : {0u, 2u}) {
    Asker asker(bench);
    asker.account->charge(2 * kWorkPerSecond - log.size() / 256 + 1 - too_little);
    REQUIRE(ask(asker.account));
    CHECK(asker.account->take() == (too_little != 0));
  }
}

TEST_CASE("edges: everybody's command with the same key goes again to whom it did not reach, and to nobody else") {
  Bench bench;
  for (const char* source : {"t1", "t2", "t3"}) {
    bench.take(R"({"type":"_source","source":")" + std::string(source) + R"(","run":"r","data":{}})");
  }
  Command pause;
  pause.name = "pause";
  pause.target = "*";
  pause.idempotency_key = "k";
  pause.deadline_us = 1'000'000;
  // Whom it went to, and then what came of it for each.
  const auto submit = [&] {
    std::string told;
    bench.dispatcher.router().submit(pause, [&told](const CommandOutcome& outcome) {
      for (const TrainerAnswer& one : outcome.answers) told += " " + one.source + (one.success ? "+" : "-");
    });
    std::string asked;
    for (const auto& [connection, json] : std::exchange(bench.link.sent, {})) {
      asked += connection + " ";
      bench.dispatcher.router().on_answer(connection, R"({"id":")" + std::string(parse_json(json)["id"].GetString()) + R"(","success":true})");
    }
    return asked + "->" + told;
  };
  bench.link.connected = {"t1", "t3"};
  CHECK(submit() == "t1 t3 -> t2- t1+ t3+");
  bench.link.connected = {"t1", "t2", "t3"};
  CHECK(submit() == "t2 -> t1+ t3+ t2+");
  CHECK(submit() == "-> t1+ t3+ t2+");
}
