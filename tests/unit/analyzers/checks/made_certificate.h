/* Certificates and keys that tests make. */
#pragma once
#include <gnutls/abstract.h>
#include <gnutls/x509.h>
#include <string.h>

#include "tests/harness/check.h"

typedef struct {
    gnutls_x509_crt_t certificate;
    gnutls_x509_privkey_t key;
} MadeCertificate;

/* What a certificate is to say. */
typedef struct {
    const char *name; /* DNS name, and common name */
    int64_t begin_s, end_s;
    const MadeCertificate *issuer; /* NULL: it signs itself */
    bool is_public;                /* has timestamps of public logs */
} CertificateWish;

static inline MadeCertificate
made_certificate(const CertificateWish *wish)
{
    static const unsigned char list[] = {0x04, 0x00};
    MadeCertificate made;
    assert_int_equal(gnutls_x509_privkey_init(&made.key), 0);
    assert_int_equal(gnutls_x509_privkey_generate(made.key, GNUTLS_PK_EDDSA_ED25519, 0, 0), 0);
    assert_int_equal(gnutls_x509_crt_init(&made.certificate), 0);
    gnutls_x509_crt_t crt = made.certificate;
    assert_int_equal(gnutls_x509_crt_set_version(crt, 3), 0);
    assert_int_equal(gnutls_x509_crt_set_serial(crt, "\1", 1), 0);
    assert_int_equal(gnutls_x509_crt_set_activation_time(crt, (time_t)wish->begin_s), 0);
    assert_int_equal(gnutls_x509_crt_set_expiration_time(crt, (time_t)wish->end_s), 0);
    assert_int_equal(gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, wish->name,
                                                   (unsigned)strlen(wish->name)),
                     0);
    assert_int_equal(gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, wish->name,
                                                          (unsigned)strlen(wish->name),
                                                          GNUTLS_FSAN_SET),
                     0);
    if (wish->is_public)
        assert_int_equal(gnutls_x509_crt_set_extension_by_oid(crt, "1.3.6.1.4.1.11129.2.4.2", list,
                                                              sizeof list, 0),
                         0);
    assert_int_equal(gnutls_x509_crt_set_key(crt, made.key), 0);
    const MadeCertificate *issuer = wish->issuer != NULL ? wish->issuer : &made;
    assert_int_equal(
        gnutls_x509_crt_sign2(crt, issuer->certificate, issuer->key, GNUTLS_DIG_SHA512, 0), 0);
    return made;
}

static inline void
made_certificate_clear(MadeCertificate *made)
{
    gnutls_x509_crt_deinit(made->certificate);
    gnutls_x509_privkey_deinit(made->key);
}

static inline char *
made_text(gnutls_datum_t *data)
{
    char *text = g_strndup((const char *)data->data, data->size);
    gnutls_free(data->data);
    return text;
}

/* PEM; free with g_free. */
static inline char *
made_certificate_pem(const MadeCertificate *made)
{
    gnutls_datum_t data;
    assert_int_equal(gnutls_x509_crt_export2(made->certificate, GNUTLS_X509_FMT_PEM, &data), 0);
    return made_text(&data);
}

static inline char *
made_key_pem(const MadeCertificate *made)
{
    gnutls_datum_t data;
    assert_int_equal(gnutls_x509_privkey_export2_pkcs8(made->key, GNUTLS_X509_FMT_PEM, NULL,
                                                       GNUTLS_PKCS_PLAIN, &data),
                     0);
    return made_text(&data);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(MadeCertificate, made_certificate_clear)
