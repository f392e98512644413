// Roles, the file of credentials, tokens.

#include "access/authenticator.h"

#include <doctest/doctest.h>

#include <sys/stat.h>

#include <fstream>
#include <set>
#include <sstream>

#include "base/address_budget.h"
#include "base/clock.h"
#include "support/scratch_directory.h"

using namespace bridge;

namespace {

Access as(const char* role, const char* name = "alice") {
  const auto found = Roles().find(role);
  REQUIRE(found != nullptr);
  return Access(name, found);
}

Credential credential(const NewToken& token, const char* name, const char* role, std::int64_t expires_s = 0) {
  return {name, role, token.id, token.sha256, 1'700'000'000, expires_s, "a note"};
}

std::string contents(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

TEST_CASE("access: what each role may do") {
  struct Row {
    const char* role;
    bool reads;
    const char* commands;  // of those below, by their first letters
    const char* paths;
  };
  const std::vector<std::pair<char, const char*>> commands = {
      {'s', "get_status"}, {'l', "list_alerts"}, {'r', "replay"},     {'o', "place_order"},
      {'d', "arm_dead_mans_switch"}, {'p', "pause"}, {'n', "set_run"}, {'c', "create_alert"},
      {'g', "get_slow_turns"}, {'a', "get_audit"}, {'e', "drain"}, {'b', "backup"}};
  const std::vector<std::pair<char, const char*>> paths = {
      {'r', "/readyz"}, {'m', "/metrics"}, {'s', "/submit_event"}};
  for (const Row& row : {Row{"viewer", true, "slrg", "r"}, Row{"operator", true, "slrodpncg", "rm"},
                         Row{"bot", true, "slrodg", ""}, Row{"trainer", false, "", "s"},
                         Row{"metrics", false, "", "rm"}, Row{"admin", true, "slrodpncgaeb", "rms"}}) {
    CAPTURE(std::string(row.role));
    const Access access = as(row.role);
    CHECK(access.reads() == row.reads);
    std::string may;
    for (const auto& [letter, command] : commands) {
      if (access.may_command(command)) may += letter;
    }
    CHECK(may == row.commands);
    may.clear();
    for (const auto& [letter, path] : paths) {
      if (access.may_get(path)) may += letter;
    }
    CHECK(may == row.paths);
  }
  CHECK(Roles().find("root") == nullptr);
  CHECK(Roles().find("") == nullptr);
}

TEST_CASE("access: a trainer speaks for itself only") {
  const Access trainer = as("trainer", "t-1");
  for (const char* own : {"t-1", "t-1-a", "t-1-"}) CHECK(trainer.may_publish_as(own));
  for (const char* other : {"", "t", "t-2", "t-10", "t-1.a", "T-1", "xt-1"}) {
    CAPTURE(std::string(other));
    CHECK_FALSE(trainer.may_publish_as(other));
  }
  CHECK(as("admin").may_publish_as(""));
  CHECK_FALSE(as("operator").may_publish_as("alice"));
}

TEST_CASE("credentials: a token is found by what is kept of it, and only it") {
  std::set<std::string> all;
  for (int i = 0; i < 100; ++i) {
    const NewToken token = make_token();
    CHECK(token.text.size() == 57);
    CHECK(token.text.substr(0, 14) == "ppo1_" + token.id + "_");
    all.insert(token.text);
  }
  CHECK(all.size() == 100);
  const NewToken one = make_token();
  const NewToken other = make_token();
  const auto parsed = Credentials::parse("# people\n" + credential_line(credential(one, "alice", "operator", 2'000)) + "\n\n" +
                                         credential_line(credential(other, "bob", "viewer")) + "\n");
  REQUIRE(parsed);
  const Credentials& credentials = parsed.value();
  CHECK(credentials.find(one.text, 1'999)->name == "alice");
  CHECK(credentials.find(one.text, 1'999)->role->name == "operator");
  CHECK(credentials.find(one.text, 2'000) == nullptr);  // expired
  CHECK(credentials.find(other.text, 1LL << 40)->name == "bob");
  CHECK(credentials.by_id(one.id, 1'999)->name == "alice");
  CHECK(credentials.by_id(one.id, 2'000) == nullptr);
  const std::string mixed = one.text.substr(0, 14) + other.text.substr(14);
  std::string last = one.text;
  last.back() = last.back() == 'A' ? 'B' : 'A';
  for (const std::string& wrong : {std::string(), mixed, last, one.text + "A", one.text.substr(0, 56), "ppo1_" + std::string(52, 'a'),
                                   std::string(1 << 20, 'x'), "PPO1" + one.text.substr(4)}) {
    CHECK(credentials.find(wrong, 0) == nullptr);
  }
}

TEST_CASE("credentials: a key is found by its public half, and is no token") {
  const std::string key = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7";
  Credential curve{"trainer-1", "trainer", "aaaaaaaa", "", 1'700'000'000, 2'000, ""};
  curve.public_key = key;
  const std::string line = credential_line(curve);
  CHECK(line == "curve\ttrainer-1\ttrainer\taaaaaaaa\t" + key + "\t2023-11-14T22:13:20Z\t1970-01-01T00:33:20Z\t");
  const auto parsed = Credentials::parse(line + "\n" + credential_line(credential(make_token(), "alice", "viewer")) + "\n");
  REQUIRE(parsed);
  const Credentials& credentials = parsed.value();
  CHECK(credentials.find_key(key, 1'999)->name == "trainer-1");
  CHECK(credentials.find_key(key, 1'999)->credential == "aaaaaaaa");
  CHECK(credentials.find_key(key, 2'000) == nullptr);
  CHECK(credentials.find_key("", 0) == nullptr);
  CHECK(credentials.find_key(std::string(40, 'a'), 0) == nullptr);
  // There is no hash in its line that anything could equal.
  for (const std::string& secret : {std::string(43, 'A'), std::string(43, '-')}) {
    CHECK(credentials.find("ppo1_aaaaaaaa_" + secret, 0) == nullptr);
  }
  std::string twice = line;
  twice.replace(twice.find("aaaaaaaa"), 8, "bbbbbbbb");
  CHECK(Credentials::parse(line + "\n" + twice + "\n").error().message.find("is there twice") != std::string::npos);
  for (const std::string& bad : {key.substr(1), key + "a", std::string(40, ' '), std::string(40, '~')}) {
    std::string wrong = line;
    wrong.replace(wrong.find(key), key.size(), bad);
    CHECK(Credentials::parse(wrong).error().message.find("no public key of 40") != std::string::npos);
  }
}

TEST_CASE("access: who has business at which ZeroMQ socket") {
  const auto sockets = [](const char* role) {
    std::string may;
    const Access access = as(role, "t-1");
    for (const char* domain : {"events", "out", "commands", "control", "control/t-1", "control/t-1-b", "control/t-2", "", "ipc"}) {
      if (access.may_attach(domain)) may += std::string(domain) + " ";
    }
    return may;
  };
  CHECK(sockets("trainer") == "events control control/t-1 control/t-1-b ");
  CHECK(sockets("admin") == "events out commands control control/t-1 control/t-1-b control/t-2 ");
  for (const char* role : {"viewer", "operator", "bot"}) CHECK(sockets(role) == "out commands ");
  CHECK(sockets("metrics").empty());
}

TEST_CASE("credentials: a line that is wrong is told with its number") {
  const std::string good = credential_line(credential(make_token(), "alice", "viewer"));
  const auto changed = [&](const std::string& from, const std::string& to) {
    std::string line = good;
    line.replace(line.find(from), from.size(), to);
    return line;
  };
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {"nonsense", "seven fields"}, {good + "\tmore", "seven fields"}, {changed("token", "curve"), "no public key of 40"}, {changed("token", "key"), "seven fields"},
      {changed("alice", "al ice"), "name is"}, {changed("viewer", "ro ot"), "role is"},
      {changed("sha256:", "sha1:"), "sha256"}, {changed("2023-", "2023"), "created is"},
      {changed("\t-\t", "\ttomorrow\t"), "expires is"}, {changed("\t-\t", "\t2026-02-30T00:00:00Z\t"), "expires is"},
      {changed("a note", std::string(129, 'n')), "note is longer"}, {good, "is there twice"}};
  for (const auto& [line, why] : wrong) {
    CAPTURE(line);
    const auto parsed = Credentials::parse("# first\n" + good + "\n" + line + "\n");
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().message.find(why) != std::string::npos);
    if (line != good) CHECK(parsed.error().message.find("line 3 ") == 0);
  }
  CHECK(Credentials::parse("").value().all().empty());
  std::string many;
  for (std::size_t i = 0; i <= kCredentialsMax; ++i) many += good + "\n";
  CHECK(Credentials::parse(many).error().message == "more than 10000 credentials");
}

TEST_CASE("credentials: the file is replaced as a whole, and its comments stay") {
  const testing_support::ScratchDirectory scratch;
  const std::string path = scratch.path() + "/a/b/credentials";
  const NewToken one = make_token();
  const auto add = [&](const NewToken& token, const char* name) {
    return edit_credentials(path, [&](CredentialLines lines) -> Result<CredentialLines> {
      lines.push_back(credential_line(credential(token, name, "viewer")));
      return lines;
    });
  };
  REQUIRE(add(one, "alice"));
  struct stat about {};
  REQUIRE(::stat(path.c_str(), &about) == 0);
  CHECK((about.st_mode & 0777) == 0600);
  CHECK(contents(path).find(one.text) == std::string::npos);
  std::ofstream(path, std::ios::app) << "# by hand\n";
  REQUIRE(add(make_token(), "bob"));
  CHECK(contents(path).find("# by hand\n") != std::string::npos);
  CHECK(Credentials::load(path).value().all().size() == 2);
  // What would not be one changes nothing.
  const std::string before = contents(path);
  CHECK_FALSE(add(one, "eve"));  // the same id once more
  CHECK_FALSE(edit_credentials(path, [](CredentialLines) -> Result<CredentialLines> { return Failure{"no"}; }));
  CHECK(contents(path) == before);
  std::ofstream(path, std::ios::app) << "broken\n";
  CHECK_FALSE(add(make_token(), "bob"));
  REQUIRE(::chmod(path.c_str(), 0620) == 0);
  CHECK(Credentials::load(path).error().message.find("can be written by others; run: chmod go-w") != std::string::npos);
  CHECK(Credentials::load(scratch.path()).error().message.find("is no regular file") != std::string::npos);
  CHECK(Credentials::load(scratch.path() + "/none").value().all().empty());
}

TEST_CASE("credentials: times are those of RFC 3339 in UTC") {
  CHECK(utc_text(1'795'629'600) == "2026-11-25T18:00:00Z");
  CHECK(parse_utc("2026-11-25T18:00:00Z").value() == 1'795'629'600);
  for (const char* bad : {"", "2026-11-25", "2026-11-25T18:00:00", "2026-11-25T18:00:00+01:00", "2026-13-25T18:00:00Z",
                          "2026-11-25T18:00:00Z ", "1969-12-31T23:59:59Z"}) {
    CAPTURE(std::string(bad));
    CHECK_FALSE(parse_utc(bad));
  }
}

TEST_CASE("authenticator: the file as it is now, and as it was where it is broken") {
  const testing_support::ScratchDirectory scratch;
  const std::string path = scratch.path() + "/credentials";
  FakeClock clock;
  Authenticator authenticator(path, clock);
  REQUIRE(authenticator.reload());
  CHECK_FALSE(authenticator.changed());
  const NewToken token = make_token();
  const auto write = [&](const std::string& text) { std::ofstream(path) << text; };
  write(credential_line(credential(token, "alice", "viewer")) + "\n");
  CHECK(authenticator.changed());
  CHECK(authenticator.find(token.text) == nullptr);  // not read yet
  REQUIRE(authenticator.reload());
  CHECK_FALSE(authenticator.changed());
  const auto access = authenticator.find(token.text);
  REQUIRE(access != nullptr);
  CHECK(authenticator.again(*access)->role->name == "viewer");
  const std::uint64_t version = authenticator.version();
  write("broken\n");
  CHECK_FALSE(authenticator.reload());
  CHECK_FALSE(authenticator.changed());  // told once
  CHECK(authenticator.version() == version);
  CHECK(authenticator.find(token.text) != nullptr);
  write(credential_line(credential(token, "mallory", "admin")) + "\n");
  REQUIRE(authenticator.reload());
  CHECK(authenticator.again(*access) == nullptr);  // another's by now
}

TEST_CASE("authenticator: the token of a header") {
  CHECK(bearer_token("Bearer abc") == "abc");
  CHECK(bearer_token("bearer   abc") == "abc");
  for (const char* none : {"", "Bearer", "Bearer ", "Basic abc", "Bearerabc", "abc"}) CHECK(bearer_token(none).empty());
}

TEST_CASE("address budget: a burst, then one an interval, and who goes on is told a few times") {
  AddressBudget budget(100, 3, 2);
  const auto take = [&budget](const std::string& peer, int times, std::int64_t now_us) {
    std::string answers;
    for (int i = 0; i < times; ++i) answers += "gof"[static_cast<int>(budget.take(peer, now_us))];
    return answers;
  };
  CHECK(take("a", 7, 1'000'000) == "gggooff");
  CHECK(take("b", 1, 1'000'000) == "g");
  CHECK(budget.wait_us("a", 1'000'000) == 100);
  CHECK(take("a", 3, 1'000'100) == "gff");  // that it was told costs it nothing
  CHECK(take("a", 2, 2'000'100) == "gg");
  CHECK(budget.wait_us("a", 2'000'100) == 0);
  CHECK(take("a", 3, 2'000'100) == "gof");
}

TEST_CASE("address budget: of more addresses than it knows those go that have done nothing for longest") {
  AddressBudget budget(1'000'000'000, 1);
  const auto refused = [&budget](int n) { return budget.take(std::to_string(n), 1) != AddressBudget::Answer::granted; };
  CHECK_FALSE(refused(0));
  const int many = AddressBudget::kAddressesMax * 3;
  for (int n = 1; n <= many; ++n) {
    CHECK_FALSE(refused(n));
    if (n % 1000 == 0) CHECK(refused(0));  // it goes on
  }
  CHECK(refused(many));
  CHECK_FALSE(refused(1));
  CHECK(budget.forgotten() >= static_cast<std::uint64_t>(many) - AddressBudget::kAddressesMax);
}

namespace {

// An authenticator that knows alice's token, and answers so many wrong ones of an address a minute.
struct OneToken {
  explicit OneToken(std::int64_t failures_per_minute_max) {
    std::ofstream(scratch.file("credentials")) << credential_line(credential(token, "alice", "viewer")) << "\n";
    REQUIRE(authenticator.reload());
    authenticator.set_failures_per_minute_max(failures_per_minute_max);
  }

  const testing_support::ScratchDirectory scratch;
  FakeClock clock;
  const NewToken token = make_token();
  Authenticator authenticator{scratch.file("credentials"), clock};
};

}  // namespace

TEST_CASE("authenticator: of an address so many wrong tokens are answered, and a right one always is") {
  OneToken known(2);
  auto& [scratch, clock, token, authenticator] = known;
  const auto wait_s = [&](const char* from) { return authenticator.attempt("ppo1_wrong", from).wait_s; };
  CHECK(wait_s("10.0.0.1:5") == 0);
  CHECK(wait_s("10.0.0.1:6") == 0);
  CHECK(wait_s("10.0.0.1:7") == 30);
  CHECK(wait_s("10.0.0.2:5") == 0);
  CHECK(authenticator.attempt(token.text, "10.0.0.1:8").access != nullptr);
  CHECK(wait_s("[2001:db8::1]:5") + wait_s("[2001:db8::2]:5") == 0);
  CHECK(wait_s("[2001:db8::3]:5") == 30);
  CHECK(wait_s("[2001:db8:0:1::1]:5") == 0);
  clock.advance_us(30'000'000);
  CHECK(wait_s("10.0.0.1:5") == 0);
  CHECK(wait_s("10.0.0.1:5") == 30);
}

TEST_CASE("authenticator: where too many are wrong in all, who was wrong lately waits, and who is right or new does not") {
  OneToken known(10);
  auto& [scratch, clock, token, authenticator] = known;
  const auto of_all = [&](const std::string& from, const char* said = "a.b.c") {
    return authenticator.attempt(said, "10.1.0." + from + ":1").of_all;
  };
  for (std::int64_t n = 0; n < Authenticator::kFailuresPerS; ++n) CHECK_FALSE(of_all(std::to_string(n)));
  CHECK(of_all("0"));
  CHECK(of_all("0", "ppo1_wrong"));
  CHECK_FALSE(of_all("200"));
  CHECK(authenticator.attempt(token.text, "10.1.0.0:1").access != nullptr);
  clock.advance_us(1'000'000);
  CHECK_FALSE(of_all("0"));
}
