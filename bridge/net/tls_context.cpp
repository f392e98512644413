#include "net/tls_context.h"

#include <pthread.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <string_view>
#include <utility>

#include <asio/post.hpp>
#include <openssl/x509.h>

namespace bridge {
namespace {

constexpr char kSuites13[] = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
constexpr char kSuites12[] = "ECDHE+AESGCM:ECDHE+CHACHA20";
constexpr char kGroups[] = "X25519:P-256";
constexpr int kNice = 5;
constexpr std::string_view kHttp11 = "http/1.1";

// RFC 7301: of what the client offers, HTTP/1.1 alone is spoken.
int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* chosen_size, const unsigned char* offered,
                    unsigned int size, void*) {
  for (unsigned int i = 0; i < size; i += 1u + offered[i]) {
    const std::string_view name(reinterpret_cast<const char*>(offered + i + 1), offered[i]);
    if (name != kHttp11) continue;
    *chosen = offered + i + 1;
    *chosen_size = offered[i];
    return SSL_TLSEXT_ERR_OK;
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

// A key that needs a pass phrase would have OpenSSL ask for it on the terminal.
int no_pass_phrase(char*, int, int, void*) {
  return -1;
}

std::string readable_file(const std::string& path, struct stat& status) {
  if (::stat(path.c_str(), &status) != 0) return path + ": " + std::strerror(errno);
  return S_ISREG(status.st_mode) ? "" : path + " is not a file";
}

std::int64_t seconds_of(const ASN1_TIME* time) {
  std::tm broken{};
  return ASN1_TIME_to_tm(time, &broken) == 1 ? ::timegm(&broken) : 0;
}

std::string date_of(std::int64_t seconds) {
  const std::time_t time = seconds;
  std::tm broken{};
  char text[32];
  const std::size_t size = std::strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", ::gmtime_r(&time, &broken));
  return {text, size};
}

}  // namespace

Result<tls::ContextPtr> TlsContext::make() const {
  const auto wrong = [](const char* key, const std::string& what) { return Failure{std::string(key) + ": " + what}; };
  struct stat status {};
  std::string missing = readable_file(options_.certificate, status);
  if (!missing.empty()) return wrong("tls.certificate", missing);
  missing = readable_file(options_.key, status);
  if (!missing.empty()) return wrong("tls.key", missing);
  if ((status.st_mode & (S_IRWXO | S_IWGRP)) != 0) {
    return wrong("tls.key", options_.key + " is open to others; chmod 600 it");
  }
  ERR_clear_error();
  tls::ContextPtr context(SSL_CTX_new(TLS_server_method()));
  SSL_CTX* const c = context.get();
  SSL_CTX_set_default_passwd_cb(c, no_pass_phrase);
  std::uint64_t flags = SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF;
  if (options_.kernel) flags |= SSL_OP_ENABLE_KTLS;
  SSL_CTX_set_options(c, flags);
  SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(c, 1);
  SSL_CTX_set_alpn_select_cb(c, choose_protocol, nullptr);
  if (SSL_CTX_set_min_proto_version(c, options_.only_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION) != 1 ||
      SSL_CTX_set_ciphersuites(c, kSuites13) != 1 || SSL_CTX_set_cipher_list(c, kSuites12) != 1 ||
      SSL_CTX_set1_groups_list(c, kGroups) != 1) {
    return wrong("tls", "OpenSSL does not do what is needed: " + tls::take_error());
  }
  if (SSL_CTX_use_certificate_chain_file(c, options_.certificate.c_str()) != 1) {
    return wrong("tls.certificate", options_.certificate + " holds no certificate in PEM: " + tls::take_error());
  }
  if (SSL_CTX_use_PrivateKey_file(c, options_.key.c_str(), SSL_FILETYPE_PEM) != 1) {
    // Looked at here already, where the kinds of the keys differ.
    if (ERR_GET_REASON(ERR_peek_last_error()) != X509_R_KEY_TYPE_MISMATCH &&
        ERR_GET_REASON(ERR_peek_last_error()) != X509_R_KEY_VALUES_MISMATCH) {
      return wrong("tls.key", options_.key + " holds no private key in PEM without a pass phrase: " + tls::take_error());
    }
  }
  if (SSL_CTX_check_private_key(c) != 1) {
    return wrong("tls.key", options_.key + " is not the key of " + options_.certificate + ": " + tls::take_error());
  }
  return context;
}

Result<bool> TlsContext::load() {
  auto made = make();
  if (!made) {
    problem_ = made.error().message;
    return made.error();
  }
  problem_.clear();
  not_after_s_ = seconds_of(X509_get0_notAfter(SSL_CTX_get0_certificate(made.value().get())));
  std::atomic_store(&context_, std::shared_ptr<SSL_CTX>(std::move(made.value())));
  return true;
}

tls::SslPtr TlsContext::accept() const {
  tls::SslPtr ssl(SSL_new(std::atomic_load(&context_).get()));
  SSL_set_accept_state(ssl.get());
  return ssl;
}

asio::thread_pool& TlsContext::thread() {
  std::call_once(begin_thread_, [this] {
    thread_ = std::make_unique<asio::thread_pool>(1);
    // Where cores are short, events go first.
    asio::post(*thread_, [] {
      ::pthread_setname_np(::pthread_self(), "tls");
      ::setpriority(PRIO_PROCESS, 0, kNice);  // of Linux: this thread's
    });
  });
  return *thread_;
}

std::string TlsContext::problem(std::int64_t now_s) const {
  std::string problem = problem_.empty() ? "" : problem_ + "; the certificate before it is still in use";
  if (now_s >= not_after_s_) {
    problem += (problem.empty() ? "" : "; ") + std::string("tls.certificate: ") + options_.certificate +
               " was good until " + date_of(not_after_s_);
  }
  return problem;
}

}  // namespace bridge
