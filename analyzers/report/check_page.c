#include "analyzers/report/check_page.h"

#include <string.h>

static const char *const tiers[] = {
    [1] = "on by default",
    [2] = "on by default",
    [3] = "asked for by `--tier 3`",
};

/* Annotations are on objects; a back end is none. */
static void
append_silence(GString *page, const CheckRow *row)
{
    if (strcmp(row->kind, kind_row(KIND_NONE)->kind) == 0)
        g_string_append(page,
                        "## Silence\n\nIt is about no object of the cluster, so no annotation "
                        "silences it; the options for back ends say what is asked.\n");
    else
        g_string_append_printf(page,
                               "## Silence\n\nOn the object or its namespace, the annotation "
                               "`cresset.dev/ignore: %s`, and if it shall end, "
                               "`cresset.dev/ignore-until: 2026-12-31T00:00:00Z`.\n",
                               row->id);
}

char *
check_page(const CheckRow *row)
{
    GString *page = g_string_new(NULL);
    g_string_append_printf(page, "# %s\n\n%s\n\n", row->id, row->symptom);
    g_string_append_printf(
        page, "| about | severity | held for | |\n| --- | --- | --- | --- |\n| %s | %s | ",
        row->kind, severity_name(row->severity));
    g_autofree char *span = span_text(row->hold_s);
    g_string_append_printf(page, "%s | %s |\n\n", row->hold_s > 0 ? span : "at first sight",
                           tiers[row->tier]);
    g_string_append_printf(page, "## When it is reported\n\n%s\n\n", row->meaning);
    if (row->needs[0] != KIND_NONE) {
        g_string_append(page, "It needs to list ");
        for (size_t i = 0; i < G_N_ELEMENTS(row->needs) && row->needs[i] != KIND_NONE; i++)
            g_string_append_printf(page, "%s%s", i > 0 ? ", " : "",
                                   kind_row(row->needs[i])->resource);
        g_string_append(page, "; where it may not, it says that it could not verify.\n\n");
    }
    if (row->asks[0] != NULL) {
        g_string_append(page, "It asks, where they are configured:\n\n");
        for (size_t i = 0; i < G_N_ELEMENTS(row->asks) && row->asks[i] != NULL; i++)
            g_string_append_printf(page, "- %s: `%s`\n",
                                   telemetry_source_name(row->asks[i]->source), row->asks[i]->text);
        g_string_append_c(page, '\n');
    }
    g_string_append_printf(page, "## What to do\n\n%s\n\n", row->fix);
    append_silence(page, row);
    return g_string_free(page, FALSE);
}

char *
check_page_list(void)
{
    size_t n;
    const CheckRow *const *rows = check_rows(&n);
    GString *page = g_string_new(
        "# Checks\n\n| check | about | severity | what one sees |\n| --- | --- | --- | --- |\n");
    for (size_t i = 0; i < n; i++)
        g_string_append_printf(page, "| [%s](%s.md) | %s | %s | %s |\n", rows[i]->id, rows[i]->id,
                               rows[i]->kind, severity_name(rows[i]->severity), rows[i]->symptom);
    return g_string_free(page, FALSE);
}
