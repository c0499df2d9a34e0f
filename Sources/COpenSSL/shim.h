// libssl and libcrypto for Swift; macros that Swift cannot import become inline functions here.
#ifndef EDGEFERRY_COPENSSL_H
#define EDGEFERRY_COPENSSL_H
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

static inline long co_set_host_name(SSL *ssl, char *name) { return SSL_set_tlsext_host_name(ssl, name); }

/* A fresh key on P-256; NULL when there is no entropy. */
static inline EVP_PKEY *co_ec_key(void) { return EVP_EC_gen("P-256"); }

/* The subject alternative names of a certificate, NULL for none; freed with co_alt_free. */
static inline GENERAL_NAMES *co_alt_names(const X509 *x) {
  return (GENERAL_NAMES *)X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
}
static inline void co_alt_free(GENERAL_NAMES *names) { GENERAL_NAMES_free(names); }
static inline int co_alt_count(const GENERAL_NAMES *names) { return sk_GENERAL_NAME_num(names); }
/* The length of a DNS name, whose bytes belong to names; -1 for a name of another kind. */
static inline int co_alt_dns(const GENERAL_NAMES *names, int i, const unsigned char **bytes) {
  const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
  if (name == NULL || name->type != GEN_DNS) return -1;
  *bytes = ASN1_STRING_get0_data(name->d.dNSName);
  return ASN1_STRING_length(name->d.dNSName);
}

/* The ECDSA signature (DER) of a digest of 32 bytes with the private key of 32 bytes on P-256; out has room for
   80 bytes. Answers the signature's length, 0 when OpenSSL refuses. */
static inline size_t co_p256_sign(const unsigned char *key, const unsigned char *digest, unsigned char *out) {
  size_t length = 80;
  int done = 0;
  BIGNUM *number = BN_bin2bn(key, 32, BN_secure_new());
  OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
  OSSL_PARAM *params = NULL;
  EVP_PKEY *pkey = NULL;
  EVP_PKEY_CTX *make = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL), *sign = NULL;
  if (number && build && make &&
      OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) &&
      OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, number) &&
      (params = OSSL_PARAM_BLD_to_param(build)) && EVP_PKEY_fromdata_init(make) == 1 &&
      EVP_PKEY_fromdata(make, &pkey, EVP_PKEY_KEYPAIR, params) == 1 &&
      (sign = EVP_PKEY_CTX_new(pkey, NULL)) && EVP_PKEY_sign_init(sign) == 1)
    done = EVP_PKEY_sign(sign, out, &length, digest, 32) == 1;
  EVP_PKEY_CTX_free(sign);
  EVP_PKEY_free(pkey);
  OSSL_PARAM_free(params);
  OSSL_PARAM_BLD_free(build);
  EVP_PKEY_CTX_free(make);
  BN_clear_free(number);
  return done ? length : 0;
}

/* Whether a signature (DER) of a digest of 32 bytes is that of the uncompressed public point of 65 bytes. */
static inline int co_p256_verify(const unsigned char *point, const unsigned char *digest,
                                 const unsigned char *signature, size_t length) {
  int done = 0;
  OSSL_PARAM params[3] = {
      OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)"P-256", 0),
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *)point, 65),
      OSSL_PARAM_construct_end()};
  EVP_PKEY *pkey = NULL;
  EVP_PKEY_CTX *make = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL), *verify = NULL;
  if (make && EVP_PKEY_fromdata_init(make) == 1 &&
      EVP_PKEY_fromdata(make, &pkey, EVP_PKEY_PUBLIC_KEY, params) == 1 &&
      (verify = EVP_PKEY_CTX_new(pkey, NULL)) && EVP_PKEY_verify_init(verify) == 1)
    done = EVP_PKEY_verify(verify, signature, length, digest, 32) == 1;
  EVP_PKEY_CTX_free(verify);
  EVP_PKEY_free(pkey);
  EVP_PKEY_CTX_free(make);
  return done;
}

#endif
