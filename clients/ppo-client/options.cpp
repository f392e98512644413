#include "ppo-client/options.h"

#include <algorithm>
#include <sstream>

#include <CLI/CLI.hpp>

#include "feed/bridges.h"
#include "feed/token.h"
#include "ppo-client/help.h"
#include "ppo-client/subcommands.h"
#include "ppo-client/tasks.h"

namespace client {
namespace {

using std::chrono::milliseconds;

void declare_connection(CLI::App& app, Options& options, Texts& texts) {
  app.add_option("--url", texts.url, "The bridge's WebSocket address; of several bridges that share a log all of theirs,\n"
                                     "with commas between; else those of PPO_BRIDGES, or ws://127.0.0.1:5178/ws")
      ->envname("PPO_BRIDGE_URL");
  app.add_option("--token-file", texts.token_file, "Where the token is, if the bridge wants one; else PPO_TOKEN,\n"
                                                   "PPO_TOKEN_FILE, ~/.config/ppo-bridge/token");
  app.add_option("--ca", options.ca, "Of a wss:// address: the certificate to trust, or that of who signed it (PEM);\n"
                                     "else those that this machine trusts")
      ->envname("PPO_CA")
      ->type_name("FILE");
  app.add_option("--color,--colour", texts.colour, "Colours in tables; NO_COLOR is honoured")
      ->check(CLI::IsMember({"auto", "always", "never"}))
      ->capture_default_str();
  app.add_option("--wait", texts.wait_s, "Seconds to keep trying while the bridge is not there yet")
      ->capture_default_str();
}

void read_connection(const Texts& texts, Options& options) {
  options.wait = seconds_option("--wait", texts.wait_s, 0);
  const std::string urls = texts.url.empty() ? checked(feed::urls_of_environment()) : texts.url;
  options.url.clear();
  for (const std::string& url : checked(feed::complete_urls(urls))) options.url += (options.url.empty() ? "" : ",") + url;
  options.token = checked(feed::find_token(texts.token_file));
  options.colour = texts.colour == "always"  ? Options::When::kAlways
                   : texts.colour == "never" ? Options::When::kNever
                                             : Options::When::kAuto;
}

// `shell`: the options of the shell that a line is of; null for the command line.
std::variant<Options, Leave> parse(int argc, const char* const* argv, const Options* shell) {
  Options options;
  Texts texts;
  if (shell != nullptr) {
    options = *shell;
    texts.timeout_s = static_cast<double>(shell->timeout.count()) / 1000;
  }
  CLI::App app("Watches and asks a PPO bridge.", "ppo-client");
  if (shell == nullptr) app.footer(kOthers);  // each subcommand takes it over, or has its own
  app.require_subcommand(1);
  app.fallthrough();  // these may also stand behind the subcommand
  if (shell == nullptr) {
    app.set_version_flag("--version", "ppo-client " PPO_VERSION);
    declare_connection(app, options, texts);
  }
  app.add_flag("--json", options.json, "What the bridge sent, unchanged, instead of tables");
  app.add_option("--timeout", texts.timeout_s, "Seconds to connect, and to wait for an answer")
      ->capture_default_str();

  // A line of the shell is one request; it knows those that stream, and they are never parsed there.
  CLI::App elsewhere;
  declare_subcommands(app, shell == nullptr ? app : elsewhere, texts, options.task);
  if (shell == nullptr) app.footer(kExamples);
  try {
    app.parse(argc, argv);
    options.timeout = seconds_option("--timeout", texts.timeout_s, 0.1);
    if (auto* const ask = std::get_if<AskOptions>(&options.task)) ask->deadline = std::max(ask->deadline, options.timeout);
    if (shell == nullptr) read_connection(texts, options);
    return options;
  } catch (const CLI::ParseError& error) {
    std::ostringstream out;
    std::ostringstream err;
    const int code = app.exit(error, out, err);
    if (code == 0) return Leave{kExitOk, out.str()};
    return Leave{kExitUsage, err.str()};
  } catch (const Mistake& mistake) {
    return Leave{kExitUsage, mistake.message + "\nRun with --help for more information.\n"};
  }
}

}  // namespace

std::variant<Options, Leave> parse_options(int argc, const char* const* argv) {
  return parse(argc, argv, nullptr);
}

std::variant<Options, Leave> parse_shell_line(const std::vector<std::string>& words,
                                              const Options& shell) {
  std::vector<const char*> arguments = {"ppo-client"};
  for (const std::string& word : words) arguments.push_back(word.c_str());
  return parse(static_cast<int>(arguments.size()), arguments.data(), &shell);
}

}  // namespace client
