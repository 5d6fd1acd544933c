#include "agent/export/series.h"

#include <string.h>

#include "cresset/limits.h"
#include "lib/base/error.h"
#include "lib/pprof/gzip.h"
#include "lib/pprof/wire.h"

enum { GZIP_LEVEL = 1, ZSTD_LEVEL = 1 };

/* Set by the agent, and first in the order of a series. */
static const char *const own[] = {"__name__",
                                  "service_name",
                                  "node",
                                  "pid",
                                  "comm",
                                  "container_id",
                                  "namespace",
                                  "pod",
                                  "container",
                                  "service_namespace",
                                  "service_instance_id",
                                  "source"};
/* Of these, what no option can replace. */
static const char *const reserved[] = {"__name__", "node", "pid", "comm", "container_id", NULL};

static bool
is_label_name(const char *name)
{
    if (!g_ascii_isalpha(name[0]) && name[0] != '_')
        return false;
    for (const char *at = name; *at != '\0'; at++)
        if (!g_ascii_isalnum(*at) && *at != '_' && *at != '.')
            return false;
    return true;
}

bool
series_check_label(const char *name, const char *value, GError **error)
{
    if (!is_label_name(name) || strlen(name) > CRESSET_LABEL_NAME_LENGTH_MAX)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "label '%s': a name is letters, digits, '_' and '.'", name);
    if (!g_utf8_validate(value, -1, NULL) || strlen(value) > CRESSET_LABEL_VALUE_LENGTH_MAX)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "label '%s': a value is UTF-8 of at most %d bytes", name,
                         CRESSET_LABEL_VALUE_LENGTH_MAX);
    return true;
}

static bool
check_label(const LabelSet *labels, const char *name, const char *value, GError **error)
{
    if (!series_check_label(name, value, error))
        return false;
    if (g_strv_contains(reserved, name))
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "label '%s' is set by the agent itself", name);
    if (*label_set_get(labels, name) != '\0')
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "label '%s' is given twice", name);
    if (label_set_size(labels) + G_N_ELEMENTS(own) >= CRESSET_LABEL_NAMES_MAX)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "label '%s' is one too many: a series has at most %d", name,
                         CRESSET_LABEL_NAMES_MAX);
    return true;
}

static bool
add_label(LabelSet *labels, const char *pair, GError **error)
{
    const char *equals = strchr(pair, '=');
    if (equals == NULL)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "label '%s' is not KEY=VALUE",
                         pair);
    g_autofree char *name = g_strndup(pair, (gsize)(equals - pair));
    if (!check_label(labels, name, equals + 1, error))
        return false;
    label_set_set(labels, name, equals + 1);
    return true;
}

LabelSet *
series_fixed_labels(const char *node, const char *const *pairs, GError **error)
{
    g_autoptr(LabelSet) labels = label_set_new();
    for (; pairs != NULL && *pairs != NULL; pairs++)
        if (!add_label(labels, *pairs, error))
            return NULL;
    bool has_node = node != NULL && node[0] != '\0';
    label_set_set(labels, "__name__", "process_cpu");
    label_set_set(labels, "node", has_node ? node : g_get_host_name());
    if (*label_set_get(labels, "source") == '\0')
        label_set_set(labels, "source", "ebpf");
    return g_steal_pointer(&labels);
}

/* Appends a types.v1.LabelPair; names and comms of processes may hold any bytes. */
static void
put_label(WireBuffer *series, const char *name, const char *value)
{
    if (value == NULL || value[0] == '\0')
        return;
    size_t length = strnlen(value, CRESSET_LABEL_VALUE_LENGTH_MAX);
    g_autofree char *valid = g_utf8_make_valid(value, (gssize)length);
    WireBuffer pair = {0};
    wire_put_bytes(&pair, 1, name, strlen(name));
    wire_put_bytes(&pair, 2, valid, MIN(strlen(valid), CRESSET_LABEL_VALUE_LENGTH_MAX));
    wire_put_bytes(series, 1, pair.data, pair.size);
    g_free(pair.data);
}

static bool
is_own(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(own); i++)
        if (strcmp(name, own[i]) == 0)
            return true;
    return false;
}

/* Labels of this kind stay within the agent. */
static bool
is_private(const char *name)
{
    return g_str_has_prefix(name, "__") && strcmp(name, "__name__") != 0 &&
           strcmp(name, "__delta__") != 0;
}

static int
compare_names(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/* Names of the set in the order in which they are sent. */
static GPtrArray *
ordered_names(const LabelSet *labels)
{
    g_autoptr(GPtrArray) others = g_ptr_array_new();
    GPtrArray *names = g_ptr_array_new();
    for (size_t i = 0; i < G_N_ELEMENTS(own); i++)
        if (*label_set_get(labels, own[i]) != '\0')
            g_ptr_array_add(names, (char *)own[i]);
    for (size_t i = 0; i < label_set_size(labels); i++) {
        const char *name, *value;
        label_set_at(labels, i, &name, &value);
        if (!is_own(name) && !is_private(name))
            g_ptr_array_add(others, (char *)name);
    }
    g_ptr_array_sort(others, compare_names);
    for (guint i = 0; i < others->len; i++)
        g_ptr_array_add(names, others->pdata[i]);
    return names;
}

/* Appends the push.v1.RawSample with the profile. */
static void
put_sample(WireBuffer *series, const uint8_t *profile, size_t size)
{
    WireBuffer sample = {0};
    g_autofree char *id = g_uuid_string_random();
    wire_put_bytes(&sample, 1, profile, size);
    wire_put_bytes(&sample, 2, id, strlen(id));
    wire_put_bytes(series, 2, sample.data, sample.size);
    g_free(sample.data);
}

const char *
series_content_encoding(SeriesCoding coding)
{
    return coding == SERIES_ZSTD ? "zstd" : NULL;
}

GBytes *
series_encode(const LabelSet *labels, const uint8_t *pprof, size_t size, SeriesCoding coding,
              size_t *ret_dropped)
{
    WireBuffer series = {0}, request = {0};
    g_autoptr(GPtrArray) names = ordered_names(labels);
    guint n_kept = MIN(names->len, CRESSET_LABEL_NAMES_MAX);
    for (guint i = 0; i < n_kept; i++)
        put_label(&series, names->pdata[i], label_set_get(labels, names->pdata[i]));
    *ret_dropped = names->len - n_kept;
    if (coding == SERIES_GZIP) {
        g_autoptr(GByteArray) packed = gzip_compress(pprof, size, GZIP_LEVEL);
        put_sample(&series, packed->data, packed->len);
    } else {
        put_sample(&series, pprof, size);
    }
    wire_put_bytes(&request, 1, series.data, series.size); /* push.v1.PushRequest.series */
    g_free(series.data);
    if (coding != SERIES_ZSTD)
        return g_bytes_new_take(request.data, request.size);
    GByteArray *frame = zstd_compress(request.data, request.size, ZSTD_LEVEL);
    g_free(request.data);
    return g_byte_array_free_to_bytes(frame);
}
