// What other bridges of a cluster say: heartbeats, requests for commands and answers to them. What is read can be written
// again, and is then read as the same.

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>

#include "base/text.h"
#include "commands/remote_command.h"
#include "event/json_document.h"
#include "log/past_slices.h"
#include "sources/heartbeat.h"
#include "sources/peers.h"

namespace {

using namespace bridge;

void require(bool ok, const char* what, std::string_view input) {
  if (ok) return;
  std::cerr << "FAILED: " << what << "\ninput: " << printable(input, 100'000) << "\n";
  std::abort();
}

void heartbeat(std::string_view input) {
  Peers peers([](auto, auto) { return std::nullopt; });
  (void)peers.hear("n1", input, 5, 1, 1);
  peers.tick(true, 20'000'000);
  const Peer* const peer = peers.find("n1");
  if (peer == nullptr) return;
  require(peer->runs <= kHeartbeatSourcesMax, "more runs than it may have", input);
  std::size_t runs = 0;
  for (const auto& [name, source] : peer->sources) {
    require(is_name(name), "a source without a name", input);
    for (const auto& run : source->runs) {
      ++runs;
      require(run->source == source.get() && run->agents.size() <= 256, "a run that is not its source's", input);
      require(is_utf8(run->host) && is_utf8(run->activity), "a text that cannot be told", input);
      for (const std::string* const list : {&run->commands_json, &run->parameters_json}) {
        require(list->empty() || read_document(*list).ok(), "a list that is none", input);
      }
    }
  }
  require(runs == peer->runs, "runs are miscounted", input);
}

void command(std::string_view input) {
  const auto read = read_remote_command(input);
  if (!read) return;
  const std::string text = write_remote_command(read.value());
  const auto again = read_remote_command(text);
  require(again.ok() && write_remote_command(again.value()) == text, "a command does not come back", input);
  const auto params = read_document(read.value().command.params_json);
  require(params.ok() && params.value().IsObject(), "params that are no object", input);
}

void answers(std::string_view input) {
  const auto read = read_remote_answers(input);
  if (!read) return;
  const std::string text = write_remote_answers(read.value());
  const auto again = read_remote_answers(text);
  require(again.ok() && write_remote_answers(again.value()) == text, "an answer does not come back", input);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  heartbeat(input);
  command(input);
  answers(input);
  if (const auto request = read_past_request(input)) require(write_past_request(*request) == input, "a request is read as what is written otherwise", input);
  (void)read_past_slice(input, {0, INT64_MAX});
  return 0;
}
