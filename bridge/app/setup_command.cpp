#include "app/setup_command.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <iostream>
#include <utility>

#include "app/config.h"
#include "app/reach.h"
#include "base/address.h"
#include "base/text.h"
#include "net/curve_keys.h"
#include "net/origin.h"
#include "net/self_signed.h"

namespace bridge {
namespace {

constexpr std::size_t kHostsMax = 64;  // as websocket.hosts has

// The machine's own name and addresses, but loopback's and those of one link.
std::vector<std::string> own_hosts() {
  std::vector<std::string> all;
  std::array<char, 256> text{};
  if (::gethostname(text.data(), text.size() - 1) == 0 && check_site_host(text.data()).empty()) all.emplace_back(text.data());
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) != 0) return all;
  for (const ifaddrs* one = first; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr) continue;
    const int family = one->ifa_addr->sa_family;
    if (family != AF_INET && family != AF_INET6) continue;
    const socklen_t size = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    if (::getnameinfo(one->ifa_addr, size, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) != 0) continue;
    const std::string address = text.data();
    if (is_loopback(address) || address.find('%') != std::string::npos) continue;
    if (std::find(all.begin(), all.end(), address) == all.end()) all.push_back(address);
  }
  ::freeifaddrs(first);
  return all;
}

std::string bracketed(const std::string& host) {
  return host.find(':') == std::string::npos ? host : "[" + host + "]";
}

// The same port at another host.
std::string moved(const std::string& endpoint, const std::string& host) {
  return "tcp://" + bracketed(host) + endpoint.substr(endpoint.rfind(':'));
}

std::string quoted_list(const std::vector<std::string>& all) {
  std::string out;
  for (const std::string& one : all) out += (out.empty() ? "\"" : ", \"") + bracketed(one) + '"';
  return "[" + out + "]";
}

}  // namespace

SetupCommand::SetupCommand(CLI::App& cli, CredentialsPath credentials) : default_credentials_(std::move(credentials)) {
  setup_ = cli.add_subcommand("setup", "Make all that a bridge beyond loopback needs: certificate, keys, a first token, a configuration");
  setup_->add_option("--listen", listen_, "The address to listen on: one of this machine's, or 0.0.0.0 or :: for all")->required();
  setup_->add_option("--host", hosts_, "By which names and addresses the others call this machine; repeatable (default: its\n"
                                       "name and addresses, or that of --listen)")
      ->expected(1)
      ->take_all();
  setup_->add_option("--directory", directory_, "Where to write it (default: the folder of auth.credentials)");
  setup_->add_option("--days", days_, "For how long the certificate is good")->check(CLI::Range(1, 3650))->capture_default_str();
}

int SetupCommand::run() {
  const std::string listen = listen_.size() > 2 && listen_.front() == '[' ? listen_.substr(1, listen_.size() - 2) : listen_;
  in6_addr six{};
  const bool address = listen.find(':') == std::string::npos || ::inet_pton(AF_INET6, listen.c_str(), &six) == 1;
  if (!address || !parse_address(bracketed(listen) + ":0") || listen == "*") {
    return fail_command(2, "setup: --listen is \"" + printable(listen_) + "\"; must be an address of this machine, or 0.0.0.0 or ::");
  }
  std::vector<std::string> hosts = hosts_;
  if (hosts.empty()) hosts = is_any_address(listen) ? own_hosts() : std::vector<std::string>{listen};
  for (const std::string& host : hosts) {
    if (const std::string wrong = check_site_host(bracketed(host)); !wrong.empty()) return fail_command(2, "setup: --host " + wrong);
  }
  if (hosts.empty() || hosts.size() > kHostsMax) {
    return fail_command(2, "setup: " + std::to_string(hosts.size()) + " names for this machine; must be 1..64, by --host");
  }
  std::filesystem::path given = directory_;
  if (given.empty()) {
    const auto credentials = default_credentials_();
    if (!credentials) return fail_command(2, credentials.error().message);
    given = std::filesystem::path(credentials.value()).parent_path();
  }
  std::error_code gone;
  const std::string directory = given.is_absolute() ? given.string() : (std::filesystem::current_path(gone) / given).string();
  if (gone) return fail_command(1, "setup: the working directory is gone");
  const auto at = [&directory](const char* file) { return directory + "/" + file; };
  for (const char* file : {"bridge.toml", "credentials", "server.key", "certificate.pem", "certificate.key", "token"}) {
    if (::access(at(file).c_str(), F_OK) == 0) {
      return fail_command(1, "setup: " + at(file) + " is there already, and nothing is overwritten; choose another --directory");
    }
  }

  std::vector<std::string> named = hosts;  // and this machine itself may ask by loopback
  for (const char* self : {"localhost", "127.0.0.1", "::1"}) named.emplace_back(self);
  const auto certificate = make_self_signed(named, days_);
  if (!certificate) return fail_command(1, certificate.error().message);
  const auto keys = make_curve_keys();
  if (!keys) return fail_command(1, keys.error().message);
  auto credential = new_credential({"admin", "admin", "90d", "made by setup"}, {});
  if (!credential) return fail_command(1, credential.error().message);
  const NewToken token = make_token();
  credential.value().id = token.id;
  credential.value().sha256 = token.sha256;

  const auto defaults = load_config({});
  if (!defaults) return fail_command(1, defaults.error().message);
  const Config& usual = defaults.value();
  const std::string web = bracketed(listen) + usual.websocket.listen.substr(usual.websocket.listen.rfind(':'));
  const std::string toml =
      "# Made by `ppo-bridge setup`: a bridge that other machines may reach. conf/bridge.toml tells of every key.\n\n"
      "[websocket]\nlisten = \"" + web + "\"\nhosts = " + quoted_list(hosts) +
      "\n\n[tls]\ncertificate = \"" + at("certificate.pem") + "\"\nkey = \"" + at("certificate.key") +
      "\"\n\n[auth]\nmode = \"on\"\ncredentials = \"" + at("credentials") +
      "\"\n\n[zmq]\ncurve_key = \"" + at("server.key") +
      "\"\n\n[events]\nbind = [\"" + moved(usual.events.bind.front(), listen) +
      "\"]\n\n[bots]\nevents = \"" + moved(usual.bots.events, listen) + "\"\ncommands = \"" + moved(usual.bots.commands, listen) +
      "\"\n\n[trainers]\ncontrol = \"" + moved(usual.trainers.control, listen) + "\"\n";
  const std::pair<const char*, std::string> files[] = {
      {"server.key", keys.value().public_key + "\n" + keys.value().secret_key + "\n"},
      {"certificate.key", certificate.value().key},
      {"certificate.pem", certificate.value().certificate},
      {"token", token.text + "\n"},
      {"bridge.toml", toml}};
  for (const auto& [file, text] : files) {
    const auto written = write_key_file(at(file), text);
    if (!written) return fail_command(1, "setup: " + written.error().message);
  }
  const auto added = add_credential(at("credentials"), credential.value(), [] { return Result<std::string>(std::string()); });
  if (!added) return fail_command(1, "setup: " + added.error().message);

  const std::string host = bracketed(hosts.front());
  const std::string program = "ppo-bridge -c " + at("bridge.toml");
  const auto there = [&host](const std::string& endpoint) { return "tcp://" + host + endpoint.substr(endpoint.rfind(':')); };
  const std::string port = usual.websocket.listen.substr(usual.websocket.listen.rfind(':'));
  std::cout << "wrote bridge.toml, credentials, server.key, certificate.pem, certificate.key and token (an admin's, good for 90 days)\n"
            << "in " << directory << "; all but certificate.pem are secret\n\n"
            << "certificate, SHA-256: " << certificate.value().fingerprint << "\n\n"
            << "start    " << program << "\n"
            << "browser  https://" << host << port << "/  compare the fingerprint; log in with a token:\n"
            << "         " << program << " token create NAME --role operator\n"
            << "clients  copy certificate.pem, and such a token to ~/.config/ppo-bridge/token (chmod 600):\n"
            << "         ppo-client status --url wss://" << host << port << "/ws --ca certificate.pem\n"
            << "trainer  copy trainer-1.key (it may publish as trainer-1 and trainer-1-...):\n"
            << "         " << program << " curve create trainer-1 --role trainer\n"
            << "         Publisher(\"trainer-1\", endpoint=\"" << there(usual.events.bind.front()) << "\", control=\""
            << there(usual.trainers.control) << "\", curve=\"trainer-1.key\")\n"
            << "bot      copy bot-1.key:\n"
            << "         " << program << " curve create bot-1 --role bot\n"
            << "         events " << there(usual.bots.events) << ", commands " << there(usual.bots.commands) << "\n"
            << "metrics  https://" << host << port << "/metrics with a token in a file:\n"
            << "         " << program << " token create prometheus --role metrics --expires never\n";
  return std::cout.flush() ? 0 : 1;
}

}  // namespace bridge
