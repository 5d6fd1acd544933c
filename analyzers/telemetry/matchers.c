#include "analyzers/telemetry/matchers.h"

#include <string.h>

#include "analyzers/telemetry/series.h"

enum { WINDOW_S = 3600 };

/* False with *ret_why when the back end does not say. */
static bool
has_value(TelemetryApi *metrics, const char *label, const char *value, int64_t now_s,
          GCancellable *cancel, bool *ret_has, char **ret_why)
{
    g_autoptr(GBytes) body = NULL;
    g_autoptr(GError) error = NULL;
    g_auto(TelemetryOutcome) outcome = {0};
    g_autofree char *path = g_strdup_printf("/api/v1/label/%s/values", label);
    g_autofree char *query = g_strdup_printf("start=%" G_GINT64_FORMAT "&end=%" G_GINT64_FORMAT,
                                             now_s - WINDOW_S, now_s);
    const TelemetryCall call = {.path = path, .query = query};
    if (!telemetry_api_call(metrics, &call, cancel, &body, &outcome)) {
        *ret_why = g_steal_pointer(&outcome.why);
        return false;
    }
    g_autoptr(GPtrArray) values = answer_read_texts(body, &error);
    if (values == NULL) {
        *ret_why = g_strdup(error->message);
        return false;
    }
    *ret_has = g_ptr_array_find_with_equal_func(values, value, g_str_equal, NULL);
    return true;
}

char *
telemetry_find_matchers(TelemetryApi *metrics, const char *cluster, int64_t now_s,
                        GCancellable *cancel, char **ret_why)
{
    static const char *const labels[] = {"cluster", "k8s_cluster_name"};
    *ret_why = NULL;
    for (size_t i = 0; *cluster != '\0' && i < G_N_ELEMENTS(labels); i++) {
        bool has = false;
        if (!has_value(metrics, labels[i], cluster, now_s, cancel, &has, ret_why))
            return NULL;
        if (has) {
            g_autofree char *quoted = telemetry_quote(cluster);
            return g_strconcat(labels[i], "=", quoted, NULL);
        }
    }
    return g_strdup("");
}

bool
matchers_are_among(const char *matchers, const GPtrArray *names)
{
    g_autofree char *name = g_strndup(matchers, strcspn(matchers, "=!~"));
    return *g_strstrip(name) != '\0' &&
           g_ptr_array_find_with_equal_func((GPtrArray *)(uintptr_t)names, name, g_str_equal, NULL);
}
