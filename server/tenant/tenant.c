#include "server/tenant/tenant.h"

#include <stdlib.h>
#include <string.h>

#include "include/cresset/limits.h"
#include "lib/base/error.h"

bool
tenant_mode_parse(const char *text, TenantMode *ret_mode, GError **error)
{
    static const char *const names[] = {"off", "optional", "required"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        if (strcmp(text, names[i]) == 0) {
            *ret_mode = (TenantMode)i;
            return true;
        }
    }
    return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                     "multitenancy '%s' is none of off, optional, required", text);
}

bool
tenant_validate(const char *id, GError **error)
{
    size_t length = strlen(id);
    if (length == 0)
        return error_set(error, CRESSET_ERROR_UNAUTHENTICATED, "no org id");
    if (length > CRESSET_TENANT_LENGTH_MAX)
        return error_set(error, CRESSET_ERROR_UNAUTHENTICATED,
                         "tenant id is too long: %zu bytes, at most %d are allowed", length,
                         CRESSET_TENANT_LENGTH_MAX);
    if (strcmp(id, ".") == 0 || strcmp(id, "..") == 0)
        return error_set(error, CRESSET_ERROR_UNAUTHENTICATED, "tenant id must not be '.' or '..'");
    for (size_t i = 0; i < length; i++) {
        if (!g_ascii_isalnum(id[i]) && strchr("!-_.*'()", id[i]) == NULL)
            return error_set(error, CRESSET_ERROR_UNAUTHENTICATED,
                             "tenant id has the unsupported byte 0x%02x at position %zu",
                             (unsigned char)id[i], i);
    }
    return true;
}

static int
compare_ids(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

/* The ids of a read, sorted, each once, joined by '|'. */
static char *
resolve_several(const char *header, bool writing, GError **error)
{
    g_auto(GStrv) ids = g_strsplit(header, "|", TENANTS_OF_READ_MAX + 1);
    guint n = g_strv_length(ids);
    g_autoptr(GString) joined = g_string_new(NULL);
    if (writing || n > TENANTS_OF_READ_MAX) {
        error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                  writing ? "multiple org IDs present: a write needs exactly one tenant"
                          : "multiple org IDs present: a read takes at most %d tenants",
                  TENANTS_OF_READ_MAX);
        return NULL;
    }
    qsort(ids, n, sizeof *ids, compare_ids);
    for (guint i = 0; i < n; i++) {
        if (!tenant_validate(ids[i], error))
            return NULL;
        if (i == 0 || strcmp(ids[i], ids[i - 1]) != 0)
            g_string_append_printf(joined, "%s%s", joined->len > 0 ? "|" : "", ids[i]);
    }
    return g_string_free(g_steal_pointer(&joined), FALSE);
}

char *
tenant_resolve(TenantMode mode, const char *header, bool writing, GError **error)
{
    bool missing = header == NULL || header[0] == '\0';
    if (mode == TENANT_OFF || (missing && mode == TENANT_OPTIONAL))
        return g_strdup(TENANT_ANONYMOUS);
    if (missing) {
        error_set(error, CRESSET_ERROR_UNAUTHENTICATED, "no org id");
        return NULL;
    }
    if (strchr(header, '|') != NULL)
        return resolve_several(header, writing, error);
    return tenant_validate(header, error) ? g_strdup(header) : NULL;
}
