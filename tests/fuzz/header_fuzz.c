/* Values of request headers: codings, media types, tenants. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "server/http/encoding.h"
#include "server/http/header.h"
#include "server/tenant/tenant.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
read_codings(const char *text)
{
    Encoding encoding;
    g_autoptr(GError) error = NULL;
    if (encoding_parse(text, &encoding, &error) != (error == NULL))
        abort();
    double quality = header_coding_quality(text, "gzip");
    if (!(quality >= 0 && quality <= 1) || encoding_name(encoding_choose(text)) == NULL)
        abort();
}

static void
read_media_type(const char *text)
{
    g_autofree char *boundary = header_media_parameter(text, "boundary");
    if (boundary != NULL && strlen(boundary) > strlen(text))
        abort();
    (void)header_is_media_type(text, "multipart/form-data");
    (void)header_is_name(text);
}

static void
read_accept(const char *text)
{
    bool asks;
    bool is_list = header_read_accept(text, "allow-utf8-labelnames", "true", &asks);
    g_autofree char *twice = g_strdup_printf("%s,*/*;allow-utf8-labelnames=true", text);
    bool asks_twice;
    if (is_list &&
        !(header_read_accept(twice, "allow-utf8-labelnames", "true", &asks_twice) && asks_twice))
        abort();
}

static void
read_tenants(const char *text, bool is_writing)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *tenants = tenant_resolve(TENANT_REQUIRED, text, is_writing, &error);
    if ((tenants == NULL) != (error != NULL))
        abort();
    g_auto(GStrv) each = g_strsplit(tenants != NULL ? tenants : "", "|", -1);
    for (size_t i = 0; each[i] != NULL; i++) {
        if (!tenant_validate(each[i], NULL) || (is_writing && i > 0))
            abort();
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    read_codings(text);
    read_media_type(text);
    read_accept(text);
    read_tenants(text, false);
    read_tenants(text, true);
    return 0;
}
