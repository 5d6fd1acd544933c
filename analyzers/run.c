#include "analyzers/run.h"

#include <stdio.h>

#include "analyzers/ending.h"
#include "analyzers/report/text.h"
#include "analyzers/run_metrics.h"
#include "analyzers/tell.h"
#include "lib/base/error.h"

#define OPTION(name, type, default_text, argument, field, help)                                    \
    {                                                                                              \
        name, type, default_text, 0, 0, argument, help, offsetof(RunOptions, field)                \
    }

static const OptionRow rows[] = {
    LOOK_OPTION_ROWS(RunOptions, look),
    OPTION(
        "state", OPTION_STRING, "cresset-analyzer.sqlite", "FILE", state,
        "What was found and told before: a file to be kept between runs, or the URL of a server of "
        "Cresset that keeps it, with the tenant, token and so on of --findings-url."),
    OPTION("notify-file", OPTION_STRING, "", "FILE", notify_file,
           "YAML file of several receivers, routes and quiet hours (docs/notifications.md)."),
    OPTION("webhook-url", OPTION_STRING, "", "URL", url,
           "Where changes are told: an incoming webhook. Neither this nor --notify-file: nobody is "
           "told."),
    OPTION("webhook-url-file", OPTION_STRING, "", "FILE", url_file,
           "File that has that URL, as it is a secret."),
    OPTION("webhook-form", OPTION_STRING, "auto", "FORM", form,
           "auto (by the URL), slack, markdown (Mattermost, Rocket.Chat), discord, teams, "
           "alertmanager (wants a run every hour at least) or generic."),
    OPTION("webhook-severity", OPTION_STRING, "medium", "SEVERITY", severity,
           "Milder changes are not told."),
    OPTION("findings-link", OPTION_STRING, "", "URL", findings_link,
           "Where people look at findings: the address of Cresset, that messages link to; none: "
           "--findings-url."),
    METRICS_TARGET_ROWS(RunOptions, metrics),
    {"heartbeat-confirm", OPTION_DURATION, "60s", 0, 300e9, "TIME",
     "A collector that has been silent for less than 15 minutes is asked about again after so "
     "long, "
     "and counts as silent when it still is; 0: at once.",
     offsetof(RunOptions, confirm_ns)},
    OPTION("failure-event", OPTION_STRING, "", "NAMESPACE/NAME", failure_event,
           "CronJob that gets a Kubernetes Event when a receiver does not get its messages; needs "
           "the right to create events.k8s.io there. None with --input."),
    OPTION("dry-run", OPTION_BOOL, "false", NULL, dry_run,
           "Print the message instead of sending it, and remember nothing."),
};

const OptionTable run_option_table = {
    .program = "cresset-analyzer run",
    .summary = "Scans, remembers what was found, and tells the webhook what has changed.",
    .rows = rows,
    .n_rows = G_N_ELEMENTS(rows),
};

/* The one receiver that options describe. */
static Receiver *
read_receiver(const RunOptions *options, GError **error)
{
    g_autoptr(Receiver) receiver = g_new0(Receiver, 1);
    receiver->name = g_strdup("webhook");
    receiver->url = options->url_file[0] != '\0'
                        ? receiver_read_secret(options->url_file, "--webhook-url-file", error)
                        : g_strdup(options->url);
    if (receiver->url == NULL)
        return NULL;
    if (!severity_parse(options->severity, &receiver->severity_min)) {
        error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                  "--webhook-severity '%s' is none of info, low, medium, high, critical",
                  options->severity);
        return NULL;
    }
    if (receiver_choose_form(receiver, options->form, error))
        return g_steal_pointer(&receiver);
    g_prefix_error(error, "--webhook-form: ");
    return NULL;
}

/* Who is told: by a file, or by the options of one receiver; maybe nobody. */
static NotifyConfig *
read_notify_config(const RunOptions *options, GError **error)
{
    bool has_url = options->url[0] != '\0' || options->url_file[0] != '\0';
    if (options->notify_file[0] != '\0' && has_url) {
        error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                  "--notify-file names the receivers: it goes without --webhook-url and "
                  "--webhook-url-file");
        return NULL;
    }
    const char *cluster = options->look.input.cluster;
    if (options->notify_file[0] != '\0') {
        NotifyConfig *loaded = notify_config_load(options->notify_file, cluster, error);
        if (loaded == NULL)
            g_prefix_error_literal(error, "--notify-file: ");
        return loaded;
    }
    g_autoptr(NotifyConfig) config = notify_config_new(cluster);
    Receiver *receiver = read_receiver(options, error);
    if (receiver == NULL)
        return NULL;
    if (has_url || options->dry_run)
        notify_config_add(config, receiver);
    else
        receiver_free(receiver);
    return g_steal_pointer(&config);
}

static bool
is_url(const char *text)
{
    return g_str_has_prefix(text, "http://") || g_str_has_prefix(text, "https://");
}

/* The server that keeps the state; NULL in *ret_server when that is a file. */
static bool
open_state_server(const RunOptions *options, TelemetryApi **ret_server, GError **error)
{
    *ret_server = NULL;
    if (!is_url(options->state))
        return true;
    if (options->look.input.cluster[0] == '\0')
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "--state with a URL needs --cluster, the name that it is kept under");
    *ret_server = backends_open_state(&options->look.findings, options->look.backends.tenant,
                                      options->state, error);
    return *ret_server != NULL;
}

/* A dry run works on a copy. `server` is NULL when the state is a file. */
static State *
open_state(const RunOptions *options, TelemetryApi *server, GError **error)
{
    const char *cluster = options->look.input.cluster;
    if (options->dry_run)
        return server != NULL ? state_open_server_copy(server, cluster, error)
                              : state_open_copy(options->state, error);
    g_autofree char *notice = NULL;
    State *state = server != NULL ? state_open_server(server, cluster, &notice, error)
                                  : state_open(options->state, &notice, error);
    if (notice != NULL)
        (void)fprintf(stderr, "cresset-analyzer: %s\n", notice);
    return state;
}

/* The metrics tell also of what did not go through. */
static bool
leave_metrics(const MetricsTarget *target, State *state, const TellContext *context,
              const Findings *findings, GError **error)
{
    if (!metrics_target_is_any(target))
        return true;
    const RunMetrics metrics = {
        .state = state,
        .findings = findings,
        .snapshot = context->snapshot,
        .config = context->config,
        .cluster = context->config->cluster,
        .now_s = context->now_s,
        .duration_s = (double)(g_get_monotonic_time() - context->started_us) / G_USEC_PER_SEC,
    };
    g_autoptr(RunSamples) samples = run_metrics_collect(&metrics, error);
    return samples != NULL && metrics_target_leave(target, samples, context->now_s, error);
}

static bool
tell(const MetricsTarget *target, State *state, const TellContext *context,
     const Findings *findings, GError **error)
{
    g_autoptr(GError) tell_error = NULL;
    bool is_told = tell_all(state, context, &tell_error);
    bool are_left = leave_metrics(target, state, context, findings, is_told ? error : NULL);
    if (!is_told)
        g_propagate_error(error, g_steal_pointer(&tell_error));
    return is_told && are_left;
}

/* A run, from its options on. */
typedef struct {
    const RunOptions *options;
    Look look;
    NotifyConfig *config;
    TelemetryApi *state_server; /* NULL: the state is a file */
    FailureEvent *failure_event;
    MetricsTarget metrics;
} Run;

static void
run_clear(Run *run)
{
    look_clear(&run->look);
    g_clear_pointer(&run->config, notify_config_free);
    g_clear_pointer(&run->state_server, telemetry_api_free);
    g_clear_pointer(&run->failure_event, failure_event_free);
    metrics_target_clear(&run->metrics);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Run, run_clear)

static bool
remember_and_tell(const Run *run, const TellContext *context, GError **error)
{
    const RunOptions *options = run->options;
    const Findings *findings = run->look.findings;
    g_autoptr(State) state = open_state(options, run->state_server, error);
    g_autofree const char **names = notify_config_names(run->config);
    const Routing routing = notify_config_routing(run->config);
    if (state == NULL || !state_settle(state, names, run->config->fallback, error) ||
        !endings_note(state, &run->look, error))
        return false;
    state_set_look(state, (g_get_monotonic_time() - context->started_us) / G_USEC_PER_SEC);
    if (!state_update(state, findings, context->snapshot, &routing, context->now_s, error))
        return false;
    return options->dry_run ? tell_preview(state, context, error)
                            : tell(&run->metrics, state, context, findings, error);
}

/* Takes the options; the cluster is not read yet. */
static bool
open_run(Run *run, GError **error)
{
    const RunOptions *options = run->options;
    if (!failure_event_parse(options->failure_event, &run->failure_event, error) ||
        !look_open(&run->look, &options->look, error) ||
        (run->config = read_notify_config(options, error)) == NULL ||
        !open_state_server(options, &run->state_server, error))
        return false;
    look_silence(&run->look, g_steal_pointer(&run->config->silences), options->notify_file);
    return metrics_target_open(&options->metrics, options->look.backends.tenant, &run->metrics,
                               error);
}

/* For whoever reads the log of the CronJob's pod; that nobody can is no reason to tell nobody. */
static void
print_findings(const Findings *findings)
{
    g_autofree char *text = g_string_free(report_lines(findings), FALSE);
    (void)fputs(text, stdout);
    (void)fflush(stdout);
}

static bool
run_once(const RunOptions *options, GError **error)
{
    int64_t started_us = g_get_monotonic_time();
    g_auto(Run) run = {.options = options, .look.confirm_s = options->confirm_ns / 1000000000};
    if (!open_run(&run, error) || !look_find(&run.look, false, error))
        return false;
    if (!options->dry_run) {
        look_report(&run.look);
        print_findings(run.look.findings);
    }
    const char *server = options->look.findings.url, *link = options->findings_link;
    const TellContext context = {
        .config = run.config,
        .snapshot = run.look.snapshot,
        .now_s = run.look.check.now_s,
        .started_us = started_us,
        .failure_event = run.failure_event,
        .client = run.look.client,
        .findings_url = link[0] != '\0' ? link : server,
        .findings_tenant = run.look.server != NULL ? telemetry_api_tenant(run.look.server) : NULL};
    return remember_and_tell(&run, &context, error);
}

int
run_run(const void *data, const char *argument)
{
    g_autoptr(GError) error = NULL;
    (void)argument;
    if (run_once(data, &error))
        return EXIT_NOTHING;
    (void)fprintf(stderr, "cresset-analyzer: %s\n", error->message);
    return EXIT_NOT_RUN;
}
