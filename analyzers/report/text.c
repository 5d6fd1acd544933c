#include "analyzers/report/text.h"

#include <string.h>

#include "lib/base/text.h"

/* Of ECMA-48, as every terminal has them. */
static const char *const colours[] = {
    [SEVERITY_INFO] = "\033[2m",        [SEVERITY_LOW] = "\033[36m",
    [SEVERITY_MEDIUM] = "\033[33m",     [SEVERITY_HIGH] = "\033[31m",
    [SEVERITY_CRITICAL] = "\033[1;31m",
};

static void
append_place(GString *out, const Object *object)
{
    g_string_append_printf(out, "%s %s%s%s", kind_row(object->kind)->kind, object->ns,
                           object->ns[0] != '\0' ? "/" : "", object->name);
}

static void
append_lines(GString *out, const char *prefix, const GPtrArray *lines)
{
    for (guint i = 0; i < lines->len; i++)
        g_string_append_printf(out, "    %s %s\n", prefix, (const char *)lines->pdata[i]);
}

static void
append_links(GString *out, const Finding *finding)
{
    for (guint i = 0; i < finding->links->len; i++) {
        const FindingLink *link = finding->links->pdata[i];
        g_string_append_printf(out, "    %s: %s\n", link->label, link->url);
    }
}

static void
append_finding(GString *out, const Finding *finding, const CheckOptions *options, bool with_colour)
{
    g_autofree char *severity = g_ascii_strup(severity_name(finding->severity), -1);
    g_string_append_printf(out, "%s%-8s%s  ", with_colour ? colours[finding->severity] : "",
                           severity, with_colour ? "\033[0m" : "");
    g_string_append_printf(out, "%s\n    ", finding->title);
    append_place(out, finding->object);
    if (finding->since_s > 0) {
        g_autofree char *span = span_text(options->now_s - finding->since_s);
        g_string_append_printf(out, " · for %s", span);
    }
    g_string_append_printf(out, " · %s\n    %s\n", finding->check->id, finding->cause);
    append_lines(out, "·", finding->evidence);
    append_lines(out, "~", finding->changes);
    append_lines(out, "→", finding->fix);
    append_links(out, finding);
    if (finding->note != NULL)
        g_string_append_printf(out, "    AI note, not verified: %s\n", finding->note);
    for (guint i = 0; i < finding->explains->len; i++) {
        const Finding *other = finding->explains->pdata[i];
        g_string_append(out, i == 0 ? "    Explains: " : "              ");
        append_place(out, other->object);
        g_string_append_printf(out, " (%s)\n", other->check->id);
    }
    g_string_append_c(out, '\n');
}

/* "nodes", "nodes and pods", "nodes, pods and 7 more kinds". */
static void
append_names(GString *out, const GPtrArray *resources, const char *what)
{
    enum { NAMED_MAX = 5 };
    guint n_named = resources->len <= NAMED_MAX ? resources->len : NAMED_MAX - 1;
    guint n_more = resources->len - n_named;
    for (guint i = 0; i < n_named; i++) {
        bool is_last = i + 1 == resources->len;
        const char *separator = i == 0 ? "" : is_last ? " and " : ", ";
        g_string_append_printf(out, "%s%s", separator, (const char *)resources->pdata[i]);
    }
    if (n_more > 0)
        g_string_append_printf(out, " and %u more %s", n_more, what);
}

static void
append_reason(GString *out, const Findings *findings, const char *reason)
{
    g_autoptr(GHashTable) checks = g_hash_table_new(NULL, NULL);
    g_autoptr(GPtrArray) resources = g_ptr_array_new();
    for (guint i = 0; i < findings->unverified->len; i++) {
        const Unverified *unverified = findings->unverified->pdata[i];
        gpointer resource = (gpointer)(uintptr_t)kind_row(unverified->kind)->resource;
        if (!g_str_equal(unverified->reason, reason))
            continue;
        g_hash_table_add(checks, (gpointer)(uintptr_t)unverified->check);
        if (!g_ptr_array_find(resources, resource, NULL))
            g_ptr_array_add(resources, resource);
    }
    guint n = g_hash_table_size(checks);
    g_string_append_printf(out, "Could not verify %u check%s, for want of ", n, n == 1 ? "" : "s");
    append_names(out, resources, "kinds");
    g_string_append_printf(out, ": %s\n", reason);
}

/* The metric for want of which a check could not look, or NULL. */
static const char *
absent_metric(const Unverified *unverified)
{
    size_t size = strlen(TELEMETRY_ABSENT);
    return unverified->kind == KIND_NONE && strncmp(unverified->reason, TELEMETRY_ABSENT, size) == 0
               ? unverified->reason + size
               : NULL;
}

/* Metrics that the back end does not have, together. */
static void
append_absent_metrics(GString *out, const Findings *findings)
{
    g_autoptr(GHashTable) checks = g_hash_table_new(NULL, NULL);
    g_autoptr(GPtrArray) metrics = g_ptr_array_new();
    for (guint i = 0; i < findings->unverified->len; i++) {
        const Unverified *unverified = findings->unverified->pdata[i];
        const char *metric = absent_metric(unverified);
        if (metric == NULL)
            continue;
        g_hash_table_add(checks, (gpointer)(uintptr_t)unverified->check);
        if (!g_ptr_array_find_with_equal_func(metrics, metric, g_str_equal, NULL))
            g_ptr_array_add(metrics, (gpointer)(uintptr_t)metric);
    }
    if (metrics->len == 0)
        return;
    guint n = g_hash_table_size(checks);
    g_string_append_printf(out, "Could not verify %u check%s, for want of the metric%s ", n,
                           n == 1 ? "" : "s", metrics->len == 1 ? "" : "s");
    append_names(out, metrics, "metrics");
    g_string_append_c(out, '\n');
}

/* Checks that could not look, by why they could not. */
static void
append_unverified(GString *out, const Findings *findings)
{
    g_autoptr(GHashTable) reasons = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < findings->unverified->len; i++) {
        const Unverified *unverified = findings->unverified->pdata[i];
        if (absent_metric(unverified) == NULL && g_hash_table_add(reasons, unverified->reason))
            append_reason(out, findings, unverified->reason);
    }
    append_absent_metrics(out, findings);
}

static void
append_summary(GString *out, const Findings *findings)
{
    append_unverified(out, findings);
    if (findings->n_roots == 0)
        g_string_append(out, "Nothing is wrong as far as these checks see.\n");
    else
        g_string_append_printf(out, "%u finding%s\n", findings->n_roots,
                               findings->n_roots == 1 ? "" : "s");
}

GString *
report_text(const Findings *findings, const CheckOptions *options, bool with_colour)
{
    GString *out = g_string_new(NULL);
    for (guint i = 0; i < findings->n_roots; i++)
        append_finding(out, findings->all->pdata[i], options, with_colour);
    append_summary(out, findings);
    return out;
}

GString *
report_lines(const Findings *findings)
{
    GString *out = g_string_new(NULL);
    for (guint i = 0; i < findings->n_roots; i++) {
        const Finding *finding = findings->all->pdata[i];
        g_autofree char *severity = g_ascii_strup(severity_name(finding->severity), -1);
        g_string_append_printf(out, "%-8s  %s (", severity, finding->title);
        append_place(out, finding->object);
        g_string_append_printf(out, ", %s", finding->check->id);
        if (finding->since_s > 0) {
            g_autofree char *since = rfc3339_text(finding->since_s);
            g_string_append_printf(out, ", since %s", since);
        }
        g_string_append(out, ")\n");
    }
    append_summary(out, findings);
    return out;
}
