// ppo-bridge: reads flags and configuration, runs the bridge.
//
// Exit codes: 0 stopped as asked; 1 could not start (a port in use, a file that cannot be opened);
// 2 wrong flags or configuration.

#include <malloc.h>

#include <climits>
#include <csignal>
#include <cstdlib>
#include <cstdio>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <spdlog/spdlog.h>

#include "app/bridge_app.h"
#include "app/config.h"
#include "app/config_commands.h"
#include "app/curve_commands.h"
#include "app/setup_command.h"
#include "app/token_commands.h"
#include "base/log.h"
#include "version.h"

extern char** environ;

namespace {

std::vector<std::pair<std::string, std::string>> environment() {
  std::vector<std::pair<std::string, std::string>> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const std::size_t equals = text.find('=');
    if (equals != std::string::npos) {
      variables.emplace_back(text.substr(0, equals), text.substr(equals + 1));
    }
  }
  return variables;
}

// Logging ends last of all.
struct LogEnd {
  ~LogEnd() { bridge::end_log(); }
};

// Else free() gives memory back when much of it is free, at once and whoever calls: 64 MB take a loop 10 ms. MemoryWatch has
// it done on another thread. With that set, the other no longer grows by itself to what it is set to.
void keep_freed_memory() {
  constexpr int kMappedBytes = 32 << 20;  // blocks from here on are mapped one by one
  ::mallopt(M_MMAP_THRESHOLD, kMappedBytes);
  ::mallopt(M_TRIM_THRESHOLD, INT_MAX);
}

int fail(int code, const std::string& message) {
  std::cerr << "ppo-bridge: " << message << "\n";
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App cli{
      "Forwards events of reinforcement-learning trainers from ZeroMQ to WebSocket clients.", "ppo-bridge"};
  bridge::ConfigSources sources;
  std::string log_level;
  bool check_only = false;
  bool print_config = false;
  cli.add_option("-c,--config", sources.file, "Read this TOML file (conf/bridge.toml has all keys)");
  cli.add_option("--set", sources.settings, "Set section.key=value; may be repeated")
      ->type_name("KEY=VALUE")
      ->expected(1)
      ->take_all();
  cli.add_option("--log-level", log_level, "trace, debug, info, warn, error or off");
  cli.add_flag("--check-config", check_only, "Check the configuration and exit");
  cli.add_flag("--print-config", print_config, "Print every key at its default and exit");
  cli.set_version_flag("--version", std::string("ppo-bridge ") + bridge::kVersion);
  bridge::ConfigCommands configs(cli, sources);
  const auto configured = [&sources](auto key) {
    return [&sources, key]() -> bridge::Result<std::string> {
      sources.environment = environment();
      const auto config = bridge::load_config(sources);
      if (!config) return config.error();
      return key(config.value());
    };
  };
  const auto credentials = configured([](const bridge::Config& c) { return c.auth.credentials; });
  const bridge::CredentialFiles files{credentials, configured([](const bridge::Config& c) { return c.auth.roles; }),
                                      configured([](const bridge::Config& c) { return c.audit.file; })};
  const bridge::TokenCommands tokens(cli, files);
  const bridge::CurveCommands keys(cli, files, configured([](const bridge::Config& c) { return c.zmq.curve_key; }));
  bridge::SetupCommand setup(cli, credentials);
  cli.footer(
      "Flags override the environment (PPO_BRIDGE_SECTION_KEY), which overrides the file.\n"
      "SIGTERM and SIGINT: tell the clients, drain for at most 5 s, exit 0. SIGUSR1: take no more clients,\n"
      "send those that are there away over websocket.drain_s, exit 0. SIGHUP: read the file anew,\n"
      "and credentials, roles and certificate; `config explain KEY` says what can change. SIGUSR2: hand over to\n"
      "the program as it is on disk by now, without closing the port.\n"
      "Exit codes: 0 stopped as asked, 1 could not start, 2 wrong flags or configuration.");
  try {
    cli.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return cli.exit(e) == 0 ? 0 : 2;
  }
  if (tokens.given()) return tokens.run();
  if (keys.given()) return keys.run();
  if (setup.given()) return setup.run();
  if (print_config) {
    std::cout << bridge::default_config_text();
    return 0;
  }
  if (!log_level.empty()) sources.settings.push_back("log.level=" + log_level);
  sources.environment = environment();
  if (configs.given()) return configs.run();
  const auto loaded = bridge::read_config(sources);
  if (!loaded) return fail(2, loaded.error().message);
  const bridge::Config& config = loaded.value().config;
  if (const auto wrong = bridge::wrong_roles(config)) return fail(2, wrong->message);
  if (check_only) {
    for (const std::string& warning : loaded.value().warnings) std::cerr << "ppo-bridge: warning: " << warning << "\n";
    std::cout << "configuration ok\n";
    return 0;
  }

  keep_freed_memory();
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error of the write
  bridge::LogOptions log;
  log.level = config.log.level;
  log.json = config.log.format == "json";
  log.file = config.log.file;
  log.file_bytes_max = config.log.file_bytes_max;
  log.files_max = config.log.files_max;
  const auto logging = bridge::init_log(log);
  const LogEnd log_end;
  if (!logging) return fail(1, logging.error().message);

  const bridge::Program program = bridge::this_program(argc, argv);
  std::vector<int> handed_over;
  bool ended = true;
  try {
    bridge::ReadConfig read_anew;
    if (!sources.file.empty()) read_anew = [&sources] { return bridge::read_config(sources); };
    auto app = std::make_unique<bridge::BridgeApp>(loaded.value(), sources.file, read_anew, program);
    const auto started = app->start();
    if (!started) return fail(1, started.error().message);
    std::cout << app->ready_line() << std::endl;
    app->run();
    handed_over = app->handed_over();
    ended = app->end();
    if (!ended) (void)app.release();
  } catch (const std::exception& e) {
    return fail(1, e.what());
  }
  if (handed_over.empty() && ended) return 0;
  bridge::end_log();
  if (handed_over.empty()) std::_Exit(0);
  return fail(1, bridge::become(program, handed_over));
}
