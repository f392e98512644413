// The cookie by which a browser is known again, and what is no such thing.

#include "access/cookie.h"

#include <doctest/doctest.h>

#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "access/authenticator.h"
#include "access/base64url.h"
#include "support/scratch_directory.h"

using namespace bridge;
using testing_support::ScratchDirectory;

namespace {

const std::string kSecret(32, 'k');
const CookieClaims kAlice{"alice", "k7q2m9xa", 1'795'629'600};

std::string line_of(const NewToken& token, const std::string& name, const std::string& expires = "-") {
  return "token\t" + name + "\tviewer\t" + token.id + "\tsha256:" + token.sha256 + "\t2026-01-01T00:00:00Z\t" + expires +
         "\tnote\n";
}

void write_file(const std::string& path, const std::string& text) {
  std::ofstream(path) << text;
  ::chmod(path.c_str(), 0600);
}

}  // namespace

TEST_CASE("base64url: each text is that of some bytes, and there is one of them") {
  for (const auto& [bytes, text] : {std::pair{"", ""}, {"f", "Zg"}, {"fo", "Zm8"}, {"foo", "Zm9v"}, {"foob", "Zm9vYg"},
                                    {"\xfb\xff", "-_8"}}) {
    CHECK(base64url(bytes) == text);
    CHECK(from_base64url(text) == std::string(bytes));
  }
  for (const char* none : {"Z", "Zm9vY", "Zg==", "Zm9v=", "Zh", "Zm9", "Zm+v", "Zm/v", "Zm v", "Zm\n", "Z\xc3\xbcg"}) {
    CAPTURE(std::string(none));
    CHECK_FALSE(from_base64url(none));
  }
}

TEST_CASE("cookie: what was signed is read again, and nothing else") {
  const CookieKey key(kSecret);
  const std::string cookie = key.sign(kAlice);
  const auto read = key.read(cookie);
  REQUIRE(read);
  CHECK(read->name == "alice");
  CHECK(read->credential == "k7q2m9xa");
  CHECK(read->expires_s == 1'795'629'600);
  // HMAC-SHA256 as `openssl mac` has it.
  CHECK(cookie == "YWxpY2V8azdxMm05eGF8MTc5NTYyOTYwMA.wcxj-1mFIGKnSe1d4RGuzs49748UJbgs5I6R468Iu08");

  const CookieKey other(std::string(32, 'K'));
  CHECK_FALSE(other.read(cookie));
  for (std::size_t size = 0; size < cookie.size(); ++size) CHECK_FALSE(key.read(cookie.substr(0, size)));
  for (std::size_t at = 0; at < cookie.size(); ++at) {
    std::string forged = cookie;
    forged[at] = forged[at] == 'A' ? 'B' : 'A';
    CAPTURE(at);
    CHECK_FALSE(key.read(forged));
  }
  const std::string signature = cookie.substr(cookie.find('.'));
  for (const char* claims : {"bob|k7q2m9xa|1795629600", "alice|k7q2m9xa|9795629600", "alice|aaaaaaaa|1795629600"}) {
    CHECK_FALSE(key.read(base64url(claims) + signature));
  }
  for (const std::string& none : {cookie + "A", " " + cookie, cookie + "=", "." + cookie, std::string("."), std::string(44, '.'),
                                  std::string(2'000, 'A') + cookie}) {
    CHECK_FALSE(key.read(none));
  }
  CHECK_FALSE(key.read(key.sign({std::string(2'000, 'a'), "k7q2m9xa", 1})));
}

TEST_CASE("cookie: its key is a file that is made, and open to nobody else") {
  const ScratchDirectory scratch;
  const std::string path = scratch.file("credentials.key");
  const auto made = CookieKey::load(path, nullptr);
  REQUIRE(made);
  CHECK(made.value()->why_not_kept().empty());
  struct stat about {};
  REQUIRE(::stat(path.c_str(), &about) == 0);
  CHECK((about.st_mode & 0777) == 0600);
  CHECK(about.st_size == 32);
  const auto again = CookieKey::load(path, nullptr);
  REQUIRE(again);
  CHECK(again.value()->read(made.value()->sign(kAlice)));

  ::chmod(path.c_str(), 0640);
  CHECK(CookieKey::load(path, nullptr).error().message == path + " is open to others; run: chmod 600 " + path);
  for (const std::string& wrong : {std::string(), std::string(31, 'x'), std::string(33, 'x')}) {
    write_file(path, wrong);
    const auto refused = CookieKey::load(path, nullptr);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message.find("is not 32 bytes") != std::string::npos);
  }
  CHECK(CookieKey::load(scratch.file("."), nullptr).error().message.find("no regular file") != std::string::npos);

  // Where it cannot be made it is good for this run, and is put there as soon as it can be.
  const std::string later = scratch.file("later/key");
  const auto kept = CookieKey::load(later, nullptr);
  REQUIRE(kept);
  CHECK(kept.value()->why_not_kept().find("No such file") != std::string::npos);
  ::mkdir(scratch.file("later").c_str(), 0700);
  const auto written = CookieKey::load(later, kept.value());
  REQUIRE(written);
  CHECK(written.value()->why_not_kept().empty());
  CHECK(written.value()->read(kept.value()->sign(kAlice)));
  // Removed, it ends what was signed.
  ::unlink(later.c_str());
  const auto rotated = CookieKey::load(later, written.value());
  REQUIRE(rotated);
  CHECK_FALSE(rotated.value()->read(kept.value()->sign(kAlice)));
}

TEST_CASE("authenticator: a cookie is as good as its credential, and no longer than it says") {
  const ScratchDirectory scratch;
  const std::string path = scratch.file("credentials");
  FakeClock clock(1'795'000'000'000'000);
  const std::int64_t now_s = 1'795'000'000;
  const NewToken token = make_token();
  const NewToken short_one = make_token();
  write_file(path, line_of(token, "alice") + line_of(short_one, "carol", utc_text(now_s + 100)));
  Authenticator authenticator(path, clock);
  CHECK(authenticator.find_cookie("x.y") == nullptr);
  REQUIRE(authenticator.reload());

  const auto alice = authenticator.find(token.text);
  REQUIRE(alice != nullptr);
  const std::string cookie = authenticator.make_cookie(*alice, now_s + 1'000);
  const auto known = authenticator.find_cookie(cookie);
  REQUIRE(known != nullptr);
  CHECK(known->name == "alice");
  CHECK(known->role->name == "viewer");
  CHECK(known->expires_s == now_s + 1'000);
  const auto carol = authenticator.find_cookie(authenticator.make_cookie(*authenticator.find(short_one.text), now_s + 1'000));
  REQUIRE(carol != nullptr);
  CHECK(carol->expires_s == now_s + 100);
  // Of another bridge.
  Authenticator other(scratch.file("other"), clock);
  REQUIRE(other.reload());
  CHECK(other.find_cookie(cookie) == nullptr);

  // A connection that is there keeps the cookie's end.
  write_file(path, line_of(token, "alice") + "# changed\n");
  REQUIRE(authenticator.reload());
  const auto still = authenticator.again(*known);
  REQUIRE(still != nullptr);
  CHECK(still->expires_s == now_s + 1'000);
  CHECK(authenticator.again(*alice)->expires_s == 0);
  clock.advance_us(999'000'000);
  CHECK(authenticator.find_cookie(cookie) != nullptr);
  clock.advance_us(1'000'000);
  CHECK(authenticator.find_cookie(cookie) == nullptr);

  const std::string next = authenticator.make_cookie(*alice, now_s + 9'000);
  CHECK(authenticator.find_cookie(next) != nullptr);
  write_file(path, line_of(token, "bob"));  // the id is another one's now
  REQUIRE(authenticator.reload());
  CHECK(authenticator.find_cookie(next) == nullptr);
  write_file(path, "");
  REQUIRE(authenticator.reload());
  CHECK(authenticator.find_cookie(next) == nullptr);
  CHECK(authenticator.again(*known) == nullptr);

  // A key that is open to others changes nothing, and is said.
  ::chmod((path + ".key").c_str(), 0644);
  const auto refused = authenticator.reload();
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.find("chmod 600") != std::string::npos);
}
