#include "analyzers/scan.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "analyzers/report/json.h"
#include "analyzers/report/text.h"
#include "lib/base/error.h"

#define OPTION(name, type, default_text, min, max, argument, field, help)                          \
    {                                                                                              \
        name, type, default_text, min, max, argument, help, offsetof(ScanOptions, field)           \
    }

static const OptionRow rows[] = {
    INPUT_OPTION_ROWS(ScanOptions, input),
    OPTION("namespace", OPTION_STRING, "", 0, 0, "NS", ns, "Only findings of this namespace."),
    OPTION("output", OPTION_STRING, "text", 0, 0, "FORM", output, "text or json."),
    OPTION("fail-on", OPTION_STRING, "medium", 0, 0, "SEVERITY", fail_on,
           "Exit with 1 when a finding is at least so bad: info, low, medium, high, critical."),
    OPTION("color", OPTION_STRING, "auto", 0, 0, "WHEN", colour, "auto, always or never."),
};

const OptionTable scan_option_table = {
    .program = "cresset-analyzer scan",
    .summary = "Looks at a cluster once and says what is wrong.",
    .rows = rows,
    .n_rows = G_N_ELEMENTS(rows),
};

static bool
fill_check_options(const ScanOptions *options, CheckOptions *ret_check, Severity *ret_fail_on,
                   GError **error)
{
    if (!input_check_options(&options->input, ret_check, error))
        return false;
    if (options->ns[0] != '\0')
        ret_check->ns = options->ns;
    if (!severity_parse(options->fail_on, ret_fail_on))
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "--fail-on '%s' is none of info, low, medium, high, critical",
                         options->fail_on);
    return strcmp(options->output, "text") == 0 || strcmp(options->output, "json") == 0 ||
           error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                     "--output '%s' is neither text nor json", options->output);
}

static void
print(const Findings *findings, const ScanOptions *options, const CheckOptions *check)
{
    if (strcmp(options->output, "json") == 0) {
        g_autoptr(GBytes) json = report_json(findings, check);
        (void)fwrite(g_bytes_get_data(json, NULL), 1, g_bytes_get_size(json), stdout);
        (void)putchar('\n');
        return;
    }
    bool with_colour = strcmp(options->colour, "always") == 0 ||
                       (strcmp(options->colour, "auto") == 0 && isatty(STDOUT_FILENO));
    GString *text = report_text(findings, check, with_colour);
    (void)fputs(text->str, stdout);
    g_string_free(text, TRUE);
}

static int
scan(const ScanOptions *options, GError **error)
{
    CheckOptions check;
    Severity fail_on;
    g_autoptr(Snapshot) snapshot = snapshot_new();
    if (!fill_check_options(options, &check, &fail_on, error) ||
        !input_read(&options->input, snapshot, error))
        return EXIT_NOT_RUN;
    g_autoptr(Findings) findings = check_all(snapshot, &check);
    print(findings, options, &check);
    for (guint i = 0; i < findings->n_roots; i++) {
        if (((const Finding *)findings->all->pdata[i])->severity >= fail_on)
            return EXIT_FINDINGS;
    }
    return EXIT_NOTHING;
}

int
scan_run(const void *data, const char *argument)
{
    const ScanOptions *options = data;
    (void)argument;
    g_autoptr(GError) error = NULL;
    int status = scan(options, &error);
    if (error != NULL)
        (void)fprintf(stderr, "cresset-analyzer: %s\n", error->message);
    return status;
}
