#include "analyzers/checks/authority.h"

#include <glib.h>
#include <gnutls/x509.h>

int64_t
authority_end(const char *base64)
{
    gsize size = 0;
    g_autofree guchar *pem = g_base64_decode(base64, &size);
    gnutls_datum_t data = {pem, (unsigned)size};
    gnutls_x509_crt_t *certificates = NULL;
    unsigned n = 0;
    int64_t end_s = 0;
    if (pem == NULL || size == 0 || size > G_MAXINT ||
        gnutls_x509_crt_list_import2(&certificates, &n, &data, GNUTLS_X509_FMT_PEM, 0) < 0)
        return 0;
    for (unsigned i = 0; i < n; i++) {
        end_s = MAX(end_s, (int64_t)gnutls_x509_crt_get_expiration_time(certificates[i]));
        gnutls_x509_crt_deinit(certificates[i]);
    }
    gnutls_free(certificates);
    return end_s;
}
