#include "net/self_signed.h"

#include <arpa/inet.h>

#include <array>
#include <memory>
#include <string_view>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

namespace bridge {
namespace {

template <auto* Free>
struct FreedBy {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using KeyPtr = std::unique_ptr<EVP_PKEY, FreedBy<EVP_PKEY_free>>;
using CertificatePtr = std::unique_ptr<X509, FreedBy<X509_free>>;
using ExtensionPtr = std::unique_ptr<X509_EXTENSION, FreedBy<X509_EXTENSION_free>>;
using BioPtr = std::unique_ptr<BIO, FreedBy<BIO_free_all>>;

bool is_ip_address(const std::string& host) {
  in_addr four{};
  in6_addr six{};
  return ::inet_pton(AF_INET, host.c_str(), &four) == 1 || ::inet_pton(AF_INET6, host.c_str(), &six) == 1;
}

bool add_extension(X509* certificate, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  const ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str()));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

// What `write` puts into it.
template <class Write>
std::string pem_of(Write&& write) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  if (!bio || write(bio.get()) != 1) return {};
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string fingerprint_of(X509* certificate) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  if (X509_digest(certificate, EVP_sha256(), digest.data(), &size) != 1) return {};
  std::string text;
  constexpr char kHex[] = "0123456789ABCDEF";
  for (unsigned int i = 0; i < size; ++i) {
    if (i != 0) text += ':';
    text += kHex[digest[i] >> 4];
    text += kHex[digest[i] & 15];
  }
  return text;
}

}  // namespace

Result<SelfSigned> make_self_signed(const std::vector<std::string>& hosts, int days) {
  const Failure failure{"OpenSSL could not make a certificate"};
  const KeyPtr key(EVP_EC_gen("P-256"));
  const CertificatePtr certificate(X509_new());
  if (!key || !certificate) return failure;
  X509* const x = certificate.get();
  std::uint64_t serial = 0;
  if (RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial) != 1) return failure;
  std::string names;
  for (const std::string& host : hosts) {
    names += (names.empty() ? "" : ",") + std::string(is_ip_address(host) ? "IP:" : "DNS:") + host;
  }
  // It is its own authority (RFC 5280 4.2.1.9), and no other certificate's: path length 0, for servers alone.
  const bool made =
      X509_set_version(x, X509_VERSION_3) == 1 && ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), serial >> 1) == 1 &&
      X509_gmtime_adj(X509_getm_notBefore(x), -3600) != nullptr &&
      X509_gmtime_adj(X509_getm_notAfter(x), 86'400L * days) != nullptr && X509_set_pubkey(x, key.get()) == 1 &&
      X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                                 reinterpret_cast<const unsigned char*>("ppo-bridge"), -1, -1, 0) == 1 &&
      X509_set_issuer_name(x, X509_get_subject_name(x)) == 1 &&
      add_extension(x, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
      add_extension(x, NID_key_usage, "critical,digitalSignature,keyCertSign") &&
      add_extension(x, NID_ext_key_usage, "serverAuth") && add_extension(x, NID_subject_key_identifier, "hash") &&
      add_extension(x, NID_subject_alt_name, names) && X509_sign(x, key.get(), EVP_sha256()) != 0;
  if (!made) return failure;
  SelfSigned all;
  all.certificate = pem_of([&](BIO* bio) { return PEM_write_bio_X509(bio, x); });
  all.key = pem_of([&](BIO* bio) {
    return PEM_write_bio_PKCS8PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
  all.fingerprint = fingerprint_of(x);
  if (all.certificate.empty() || all.key.empty() || all.fingerprint.empty()) return failure;
  return all;
}

}  // namespace bridge
