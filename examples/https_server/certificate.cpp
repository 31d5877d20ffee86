#include "certificate.hpp"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstdint>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>

namespace {

constexpr long k_valid_for = 24L * 60 * 60;  // seconds

template <auto Free>
struct freer {
  template <class T>
  void operator()(T* t) const {
    Free(t);
  }
};
using key_ptr = std::unique_ptr<EVP_PKEY, freer<EVP_PKEY_free>>;
using cert_ptr = std::unique_ptr<X509, freer<X509_free>>;
using extension_ptr = std::unique_ptr<X509_EXTENSION, freer<X509_EXTENSION_free>>;
using file_ptr = std::unique_ptr<std::FILE, freer<std::fclose>>;

void check(bool good, const std::string& what) {
  if (!good) throw std::runtime_error("certificate: cannot " + what);
}

void add_extension(X509* cert, int kind, const char* value) {
  X509V3_CTX about;
  X509V3_set_ctx_nodb(&about);
  X509V3_set_ctx(&about, cert, cert, nullptr, nullptr, 0);
  const extension_ptr extension(X509V3_EXT_conf_nid(nullptr, &about, kind, value));
  check(extension && X509_add_ext(cert, extension.get(), -1) == 1, "say what it is for");
}

cert_ptr self_signed(EVP_PKEY* key) {
  cert_ptr cert(X509_new());
  check(cert != nullptr, "make one");
  X509_set_version(cert.get(), 2);  // counted from 0
  ASN1_INTEGER_set(X509_get_serialNumber(cert.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(cert.get()), -60);
  X509_gmtime_adj(X509_getm_notAfter(cert.get()), k_valid_for);
  X509_NAME* name = X509_get_subject_name(cert.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("localhost"),
                             -1, -1, 0);
  X509_set_issuer_name(cert.get(), name);
  X509_set_pubkey(cert.get(), key);
  add_extension(cert.get(), NID_basic_constraints, "critical,CA:TRUE");
  add_extension(cert.get(), NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
  check(X509_sign(cert.get(), key, EVP_sha256()) != 0, "sign it");
  return cert;
}

// Of what the system says about a file Asio has no text.
void check_file(const boost::system::error_code& ec, const std::string& path) {
  if (!ec) return;
  const auto code = static_cast<std::uint32_t>(ec.value());
  const std::string cause =
      ERR_SYSTEM_ERROR(code) ? std::system_category().message(ERR_GET_REASON(code)) : ec.message();
  throw std::runtime_error(path + ": " + cause);
}

void write_to(const std::string& path, X509* cert) {
  const file_ptr out(std::fopen(path.c_str(), "w"));
  check(out && PEM_write_X509(out.get(), cert) == 1 && std::fflush(out.get()) == 0, "write to " + path);
}

}  // namespace

boost::asio::ssl::context server_context(const web::options& o) {
  namespace ssl = boost::asio::ssl;
  ssl::context context(ssl::context::tls_server);
  SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
  if (!o.cert.empty() || !o.key.empty()) {
    boost::system::error_code ec;
    check_file(context.use_certificate_chain_file(o.cert, ec), o.cert);
    check_file(context.use_private_key_file(o.key, ssl::context::pem, ec), o.key);
    return context;
  }
  const key_ptr key(EVP_EC_gen("P-256"));
  check(key != nullptr, "make a key");
  const cert_ptr cert = self_signed(key.get());
  check(SSL_CTX_use_certificate(context.native_handle(), cert.get()) == 1 &&
            SSL_CTX_use_PrivateKey(context.native_handle(), key.get()) == 1,
        "use it");
  if (!o.write_cert.empty()) write_to(o.write_cert, cert.get());
  return context;
}
