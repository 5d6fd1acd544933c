/* Certificates and keys as files have them (PEM). Internal to analyzers/checks. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum {
    CHAIN_WHOLE,      /* or nobody can say */
    CHAIN_LEAF_ALONE, /* of a public authority, which signs by another certificate */
    CHAIN_BROKEN,     /* what follows the first certificate has not signed it */
} CertificateChain;

/* What the first certificate of a file says. */
typedef struct {
    int64_t begin_s, end_s; /* since 1970 */
    char *issuer;           /* "CN=R11,O=Let's Encrypt,C=US" */
    GStrv names;            /* DNS names and addresses that it is for, else its common name */
    CertificateChain chain;
    void *certificate; /* internal */
} CertificateFile;

/* Reads a PEM of `size` bytes with one certificate or a chain. False when it is none. */
bool certificate_file_read(const char *pem, size_t size, CertificateFile *ret_file);
void certificate_file_clear(CertificateFile *file);

/* Whether it ends within 14 days, and within the last quarter of its time: one that is made for a
 * day is renewed by a machine. */
bool certificate_ends_soon(const CertificateFile *file, int64_t now_s);

typedef enum { KEY_MATCHES, KEY_OF_ANOTHER, KEY_UNREADABLE } CertificateKey;

/* Whether a private key (PEM) belongs to the first certificate. */
CertificateKey certificate_file_key(const CertificateFile *file, const char *pem, size_t size);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(CertificateFile, certificate_file_clear)
