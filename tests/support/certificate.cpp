#include "certificate.h"

#include <sys/stat.h>

#include <cstdio>
#include <memory>
#include <stdexcept>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "scratch_directory.h"

namespace testing_support {
namespace {

struct Free {
  void operator()(EVP_PKEY* p) const { EVP_PKEY_free(p); }
  void operator()(X509* p) const { X509_free(p); }
  void operator()(X509_EXTENSION* p) const { X509_EXTENSION_free(p); }
  void operator()(std::FILE* p) const { std::fclose(p); }
};
template <class T>
using Owned = std::unique_ptr<T, Free>;

void must(bool well, const char* what) {
  if (!well) throw std::runtime_error(std::string("cannot make a certificate: ") + what);
}

void extend(X509* certificate, int nid, const std::string& value) {
  X509V3_CTX context{};
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  const Owned<X509_EXTENSION> extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  must(extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1, value.c_str());
}

}  // namespace

Certificate make_certificate(const std::string& directory, const std::string& name,
                             const CertificateOptions& options) {
  const Owned<EVP_PKEY> key(EVP_EC_gen("P-256"));
  must(key != nullptr, "key");
  const Owned<X509> certificate(X509_new());
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), static_cast<long>(::time(nullptr)));
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -400L * 86'400);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), options.days * 86'400);
  X509_set_pubkey(certificate.get(), key.get());
  X509_NAME* const subject = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(name.c_str()), -1,
                             -1, 0);
  X509_set_issuer_name(certificate.get(), subject);
  const bool ip = options.host.find_first_not_of("0123456789.") == std::string::npos;
  extend(certificate.get(), NID_subject_alt_name, (ip ? "IP:" : "DNS:") + options.host);
  extend(certificate.get(), NID_basic_constraints, "critical,CA:TRUE");
  must(X509_sign(certificate.get(), key.get(), EVP_sha256()) > 0, "signature");

  const Certificate files{directory + "/" + name + ".pem", directory + "/" + name + ".key"};
  const Owned<std::FILE> out(std::fopen(files.certificate.c_str(), "w"));
  must(out != nullptr && PEM_write_X509(out.get(), certificate.get()) == 1, files.certificate.c_str());
  const Owned<std::FILE> key_out(std::fopen(files.key.c_str(), "w"));
  must(key_out != nullptr && ::fchmod(::fileno(key_out.get()), 0600) == 0 &&
           PEM_write_PrivateKey(key_out.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1,
       files.key.c_str());
  return files;
}

const Certificate& shared_certificate() {
  static const ScratchDirectory directory;
  static const Certificate certificate = make_certificate(directory.path(), "bridge");
  return certificate;
}

}  // namespace testing_support
