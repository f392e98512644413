#include "app/token_commands.h"

#include <iostream>
#include <utility>

#include "app/credential_commands.h"

namespace bridge {

TokenCommands::TokenCommands(CLI::App& cli, CredentialsPath path, CredentialsPath roles, CredentialsPath audit)
    : default_path_(std::move(path)), roles_{"", std::move(roles)}, audit_(std::move(audit)) {
  token_ = cli.add_subcommand("token", "Make, list and revoke the tokens by which clients say who they are");
  token_->require_subcommand(1);
  token_->add_option("--credentials", file_, "The file of credentials (default: auth.credentials of the configuration)");
  token_->add_option("--roles", roles_.file, "The file of roles of your own (default: auth.roles of the configuration)");
  create_ = token_->add_subcommand("create", "Make a token and print it, once, on stdout");
  create_->add_option("NAME", name_, "Whose it is: 1-64 characters of A-Z a-z 0-9 _ . : -")->required();
  create_->add_option("--role", role_, "What it may do: " + Roles().names() + ", or one of auth.roles")->required();
  create_->add_option("--expires", expires_, "For how long it is good: 90d, 12h, 30m, 45s or never")->capture_default_str();
  create_->add_option("--note", note_, "What it is for, at most 128 bytes");
  list_ = token_->add_subcommand("list", "List them, without the tokens themselves, which nobody has");
  list_->add_flag("--json", json_, "As one JSON object");
  revoke_ = token_->add_subcommand("revoke", "Take a token away; its connections are closed within a second");
  auto* const id = revoke_->add_option("ID", id_, "Its id, as `token list` shows it");
  revoke_->add_option("--all", all_of_, "All of this NAME's")->excludes(id);
}

Result<std::string> TokenCommands::path() const {
  if (!file_.empty()) return file_;
  return default_path_();
}

int TokenCommands::run() {
  if (create_->parsed()) return create();
  if (list_->parsed()) return list();
  return revoke();
}

int TokenCommands::create() {
  auto credential = new_credential({name_, role_, expires_, note_}, roles_);
  if (!credential) return fail_command(2, credential.error().message);
  const auto file = path();
  if (!file) return fail_command(2, file.error().message);
  const NewToken token = make_token();
  credential.value().id = token.id;
  credential.value().sha256 = token.sha256;
  const auto added = add_credential(file.value(), credential.value(), audit_);
  if (!added) return fail_command(1, added.error().message);
  std::cout << token.text << std::endl;
  std::cerr << "ppo-bridge: " << name_ << " is " << role_ << " by this token, id " << token.id << ", "
            << lifetime_text(credential.value()) << "; it is shown here only\n";
  return std::cout ? 0 : 1;
}

int TokenCommands::list() {
  const auto file = path();
  if (!file) return fail_command(2, file.error().message);
  return list_credentials(file.value(), CredentialKind::token, json_, roles_);
}

int TokenCommands::revoke() {
  const auto file = path();
  if (!file) return fail_command(2, file.error().message);
  return revoke_credentials(file.value(), CredentialKind::token, id_, all_of_, audit_);
}

}  // namespace bridge
