// Runs a fuzz target without libFuzzer: PROGRAM CORPUS_FOLDER MUTATIONS
//
// Every file of the corpus once, then that many mutations of them from a fixed seed: the same run
// each time. A failure aborts, as under libFuzzer; the input is then in the file it names.

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

void run(const std::string& input) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
}

std::string mutated(const std::vector<std::string>& corpus, std::mt19937& random) {
  const auto below = [&random](std::size_t n) { return n == 0 ? 0 : random() % n; };
  std::string s = corpus[below(corpus.size())];
  const std::string& other = corpus[below(corpus.size())];
  for (std::size_t steps = 1 + below(4); steps > 0; --steps) {
    const std::size_t at = below(s.size() + 1);
    switch (below(6)) {
      case 0:
        s.insert(at, 1, static_cast<char>(random()));
        break;
      case 1:
        if (at < s.size()) s[at] = static_cast<char>(random());
        break;
      case 2:
        s.erase(at, 1 + below(8));
        break;
      case 3:
        s.resize(at);
        break;
      case 4:
        s.insert(at, other, below(other.size()), 1 + below(16));
        break;
      default:
        if (at < s.size()) s[at] = "{}[]\",:\\0eE.-+ntfNI\n"[below(20)];
    }
  }
  return s;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: " << argv[0] << " CORPUS_FOLDER MUTATIONS\n";
    return 2;
  }
  std::vector<std::string> corpus;
  for (const auto& entry : std::filesystem::directory_iterator(argv[1])) {
    std::ifstream in(entry.path(), std::ios::binary);
    corpus.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  if (corpus.empty()) {
    std::cerr << argv[1] << " holds no files\n";
    return 2;
  }
  for (const std::string& input : corpus) run(input);
  std::mt19937 random(1);
  const long mutations = std::strtol(argv[2], nullptr, 10);
  for (long i = 0; i < mutations; ++i) run(mutated(corpus, random));
  std::cout << corpus.size() << " files and " << mutations << " mutations of them passed\n";
  return 0;
}
