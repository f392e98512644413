#include "app/curve_commands.h"

#include <iostream>
#include <utility>

#include "base/text.h"
#include "net/curve_keys.h"

namespace bridge {

CurveCommands::CurveCommands(CLI::App& cli, CredentialsPath credentials, CredentialsPath server_key, CredentialsPath roles,
                             CredentialsPath audit)
    : default_credentials_(std::move(credentials)),
      default_server_key_(std::move(server_key)),
      roles_{"", std::move(roles)},
      audit_(std::move(audit)) {
  curve_ = cli.add_subcommand("curve", "Make, list and revoke the keys by which trainers and bots say over ZeroMQ who they are");
  curve_->require_subcommand(1);
  curve_->add_option("--roles", roles_.file, "The file of roles of your own (default: auth.roles of the configuration)");
  curve_->add_option("--credentials", credentials_file_,
                     "The file of credentials (default: auth.credentials of the configuration)");
  curve_->add_option("--server-key", server_file_,
                     "The bridge's own key file (default: zmq.curve_key of the configuration, or server.key beside the "
                     "credentials)");
  const auto add_request = [this](CLI::App* command, bool required) {
    auto* const name = command->add_option("NAME", request_.name, "Whose it is; a trainer speaks for the sources NAME and NAME-...");
    auto* const role = command->add_option("--role", request_.role, "What it may do: " + Roles().names() + ", or one of auth.roles");
    if (required) name->required();
    if (required) role->required();
    command->add_option("--expires", request_.expires, "For how long it is good: never, or like 90d, 12h, 30m, 45s")->capture_default_str();
    command->add_option("--note", request_.note, "What it is for, at most 128 bytes");
  };
  create_ = curve_->add_subcommand("create", "Make the bridge's own key pair; with a NAME, one for a trainer or a bot");
  add_request(create_, false);
  create_->add_option("--out", out_, "The file to write: of a NAME its three keys (default: NAME.key)");
  add_ = curve_->add_subcommand("add", "List a key that was made elsewhere; its secret stays there");
  add_request(add_, true);
  add_->add_option("PUBLICKEY", public_key_, "40 characters of Z85")->required();
  list_ = curve_->add_subcommand("list", "List the keys");
  list_->add_flag("--json", json_, "As one JSON object");
  revoke_ = curve_->add_subcommand("revoke", "Take a key away; what it sends is refused within a second");
  auto* const id = revoke_->add_option("ID", id_, "Its id, as `curve list` shows it");
  revoke_->add_option("--all", all_of_, "All of this NAME's")->excludes(id);
}

Result<std::string> CurveCommands::credentials() const {
  if (!credentials_file_.empty()) return credentials_file_;
  return default_credentials_();
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

int CurveCommands::run() {
  if (create_->parsed()) return request_.name.empty() ? create_server() : create();
  if (add_->parsed()) return add();
  const auto file = credentials();
  if (!file) return fail_command(2, file.error().message);
  if (list_->parsed()) return list_credentials(file.value(), CredentialKind::key, json_, roles_);
  return revoke_credentials(file.value(), CredentialKind::key, id_, all_of_, audit_);
}

int CurveCommands::create_server() {
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

int CurveCommands::create() {
  auto credential = new_credential(request_, roles_);
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
  const auto added = add_credential(file.value(), credential.value(), audit_);
  if (!added) return fail_command(1, added.error().message + " (" + out + " was written, and is not listed)");
  std::cout << out << std::endl;
  std::cerr << "ppo-bridge: " << request_.name << " is " << request_.role << " by this key, id "
            << credential.value().id << ", " << lifetime_text(credential.value()) << "\n";
  return std::cout ? 0 : 1;
}

int CurveCommands::add() {
  auto credential = new_credential(request_, roles_);
  if (!credential) return fail_command(2, credential.error().message);
  if (!is_curve_key(public_key_)) {
    return fail_command(2, "PUBLICKEY is \"" + printable(public_key_) + "\"; must be 40 characters of Z85");
  }
  const auto file = credentials();
  if (!file) return fail_command(2, file.error().message);
  credential.value().id = make_credential_id();
  credential.value().public_key = public_key_;
  const auto added = add_credential(file.value(), credential.value(), audit_);
  if (!added) return fail_command(1, added.error().message);
  std::cout << credential.value().id << std::endl;
  return std::cout ? 0 : 1;
}

}  // namespace bridge
