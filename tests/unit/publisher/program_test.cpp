#include "program.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "support/scratch_directory.h"

using ppo::arguments_shown;
using ppo::checkout_around;
namespace fs = std::filesystem;

namespace {

const std::string kCommit(40, 'c');

void write_file(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path) << text;
}

std::string found_around(const fs::path& folder) {
  return checkout_around(folder).json();
}

}  // namespace

TEST_CASE("program: what is no checkout, or cannot be read, has no commit") {
  const testing_support::ScratchDirectory scratch;
  const fs::path top = scratch.path();
  CHECK(found_around(top / "nowhere") == "{}");
  CHECK(found_around("") == "{}");
  for (const char* head : {"", "ref:", "ref: refs/heads/none", "deadbeef", "\xFF\xFE"}) {
    write_file(top / ".git/HEAD", head);
    CAPTURE(std::string(head));
    CHECK(found_around(top).find("git_commit") == std::string::npos);
  }
  write_file(top / ".git/HEAD", "ref: " + std::string(5000, 'x'));
  CHECK(found_around(top).size() < 300);
  REQUIRE(::mkfifo((top / ".git/refs").c_str(), 0600) == 0);  // would be waited for
  write_file(top / ".git/HEAD", "ref: refs");
  CHECK(found_around(top) == R"({"git_branch":"refs"})");
}

TEST_CASE("program: the commit is HEAD's own, its branch's, or a packed one") {
  const testing_support::ScratchDirectory scratch;
  const fs::path top = scratch.path();
  write_file(top / ".git/HEAD", kCommit + "\n");
  CHECK(found_around(top / "build/bin") == R"({"git_commit":")" + kCommit + R"("})");

  const std::string on_branch = R"({"git_branch":"a/b","git_commit":")" + kCommit + R"("})";
  write_file(top / ".git/HEAD", "ref: refs/heads/a/b\n");
  write_file(top / ".git/packed-refs", "# pack-refs\n" + std::string(40, 'd') + " refs/heads/a\n" +
                                           kCommit + " refs/heads/a/b\n");
  CHECK(found_around(top) == on_branch);
  write_file(top / ".git/packed-refs", "");
  write_file(top / ".git/refs/heads/a/b", kCommit + "\n");
  CHECK(found_around(top) == on_branch);

  const fs::path tree = top / "tree";  // a further work tree: its .git is a file
  write_file(tree / ".git", "gitdir: ../.git/worktrees/tree\n");
  write_file(top / ".git/worktrees/tree/HEAD", "ref: refs/heads/a/b\n");
  write_file(top / ".git/worktrees/tree/commondir", "../..\n");
  CHECK(found_around(tree) == on_branch);
}

TEST_CASE("program: secrets among the arguments are not shown, and all are bounded") {
  using Arguments = std::vector<std::string>;
  CHECK(arguments_shown({"train", "--api-key", "k3y", "--lr", "0.1"}) ==
        Arguments{"train", "--api-key", "***", "--lr", "0.1"});
  CHECK(arguments_shown({"--Password=x=y", "", "-x"}) == Arguments{"--Password=***", "", "-x"});
  CHECK(arguments_shown({"--wandb_token", "--seed", "1", "--token", ""}) ==
        Arguments{"--wandb_token", "--seed", "1", "--token", "***"});
  CHECK(arguments_shown({"--eos-token", "</s>"}) == Arguments{"--eos-token", "</s>"});
  CHECK(arguments_shown({std::string(10'000, 'a')})[0].size() == 256);
}

TEST_CASE("program: what is secret in a config is not shown, at whatever level and of whatever type") {
  const ppo::Object config{{"api_key", "k\"}"},
                           {"db", {{"Password", ppo::List{1, "}"}}, {"port", 5}, {"hf_token", {{"a", 1}}}}},
                           {"list", ppo::List{ppo::Object{{"my-secret", 7}}}},
                           {"password", nullptr},
                           {"secret", true},
                           {"note", "\"api_key\":1"},
                           {"eos_token", "</s>"}};
  CHECK(ppo::without_secrets(config.json()) ==
        R"({"api_key":"***","db":{"Password":"***","port":5,"hf_token":"***"},"list":[{"my-secret":"***"}],)"
        R"("password":null,"secret":true,"note":"\"api_key\":1","eos_token":"</s>"})");
  CHECK(ppo::without_secrets("{}") == "{}");
}
