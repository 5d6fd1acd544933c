#include "analyzers/checks/certificate_file.h"

#include <gio/gio.h>
#include <gnutls/abstract.h>
#include <gnutls/x509.h>
#include <string.h>

enum { SOON_S = 14 * 86400, LAST_PART = 4, NAME_BYTES_MAX = 1024, KEY_ID_BYTES_MAX = 64 };

/* Timestamps of public logs within a certificate (RFC 6962, 3.3): only authorities that browsers
 * trust put them there, and those sign by an intermediate certificate. */
#define OID_PUBLIC_LOGS "1.3.6.1.4.1.11129.2.4.2"

typedef gnutls_x509_crt_t Certificate;

static char *
issuer_of(Certificate certificate)
{
    char text[NAME_BYTES_MAX];
    size_t size = sizeof text;
    return g_strdup(gnutls_x509_crt_get_issuer_dn(certificate, text, &size) == 0 ? text : "");
}

static bool
is_public(Certificate certificate)
{
    char oid[NAME_BYTES_MAX];
    for (unsigned i = 0;; i++) {
        size_t size = sizeof oid;
        if (gnutls_x509_crt_get_extension_oid(certificate, (int)i, oid, &size) < 0)
            return false;
        if (g_strcmp0(oid, OID_PUBLIC_LOGS) == 0)
            return true;
    }
}

static CertificateChain
chain_of(const Certificate *certificates, unsigned n)
{
    if (gnutls_x509_crt_check_issuer(certificates[0], certificates[0]))
        return CHAIN_WHOLE;
    for (unsigned i = 1; i < n; i++) {
        if (gnutls_x509_crt_check_issuer(certificates[0], certificates[i]))
            return CHAIN_WHOLE;
    }
    return n > 1 ? CHAIN_BROKEN : is_public(certificates[0]) ? CHAIN_LEAF_ALONE : CHAIN_WHOLE;
}

static char *
address_text(const unsigned char *bytes, size_t size)
{
    if (size != 4 && size != 16)
        return NULL;
    g_autoptr(GInetAddress) address = g_inet_address_new_from_bytes(
        bytes, size == 4 ? G_SOCKET_FAMILY_IPV4 : G_SOCKET_FAMILY_IPV6);
    return g_inet_address_to_string(address);
}

static GStrv
names_of(Certificate certificate)
{
    g_autoptr(GStrvBuilder) names = g_strv_builder_new();
    char text[NAME_BYTES_MAX];
    bool is_any = false;
    for (unsigned i = 0;; i++) {
        size_t size = sizeof text - 1;
        int type = gnutls_x509_crt_get_subject_alt_name(certificate, i, text, &size, NULL);
        if (type == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
            break;
        if (type == GNUTLS_E_SHORT_MEMORY_BUFFER)
            continue;
        if (type < 0)
            break;
        g_autofree char *name = NULL;
        if (type == GNUTLS_SAN_DNSNAME)
            name = g_strndup(text, size);
        else if (type == GNUTLS_SAN_IPADDRESS)
            name = address_text((const unsigned char *)text, size);
        is_any = is_any || name != NULL;
        if (name != NULL)
            g_strv_builder_add(names, name);
    }
    size_t size = sizeof text;
    if (!is_any && gnutls_x509_crt_get_dn_by_oid(certificate, GNUTLS_OID_X520_COMMON_NAME, 0, 0,
                                                 text, &size) == 0)
        g_strv_builder_add(names, text);
    return g_strv_builder_end(names);
}

bool
certificate_file_read(const char *pem, size_t size, CertificateFile *ret_file)
{
    gnutls_datum_t data = {(unsigned char *)(uintptr_t)pem, (unsigned)size};
    Certificate *certificates = NULL;
    unsigned n = 0;
    if (size == 0 || size > G_MAXINT ||
        gnutls_x509_crt_list_import2(&certificates, &n, &data, GNUTLS_X509_FMT_PEM, 0) < 0)
        return false;
    *ret_file = (CertificateFile){
        .begin_s = (int64_t)gnutls_x509_crt_get_activation_time(certificates[0]),
        .end_s = (int64_t)gnutls_x509_crt_get_expiration_time(certificates[0]),
        .issuer = issuer_of(certificates[0]),
        .names = names_of(certificates[0]),
        .chain = chain_of(certificates, n),
        .certificate = certificates[0],
    };
    for (unsigned i = 1; i < n; i++)
        gnutls_x509_crt_deinit(certificates[i]);
    gnutls_free(certificates);
    return true;
}

void
certificate_file_clear(CertificateFile *file)
{
    if (file->certificate != NULL)
        gnutls_x509_crt_deinit(file->certificate);
    g_free(file->issuer);
    g_strfreev(file->names);
    *file = (CertificateFile){0};
}

bool
certificate_ends_soon(const CertificateFile *file, int64_t now_s)
{
    int64_t left_s = file->end_s - now_s;
    return left_s < SOON_S && left_s < (file->end_s - file->begin_s) / LAST_PART;
}

CertificateKey
certificate_file_key(const CertificateFile *file, const char *pem, size_t size)
{
    gnutls_datum_t data = {(unsigned char *)(uintptr_t)pem, (unsigned)size};
    gnutls_privkey_t key = NULL;
    gnutls_pubkey_t own = NULL, other = NULL;
    unsigned char ids[2][KEY_ID_BYTES_MAX];
    size_t sizes[2] = {sizeof ids[0], sizeof ids[1]};
    bool is_read = size > 0 && size <= G_MAXINT && gnutls_privkey_init(&key) == 0 &&
                   gnutls_privkey_import_x509_raw(key, &data, GNUTLS_X509_FMT_PEM, NULL, 0) == 0 &&
                   gnutls_pubkey_init(&own) == 0 && gnutls_pubkey_init(&other) == 0 &&
                   gnutls_pubkey_import_privkey(own, key, 0, 0) == 0 &&
                   gnutls_pubkey_import_x509(other, file->certificate, 0) == 0 &&
                   gnutls_pubkey_get_key_id(own, 0, ids[0], &sizes[0]) == 0 &&
                   gnutls_pubkey_get_key_id(other, 0, ids[1], &sizes[1]) == 0;
    if (key != NULL)
        gnutls_privkey_deinit(key);
    if (own != NULL)
        gnutls_pubkey_deinit(own);
    if (other != NULL)
        gnutls_pubkey_deinit(other);
    if (!is_read)
        return KEY_UNREADABLE;
    bool is_same = sizes[0] == sizes[1] && memcmp(ids[0], ids[1], sizes[0]) == 0;
    return is_same ? KEY_MATCHES : KEY_OF_ANOTHER;
}
