#include "analyzers/report/junit.h"

/* A case; one that fails says why. */
static void
append_case(GString *out, const Finding *finding, Severity fail_on)
{
    const Object *object = finding->object;
    g_autofree char *class_name = g_markup_printf_escaped("%s", finding->check->id);
    g_autofree char *name =
        g_markup_printf_escaped("%s %s%s%s", kind_row(object->kind)->kind, object->ns,
                                object->ns[0] != '\0' ? "/" : "", object->name);
    g_string_append_printf(out, "  <testcase classname=\"%s\" name=\"%s\"", class_name, name);
    if (finding->severity < fail_on) {
        g_string_append(out, "/>\n");
        return;
    }
    g_autofree char *failure =
        g_markup_printf_escaped("<failure type=\"%s\" message=\"%s\">%s</failure>",
                                severity_name(finding->severity), finding->title, finding->cause);
    g_string_append_printf(out, ">\n    %s\n  </testcase>\n", failure);
}

GBytes *
report_junit(const Findings *findings, const CheckOptions *options, Severity fail_on)
{
    GString *cases = g_string_new(NULL);
    guint n_failed = 0;
    for (guint i = 0; i < findings->n_roots; i++) {
        const Finding *finding = findings->all->pdata[i];
        append_case(cases, finding, fail_on);
        n_failed += finding->severity >= fail_on;
    }
    if (findings->n_roots == 0)
        g_string_append(cases,
                        "  <testcase classname=\"cresset-analyzer\" name=\"nothing is wrong\"/>\n");
    g_autofree char *suite = g_markup_printf_escaped(
        "<testsuite name=\"cresset-analyzer %s\" tests=\"%u\" failures=\"%u\">",
        options->cluster != NULL ? options->cluster : "", MAX(findings->n_roots, 1), n_failed);
    GString *out = g_string_new("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    g_string_append_printf(out, "%s\n%s</testsuite>\n", suite, cases->str);
    g_string_free(cases, TRUE);
    return g_string_free_to_bytes(out);
}
