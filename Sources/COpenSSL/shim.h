// libssl and libcrypto for Swift; macros that Swift cannot import become inline functions here.
#ifndef EDGEFERRY_COPENSSL_H
#define EDGEFERRY_COPENSSL_H
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
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

#endif
