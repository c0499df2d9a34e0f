// libssl and libcrypto for Swift; macros that Swift cannot import become inline functions here.
#ifndef EDGEFERRY_COPENSSL_H
#define EDGEFERRY_COPENSSL_H
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

static inline long co_set_host_name(SSL *ssl, char *name) { return SSL_set_tlsext_host_name(ssl, name); }

/* A fresh key on P-256; NULL when there is no entropy. */
static inline EVP_PKEY *co_ec_key(void) { return EVP_EC_gen("P-256"); }

#endif
