// The language of the interactive shell: words, shorthand and completion. No terminal, no network.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "feed/result.h"
#include "ppo-client/registry.h"

namespace client {

// The words of a line, as a shell reads them: spaces part, '...' and "..." keep together, \ takes
// the next character as it is (within '...' it is one like any other), # at the start of a word
// begins a comment. Fails where a quote has no end.
feed::Result<std::vector<std::string>> split_words(std::string_view line);

// What the shell takes besides the commands of trainers.
const std::vector<std::string>& shell_words();

// A line's words as arguments of ppo-client: those of a shell word as they are; else
// `pause agent_0 a=1 --deadline-ms 5` is `command pause --target agent_0 --param a=1 ...`.
// REQUIRES: !words.empty()
std::vector<std::string> expand_shorthand(std::vector<std::string> words);

struct Completion {
  std::size_t from = 0;                 // where in the line the word begins that is completed
  std::vector<std::string> candidates;  // what the word can become, in order
};

// What can be at the end of `line`, which goes up to the cursor.
Completion complete(std::string_view line, const Registry& registry);

// What all candidates begin with.
std::string common_prefix(const std::vector<std::string>& candidates);

}  // namespace client
