#pragma once

#include <string>

#include "feed/result.h"
#include "tls/either_socket.h"

namespace feed {

// TLS as a client speaks it: whom it trusts, and in which words it says that it does not.
//
// One thread. Outlives the connections that it has begun with.
class ClientTls {
 public:
  // `ca`: a PEM file of certificates to trust; "" = those that the system trusts.
  explicit ClientTls(std::string ca) : ca_(std::move(ca)) {}

  // A connection's greeting: for a wss:// URL it shakes hands, and looks at the certificate.
  void greet(const tls::EitherConnectionPtr& connection,
             websocketpp::transport::asio::socket::init_handler done);

  // Why the last one came to nothing, in words for a person; "" where it did not.
  const std::string& trouble() const { return trouble_; }
  void forget_trouble() { trouble_.clear(); }

 private:
  Result<SSL_CTX*> context();
  static int verify(X509_STORE_CTX* chain, void* self);

  const std::string ca_;
  tls::ContextPtr context_;
  std::string distrust_;  // what was wrong with the certificate of the last one
  std::string trouble_;
};

}  // namespace feed
