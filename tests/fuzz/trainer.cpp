// What trainers send over their control connection: hellos, answers to commands and to questions for
// missing events. The first byte says where the rest is put.

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>

#include "base/text.h"
#include "event/json_document.h"
#include "event/json_scanner.h"
#include "fixture.h"

namespace {

using namespace bridge;

void require(bool ok, const char* what, std::string_view input) {
  if (ok) return;
  std::cerr << "FAILED: " << what << "\ninput: " << printable(input, 100'000) << "\n";
  std::abort();
}

// The id of the last message to the trainer, in quotes.
std::string last_id(const Bench& bench) {
  const auto message = read_document(bench.link.sent.back().second);
  return json_text(message.value()["id"]);
}

std::string with(std::string text, std::string_view mark, std::string_view in_its_place) {
  const std::size_t at = text.find(mark);
  if (at != std::string::npos) text.replace(at, mark.size(), in_its_place);
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  if (input.empty()) return 0;
  const std::string rest = input.substr(1);
  Bench bench;
  const std::string hello =
      R"({"type":"_source","source":"t","run":"r","data":{"head":0,"oldest":1,"commands":["pause"]}})";
  require(bench.hello("c", hello), "a hello is none", hello);
  int answers = 0;
  const auto command = [&] {
    Command pause;
    pause.name = "pause";
    pause.target = "t";
    pause.deadline_us = 2'000'000;
    bench.dispatcher.router().submit(std::move(pause), [&](const CommandOutcome&) { ++answers; });
  };
  const auto answer = [&](const std::string& json) {
    bench.dispatcher.router().on_answer("c", json);
  };
  switch (input[0] % 4) {
    case 0:  // of a hello, as it is and as its data
      (void)bench.hello("d", rest);
      (void)bench.hello("e", R"({"type":"_source","source":"u","run":"r","data":)" + rest + "}");
      break;
    case 1:  // the same on the events socket
      bench.take(R"({"type":"_source","source":"t","run":"r","data":)" + rest + "}");
      break;
    case 2:  // an answer to a command; ID is its id
      command();
      answer(with(rest, "ID", last_id(bench)));
      answer(with(R"({"id":ID,"success":true,"result":)" + rest + "}", "ID", last_id(bench)));
      break;
    default:  // an answer to a question for events 1 to 3
      bench.take(R"({"type":"t","data":{},"source":"t","run":"r","source_seq":4})");
      bench.pass(40'000);
      if (bench.link.sent.empty()) break;
      answer(with(R"({"id":ID,"success":true,"result":{"events":)" + rest + "}}", "ID",
                  last_id(bench)));
  }
  command();
  for (int i = 0; i < 4; ++i) {
    bench.clock.advance_us(8'000'000);
    bench.dispatcher.tick();
    bench.intake.tick();
  }
  require(answers == (input[0] % 4 == 2 ? 2 : 1), "a command without its one answer", input);
  for (const char* own : {"get_status", "get_sources"}) {
    const auto told = read_document(bench.run(own));
    require(told.ok(), "a result that is no JSON", input);
  }
  for (const auto& sent : bench.link.sent) {
    require(read_document(sent.second).ok(), "a trainer is sent what is no JSON", input);
  }
  bench.log.seal();
  for (const BlockPtr& block : bench.log.history().blocks()) {
    for (std::size_t i = 0; i < block->size(); ++i) {
      JsonScanner scan(block->json(i));  // a number may be beyond what a document takes
      require(scan.value(1) && scan.at_end(), "an event that is no JSON", input);
    }
  }
  return 0;
}
