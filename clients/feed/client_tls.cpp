#include "feed/client_tls.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include <unistd.h>

#include <openssl/x509v3.h>

namespace feed {
namespace {

constexpr unsigned char kHttp11[] = "\x08http/1.1";

std::string date_of(const ASN1_TIME* time) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> out(BIO_new(BIO_s_mem()), &BIO_free);
  ASN1_TIME_print(out.get(), time);
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<size_t>(size)};
}

// Whom a certificate is for: its alternative names.
std::string names_of(X509* certificate) {
  std::string all;
  auto* const names =
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> out(BIO_new(BIO_s_mem()), &BIO_free);
    GENERAL_NAME_print(out.get(), sk_GENERAL_NAME_value(names, i));
    char* text = nullptr;
    const long size = BIO_get_mem_data(out.get(), &text);
    all += (all.empty() ? "" : ", ") + std::string(text, static_cast<size_t>(size));
  }
  GENERAL_NAMES_free(names);
  return all.empty() ? "nobody" : all;
}

// What is wrong with the certificate that was shown, and what helps.
std::string distrust(X509* shown, int result, const std::string& ca) {
  switch (result) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return "is for " + names_of(shown) + "; use an address that it is for";
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "was good until " + date_of(X509_get0_notAfter(shown)) +
             "; the bridge needs a new one (tls.certificate)";
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      return std::string("is signed by nobody that ") +
             (ca.empty() ? "this machine trusts; name the file of the bridge's certificate, or of who signed it (--ca FILE)"
                         : ca + " holds; it must hold the bridge's certificate, or that of who signed it");
    default:
      return std::string("is not trusted: ") + X509_verify_cert_error_string(result);
  }
}

}  // namespace

int ClientTls::verify(X509_STORE_CTX* chain, void* self) {
  if (X509_verify_cert(chain) == 1) return 1;
  auto& tls = *static_cast<ClientTls*>(self);
  tls.distrust_ = distrust(X509_STORE_CTX_get0_cert(chain), X509_STORE_CTX_get_error(chain), tls.ca_);
  return 0;
}

Result<SSL_CTX*> ClientTls::context() {
  if (context_) return context_.get();
  tls::ContextPtr made(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_set_min_proto_version(made.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(made.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_verify(made.get(), SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_cert_verify_callback(made.get(), &verify, this);
  SSL_CTX_set_alpn_protos(made.get(), kHttp11, sizeof kHttp11 - 1);
  ERR_clear_error();
  if (ca_.empty()) {
    SSL_CTX_set_default_verify_paths(made.get());
  } else if (::access(ca_.c_str(), R_OK) != 0) {
    return Error{"cannot read " + ca_ + " (--ca): " + std::strerror(errno)};
  } else if (SSL_CTX_load_verify_locations(made.get(), ca_.c_str(), nullptr) != 1) {
    return Error{ca_ + " (--ca) holds no certificate in PEM: " + tls::take_error()};
  }
  context_ = std::move(made);
  return context_.get();
}

void ClientTls::greet(const tls::EitherConnectionPtr& connection,
                      websocketpp::transport::asio::socket::init_handler done) {
  const websocketpp::uri_ptr uri = connection->uri();
  if (!uri || !uri->get_secure()) return done({});
  const auto failed = websocketpp::transport::error::make_error_code(websocketpp::transport::error::pass_through);
  const Result<SSL_CTX*> context = this->context();
  if (!context) {
    trouble_ = context.error();
    return done(failed);
  }
  std::string host = uri->get_host();
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  const std::string who = host + ":" + uri->get_port_str();
  tls::SslPtr ssl(SSL_new(*context));
  SSL_set_connect_state(ssl.get());
  if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), host.c_str()) != 1) {
    SSL_set1_host(ssl.get(), host.c_str());
    SSL_set_tlsext_host_name(ssl.get(), host.c_str());
  }
  ERR_clear_error();
  distrust_.clear();
  connection->get_socket().secure(std::move(ssl));
  connection->get_socket().async_handshake([this, connection, who, failed, done](asio::error_code ec) {
    if (!ec) return done({});
    const std::string& why = connection->get_socket().trouble();
    if (!distrust_.empty()) {
      trouble_ = "the certificate of " + who + " " + distrust_;
    } else if (!why.empty()) {
      trouble_ = "no TLS with " + who + ": " + why + (why == "wrong version number" ? " (is it ws:// there?)" : "");
    }
    done(failed);
  });
}

}  // namespace feed
