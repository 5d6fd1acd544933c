#include "agent/export/series.h"

#include <string.h>

#include "cresset/limits.h"
#include "lib/base/error.h"
#include "lib/pprof/wire.h"

enum { PID_TEXT_MAX = 16 };

static const char *const reserved[] = {"__name__", "node", "pid", "comm", "container_id"};

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

static bool
check_label(const SeriesLabels *labels, const char *pair, const char *name, const char *value,
            GError **error)
{
    if (!is_label_name(name) || strlen(name) > CRESSET_LABEL_NAME_LENGTH_MAX)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "label '%s': a name is letters, digits, '_' and '.'", pair);
    if (!g_utf8_validate(value, -1, NULL) || strlen(value) > CRESSET_LABEL_VALUE_LENGTH_MAX)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "label '%s': a value is UTF-8 of at most %d bytes", name,
                         CRESSET_LABEL_VALUE_LENGTH_MAX);
    for (size_t i = 0; i < G_N_ELEMENTS(reserved); i++)
        if (strcmp(name, reserved[i]) == 0)
            return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                             "label '%s' is set by the agent itself", name);
    for (guint i = 0; i < labels->names->len; i++)
        if (strcmp(name, labels->names->pdata[i]) == 0)
            return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "label '%s' is given twice",
                             name);
    if (labels->names->len + G_N_ELEMENTS(reserved) + 1 >= CRESSET_LABEL_NAMES_MAX)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "label '%s' is one too many: a series has at most %d", name,
                         CRESSET_LABEL_NAMES_MAX);
    return true;
}

static bool
add_label(SeriesLabels *labels, const char *pair, GError **error)
{
    const char *equals = strchr(pair, '=');
    if (equals == NULL)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "label '%s' is not KEY=VALUE",
                         pair);
    g_autofree char *name = g_strndup(pair, (gsize)(equals - pair));
    if (!check_label(labels, pair, name, equals + 1, error))
        return false;
    g_ptr_array_add(labels->names, g_steal_pointer(&name));
    g_ptr_array_add(labels->values, g_strdup(equals + 1));
    return true;
}

bool
series_labels_init(SeriesLabels *labels, const char *node, const char *const *pairs, GError **error)
{
    bool has_node = node != NULL && node[0] != '\0';
    *labels = (SeriesLabels){.node = g_strdup(has_node ? node : g_get_host_name()),
                             .names = g_ptr_array_new_with_free_func(g_free),
                             .values = g_ptr_array_new_with_free_func(g_free)};
    for (; pairs != NULL && *pairs != NULL; pairs++) {
        if (!add_label(labels, *pairs, error)) {
            series_labels_clear(labels);
            return false;
        }
    }
    return true;
}

void
series_labels_clear(SeriesLabels *labels)
{
    g_clear_pointer(&labels->node, g_free);
    g_clear_pointer(&labels->names, g_ptr_array_unref);
    g_clear_pointer(&labels->values, g_ptr_array_unref);
}

char *
series_service_name(const WindowProcess *process)
{
    if (process->is_kernel_thread)
        return g_strdup("kernel");
    if (process->executable_path == NULL || process->executable_path[0] != '/')
        return g_strdup(process->comm[0] != '\0' ? process->comm : "unknown");
    g_autofree char *name = g_path_get_basename(process->executable_path);
    static const char deleted[] = " (deleted)";
    if (g_str_has_suffix(name, deleted))
        name[strlen(name) - strlen(deleted)] = '\0';
    return g_steal_pointer(&name);
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
has_label(const SeriesLabels *labels, const char *name)
{
    for (guint i = 0; i < labels->names->len; i++)
        if (strcmp(labels->names->pdata[i], name) == 0)
            return true;
    return false;
}

GBytes *
series_encode(const SeriesLabels *labels, const WindowProcess *process, const uint8_t *profile,
              size_t size)
{
    char pid[PID_TEXT_MAX];
    g_snprintf(pid, sizeof(pid), "%u", process->pid);
    WireBuffer series = {0}, sample = {0};
    put_label(&series, "__name__", "process_cpu");
    if (!has_label(labels, "service_name")) {
        g_autofree char *service = series_service_name(process);
        put_label(&series, "service_name", service);
    }
    put_label(&series, "node", labels->node);
    put_label(&series, "pid", pid);
    put_label(&series, "comm", process->comm);
    put_label(&series, "container_id", process->cgroup.container_id);
    for (guint i = 0; i < labels->names->len; i++)
        put_label(&series, labels->names->pdata[i], labels->values->pdata[i]);
    g_autofree char *id = g_uuid_string_random();
    wire_put_bytes(&sample, 1, profile, size);
    wire_put_bytes(&sample, 2, id, strlen(id));
    wire_put_bytes(&series, 2, sample.data, sample.size);
    g_free(sample.data);
    return g_bytes_new_with_free_func(series.data, series.size, g_free, series.data);
}
