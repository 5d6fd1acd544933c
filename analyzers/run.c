#include "analyzers/run.h"

#include <stdio.h>

#include "analyzers/notify/deliver.h"
#include "analyzers/report/push.h"
#include "lib/base/error.h"

#define OPTION(name, type, default_text, argument, field, help)                                    \
    {                                                                                              \
        name, type, default_text, 0, 0, argument, help, offsetof(RunOptions, field)                \
    }

static const OptionRow rows[] = {
    INPUT_OPTION_ROWS(RunOptions, input),
    BACKENDS_OPTION_ROWS(RunOptions, backends),
    FINDINGS_OPTION_ROWS(RunOptions, findings),
    OPTION("state", OPTION_STRING, "cresset-analyzer.sqlite", "FILE", state,
           "What was found and told before; to be kept between runs."),
    OPTION("webhook-url", OPTION_STRING, "", "URL", url,
           "Where changes are told: an incoming webhook; none: nobody is told."),
    OPTION("webhook-url-file", OPTION_STRING, "", "FILE", url_file,
           "File that has that URL, as it is a secret."),
    OPTION("webhook-form", OPTION_STRING, "auto", "FORM", form,
           "auto (by the URL), slack, markdown (Mattermost, Rocket.Chat), discord, teams, "
           "alertmanager (wants a run every hour at least) or generic."),
    OPTION("webhook-severity", OPTION_STRING, "medium", "SEVERITY", severity,
           "Milder changes are not told."),
    OPTION("dry-run", OPTION_BOOL, "false", NULL, dry_run,
           "Print the message instead of sending it, and remember nothing."),
};

const OptionTable run_option_table = {
    .program = "cresset-analyzer run",
    .summary = "Scans, remembers what was found, and tells the webhook what has changed.",
    .rows = rows,
    .n_rows = G_N_ELEMENTS(rows),
};

/* The webhook's URL, from where it is; NULL for none. */
static bool
read_url(const RunOptions *options, char **ret_url, GError **error)
{
    *ret_url = NULL;
    if (options->url_file[0] != '\0') {
        if (!g_file_get_contents(options->url_file, ret_url, NULL, error))
            return false;
        if (*g_strstrip(*ret_url) == '\0')
            return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                             "--webhook-url-file %s has no URL in it", options->url_file);
    } else if (options->url[0] != '\0') {
        *ret_url = g_strdup(options->url);
    }
    return true;
}

static bool
fill_deliver(const RunOptions *options, const char *url, const CheckOptions *check,
             DeliverOptions *ret_deliver, GError **error)
{
    *ret_deliver = (DeliverOptions){.url = url, .cluster = check->cluster, .now_s = check->now_s};
    if (!severity_parse(options->severity, &ret_deliver->severity_min))
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "--webhook-severity '%s' is none of info, low, medium, high, critical",
                         options->severity);
    return message_form_parse(options->form, url != NULL ? url : "", &ret_deliver->form, error);
}

static bool
print_message(State *state, const DeliverOptions *options, GError **error)
{
    GError *failed = NULL;
    g_autoptr(GBytes) message = deliver_preview(state, options, &failed);
    if (failed != NULL) {
        g_propagate_error(error, failed);
        return false;
    }
    if (message != NULL)
        (void)printf("%.*s\n", (int)g_bytes_get_size(message),
                     (const char *)g_bytes_get_data(message, NULL));
    else
        (void)fputs("cresset-analyzer: there is nothing to tell\n", stderr);
    return true;
}

static bool
send_message(State *state, const DeliverOptions *options, GError **error)
{
    DeliverResult result;
    g_autofree char *why = NULL;
    HttpClientConfig config = {.user_agent = "cresset-analyzer"};
    g_autoptr(HttpClient) client = http_client_new(&config);
    if (!deliver(state, client, options, &result, &why, error))
        return false;
    if (result == DELIVER_LATER)
        (void)fprintf(stderr,
                      "cresset-analyzer: the webhook could not be reached, the message waits: %s\n",
                      why);
    return result != DELIVER_REFUSED ||
           error_set(error, CRESSET_ERROR_FAILED_PRECONDITION,
                     "the message does not get to the webhook and is kept: %s", why);
}

/* A dry run works on a copy. */
static State *
open_state(const RunOptions *options, GError **error)
{
    if (options->dry_run)
        return state_open_copy(options->state, error);
    g_autofree char *notice = NULL;
    State *state = state_open(options->state, &notice, error);
    if (notice != NULL)
        (void)fprintf(stderr, "cresset-analyzer: %s\n", notice);
    return state;
}

static bool
remember_and_tell(const RunOptions *options, const DeliverOptions *deliver_options,
                  const Findings *findings, const Snapshot *snapshot, GError **error)
{
    g_autoptr(State) state = open_state(options, error);
    if (state == NULL || !state_update(state, findings, snapshot, deliver_options->now_s, error))
        return false;
    if (options->dry_run)
        return print_message(state, deliver_options, error);
    return deliver_options->url != NULL ? send_message(state, deliver_options, error)
                                        : state_drop_due(state, deliver_options->now_s, error);
}

static bool
run(const RunOptions *options, GError **error)
{
    CheckOptions check;
    DeliverOptions deliver_options;
    g_autofree char *url = NULL;
    g_autoptr(K8sClient) client = NULL;
    g_autoptr(Silences) silences = NULL;
    g_autoptr(Snapshot) snapshot = snapshot_new();
    g_auto(Backends) backends = {0};
    g_autoptr(Telemetry) telemetry = NULL;
    g_autoptr(TelemetryApi) server = NULL;
    if (!input_check_options(&options->input, &check, &silences, error) ||
        !read_url(options, &url, error) ||
        !fill_deliver(options, url, &check, &deliver_options, error) ||
        !backends_open(&options->backends, &backends, error) ||
        !backends_open_findings(&options->findings, options->backends.tenant, &server, error) ||
        !input_read(&options->input, snapshot, &client, error) ||
        !backends_ask(&backends, &options->input, &check, &telemetry, error))
        return false;
    check.telemetry = telemetry;
    g_autoptr(Findings) findings = check_all(snapshot, &check);
    if (!options->dry_run)
        report_push(server, findings, &check);
    return remember_and_tell(options, &deliver_options, findings, snapshot, error);
}

int
run_run(const void *data, const char *argument)
{
    g_autoptr(GError) error = NULL;
    (void)argument;
    if (run(data, &error))
        return EXIT_NOTHING;
    (void)fprintf(stderr, "cresset-analyzer: %s\n", error->message);
    return EXIT_NOT_RUN;
}
