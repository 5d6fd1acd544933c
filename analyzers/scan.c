#include "analyzers/scan.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "analyzers/report/json.h"
#include "analyzers/report/junit.h"
#include "analyzers/report/sarif.h"
#include "analyzers/report/text.h"
#include "lib/base/error.h"

#define OPTION(name, type, default_text, min, max, argument, field, help)                          \
    {                                                                                              \
        name, type, default_text, min, max, argument, help, offsetof(ScanOptions, field)           \
    }

static const OptionRow rows[] = {
    LOOK_OPTION_ROWS(ScanOptions, look),
    OPTION("llm-dry-run", OPTION_BOOL, "false", 0, 0, NULL, llm_dry_run,
           "Print what would be sent to the model, a line for each call, and no report."),
    OPTION("namespace", OPTION_STRING, "", 0, 0, "NS", ns, "Only findings of this namespace."),
    OPTION("output", OPTION_STRING, "text", 0, 0, "FORM", output, "text, json, sarif or junit."),
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
check_options(const ScanOptions *options, Severity *ret_fail_on, GError **error)
{
    if (options->ns[0] != '\0' && options->look.findings.url[0] != '\0')
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "--findings-url wants all findings: leave --namespace out");
    if (!severity_parse(options->fail_on, ret_fail_on))
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "--fail-on '%s' is none of info, low, medium, high, critical",
                         options->fail_on);
    static const char *const forms[] = {"text", "json", "sarif", "junit", NULL};
    static const char *const colours[] = {"auto", "always", "never", NULL};
    if (!g_strv_contains(colours, options->colour))
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "--color '%s' is none of auto, always, never", options->colour);
    return g_strv_contains(forms, options->output) ||
           error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                     "--output '%s' is none of text, json, sarif, junit", options->output);
}

/* The report in the form that is asked for; NULL for none of them. */
static GBytes *
make_report(const ScanOptions *options, const Findings *findings, const CheckOptions *check,
            Severity fail_on)
{
    if (strcmp(options->output, "json") == 0)
        return report_json(findings, check);
    if (strcmp(options->output, "sarif") == 0)
        return report_sarif(findings, check);
    if (strcmp(options->output, "junit") == 0)
        return report_junit(findings, check, fail_on);
    bool with_colour = strcmp(options->colour, "always") == 0 ||
                       (strcmp(options->colour, "auto") == 0 && isatty(STDOUT_FILENO));
    return g_string_free_to_bytes(report_text(findings, check, with_colour));
}

static bool
print(GBytes *report, const char *output, GError **error)
{
    gsize size;
    const char *data = g_bytes_get_data(report, &size);
    bool ok = fwrite(data, 1, size, stdout) == size;
    if (strcmp(output, "json") == 0 || strcmp(output, "sarif") == 0)
        ok = putchar('\n') != EOF && ok;
    return (fflush(stdout) == 0 && ok) || error_set_errno(error, errno, "cannot write the report");
}

/* EXIT_FINDINGS when one is at least so bad. */
static int
exit_status(const Findings *findings, Severity fail_on)
{
    for (guint i = 0; i < findings->n_roots; i++) {
        if (((const Finding *)findings->all->pdata[i])->severity >= fail_on)
            return EXIT_FINDINGS;
    }
    return EXIT_NOTHING;
}

/* A namespace that was misspelt must not look healthy. */
static bool
check_namespace(const char *ns, const Snapshot *snapshot, GError **error)
{
    return ns == NULL || snapshot_presence(snapshot, KIND_NAMESPACE, "", ns) != PRESENCE_MISSING ||
           error_set(error, CRESSET_ERROR_NOT_FOUND, "--namespace '%s': there is no such namespace",
                     ns);
}

static int
scan(const ScanOptions *options, GError **error)
{
    Severity fail_on;
    g_auto(Look) look = {0};
    if (!check_options(options, &fail_on, error) || !look_open(&look, &options->look, error))
        return EXIT_NOT_RUN;
    look.check.ns = options->ns[0] != '\0' ? options->ns : NULL;
    if (!look_find(&look, options->llm_dry_run, error) ||
        !check_namespace(look.check.ns, look.snapshot, error))
        return EXIT_NOT_RUN;
    if (options->llm_dry_run)
        return EXIT_NOTHING;
    g_autoptr(GBytes) report = make_report(options, look.findings, &look.check, fail_on);
    if (!print(report, options->output, error))
        return EXIT_NOT_RUN;
    look_report(&look);
    return exit_status(look.findings, fail_on);
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
