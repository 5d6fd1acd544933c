#include "analyzers/telemetry/loki.h"

#include "analyzers/telemetry/matchers.h"
#include "analyzers/telemetry/series.h"
#include "lib/base/error.h"

void
loki_labels_clear(LokiLabels *labels)
{
    g_free(labels->matchers);
    *labels = (LokiLabels){0};
}

/* The first of two names that is among them, or NULL. */
static const char *
find_name(const GPtrArray *names, const char *usual, const char *other)
{
    if (g_ptr_array_find_with_equal_func((GPtrArray *)(uintptr_t)names, usual, g_str_equal, NULL))
        return usual;
    return g_ptr_array_find_with_equal_func((GPtrArray *)(uintptr_t)names, other, g_str_equal, NULL)
               ? other
               : NULL;
}

bool
loki_labels_read(GBytes *body, const char *matchers, LokiLabels *ret_labels, GError **error)
{
    *ret_labels = (LokiLabels){0};
    g_autoptr(GPtrArray) names = answer_read_texts(body, error);
    if (names == NULL)
        return false;
    ret_labels->ns = find_name(names, "namespace", "k8s_namespace_name");
    ret_labels->pod = find_name(names, "pod", "k8s_pod_name");
    ret_labels->container = find_name(names, "container", "k8s_container_name");
    ret_labels->matchers = g_strdup(matchers_are_among(matchers, names) ? matchers : "");
    if (ret_labels->ns != NULL)
        return true;
    loki_labels_clear(ret_labels);
    return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                     "streams have neither the label namespace nor k8s_namespace_name");
}

char *
loki_pods_query(const LokiLabels *labels, const char *ns, const char *pods, const char *container)
{
    g_autofree char *quoted_ns = telemetry_quote(ns), *quoted_pods = telemetry_quote(pods);
    GString *query = g_string_new("{");
    g_string_append_printf(query, "%s=%s", labels->ns, quoted_ns);
    if (labels->pod != NULL)
        g_string_append_printf(query, ",%s=~%s", labels->pod, quoted_pods);
    if (labels->container != NULL && *container != '\0') {
        g_autofree char *quoted = telemetry_quote(container);
        g_string_append_printf(query, ",%s=%s", labels->container, quoted);
    }
    g_string_append_printf(query, "%s%s}", *labels->matchers != '\0' ? "," : "", labels->matchers);
    if (labels->pod == NULL) /* metadata that a line does not have is "" */
        g_string_append_printf(query, " | pod=~%s or k8s_pod_name=~%s", quoted_pods, quoted_pods);
    return g_string_free(query, FALSE);
}
