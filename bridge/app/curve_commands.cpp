#include "app/curve_commands.h"

#include <iostream>
#include <utility>

#include "base/text.h"
#include "net/curve_keys.h"

namespace bridge {

CurveCommands::CurveCommands(CLI::App& cli, CredentialFiles files, CredentialsPath server_key)
    : CredentialCommands(cli, CredentialKind::key,
                         "Make, list and revoke the keys by which trainers and bots say over ZeroMQ who they are",
                         std::move(files), "never"),
      default_server_key_(std::move(server_key)),
      create_(command_->add_subcommand("create", "Make the bridge's own key pair; with a NAME, one for a trainer or a bot")),
      add_(command_->add_subcommand("add", "List a key that was made elsewhere; its secret stays there")) {
  command_->add_option("--server-key", server_file_,
                       "The bridge's own key file (default: zmq.curve_key of the configuration, or server.key beside the "
                       "credentials)");
  constexpr const char* kWhose = "Whose it is; a trainer speaks for the sources NAME and NAME-...";
  add_request(create_, kWhose, false);
  create_->add_option("--out", out_, "The file to write: of a NAME its three keys (default: NAME.key)");
  add_request(add_, kWhose, true);
  add_->add_option("PUBLICKEY", public_key_, "40 characters of Z85")->required();
  add_list_and_revoke("List the keys", "Take a key away; what it sends is refused within a second");
}

Result<std::string> CurveCommands::server_key() const {
  if (!server_file_.empty()) return server_file_;
  const auto configured = default_server_key_();
  if (!configured || !configured.value().empty()) return configured;
  const auto beside = credentials();
  if (!beside) return beside;
  const std::size_t slash = beside.value().rfind('/');
  return beside.value().substr(0, slash == std::string::npos ? 0 : slash + 1) + "server.key";
}

int CurveCommands::run() const {
  if (create_->parsed()) return request_.name.empty() ? create_server() : create();
  return add_->parsed() ? add_made_elsewhere() : list_or_revoke();
}

int CurveCommands::create_server() const {
  if (!request_.role.empty()) return fail_command(2, "curve create: --role is of a NAME, and none is given");
  const auto file = out_.empty() ? server_key() : Result<std::string>(out_);
  if (!file) return fail_command(2, file.error().message);
  const auto keys = make_curve_keys();
  if (!keys) return fail_command(1, keys.error().message);
  const auto written = write_key_file(file.value(), keys.value().public_key + "\n" + keys.value().secret_key + "\n");
  if (!written) return fail_command(1, written.error().message);
  std::cout << keys.value().public_key << std::endl;
  std::cerr << "ppo-bridge: wrote " << file.value() << "; to use it: zmq.curve_key = \"" << file.value() << "\"\n";
  return std::cout ? 0 : 1;
}

int CurveCommands::create() const {
  auto credential = asked_for();
  if (!credential) return fail_command(2, credential.error().message);
  const auto file = credentials();
  if (!file) return fail_command(2, file.error().message);
  const auto server_file = server_key();
  if (!server_file) return fail_command(2, server_file.error().message);
  const auto server = load_server_keys(server_file.value());
  if (!server) return fail_command(1, server.error().message + "; the bridge's own key is made by: ppo-bridge curve create");
  const auto keys = make_curve_keys();
  if (!keys) return fail_command(1, keys.error().message);
  const std::string out = out_.empty() ? request_.name + ".key" : out_;
  const auto written = write_key_file(
      out, keys.value().public_key + "\n" + keys.value().secret_key + "\n" + server.value().public_key + "\n");
  if (!written) return fail_command(1, written.error().message);
  credential.value().id = make_credential_id();
  credential.value().public_key = keys.value().public_key;
  const auto added = add(file.value(), credential.value());
  if (!added) return fail_command(1, added.error().message + " (" + out + " was written, and is not listed)");
  std::cout << out << std::endl;
  std::cerr << "ppo-bridge: " << request_.name << " is " << request_.role << " by this key, id "
            << credential.value().id << ", " << lifetime_text(credential.value()) << "\n";
  return std::cout ? 0 : 1;
}

int CurveCommands::add_made_elsewhere() const {
  auto credential = asked_for();
  if (!credential) return fail_command(2, credential.error().message);
  if (!is_curve_key(public_key_)) {
    return fail_command(2, "PUBLICKEY is \"" + printable(public_key_) + "\"; must be 40 characters of Z85");
  }
  const auto file = credentials();
  if (!file) return fail_command(2, file.error().message);
  credential.value().id = make_credential_id();
  credential.value().public_key = public_key_;
  const auto added = add(file.value(), credential.value());
  if (!added) return fail_command(1, added.error().message);
  std::cout << credential.value().id << std::endl;
  return std::cout ? 0 : 1;
}

}  // namespace bridge
