#include "analyzers/heartbeat.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "analyzers/checks/heartbeat.h"
#include "analyzers/checks/status.h"
#include "analyzers/checks/telemetry_gate.h"
#include "analyzers/report/json.h"
#include "lib/base/error.h"
#include "lib/base/jsonw.h"
#include "lib/base/text.h"

static const OptionRow rows[] = {
    INPUT_OPTION_ROWS(HeartbeatOptions, input),
    BACKENDS_OPTION_ROWS(HeartbeatOptions, backends),
    {"output", OPTION_STRING, "text", 0, 0, "FORM", "text or json.",
     offsetof(HeartbeatOptions, output)},
    {"explain", OPTION_BOOL, "false", 0, 0, NULL,
     "Say which label names the nodes, and after how long a node counts as silent.",
     offsetof(HeartbeatOptions, explain)},
};

const OptionTable heartbeat_option_table = {
    .program = "cresset-analyzer heartbeat",
    .summary = "Says of each node whether its collectors of telemetry report.",
    .rows = rows,
    .n_rows = G_N_ELEMENTS(rows),
};

static const Collector *const collectors[] = {&collector_alloy, &collector_cresset_agent};

/* ---- Words. ---- */

static const char *
pod_state(const Object *pod)
{
    if (pod == NULL)
        return "none";
    return status_is(pod, "Ready", "True") ? "Ready" : value_text(pod->value, "status.phase");
}

static char *
sample_text(const Heartbeat *heartbeat, const Beat *beat, int64_t now_s)
{
    if (beat->newest_s == 0 && heartbeat->why != NULL && !heartbeat->is_unheard)
        return g_strdup("not known");
    if (beat->newest_s == 0)
        return g_strdup(beat->was_seen ? "more than 3 h ago" : "never");
    g_autofree char *at = clock_text(beat->newest_s, now_s);
    g_autofree char *span = span_text(now_s - beat->newest_s);
    return g_strdup_printf("%s (%s ago)", at, span);
}

static char *
explain_text(const Heartbeat *heartbeat)
{
    const NodeLabel *label = &heartbeat->label;
    g_autofree char *hold = span_text(heartbeat->hold_s);
    if (label->label == NULL)
        return g_strdup_printf("No label of %s names nodes; a node is silent after %s.",
                               heartbeat->collector->family, hold);
    return g_strdup_printf("Nodes are told by the label %s of %s, which names %u of %u series; a "
                           "node is silent after %s.",
                           label->label, heartbeat->collector->family, label->n_known, label->n_all,
                           hold);
}

/* ---- As text. ---- */

static void
append_table(GString *out, const Heartbeat *heartbeat, int64_t now_s)
{
    enum { GAP = 2 };
    const GArray *beats = heartbeat->beats;
    int node = (int)strlen("NODE"), pod = (int)strlen("POD"), set = (int)strlen("DAEMONSET");
    for (guint i = 0; i < beats->len; i++) {
        const Beat *beat = &g_array_index(beats, Beat, i);
        node = MAX(node, (int)strlen(beat->node->name));
        pod = MAX(pod, beat->pod != NULL ? (int)strlen(beat->pod->name) : 0);
        set = MAX(set, (int)(strlen(beat->set->ns) + strlen(beat->set->name)) + 1);
    }
    g_string_append_printf(out, "%-*s%-*s%-*s%-10s%-34s%s\n", node + GAP, "NODE", set + GAP,
                           "DAEMONSET", pod + GAP, "POD", "STATE", "LAST SAMPLE", "VERDICT");
    for (guint i = 0; i < beats->len; i++) {
        const Beat *beat = &g_array_index(beats, Beat, i);
        g_autofree char *sample = sample_text(heartbeat, beat, now_s);
        g_autofree char *name = g_strdup_printf("%s/%s", beat->set->ns, beat->set->name);
        g_string_append_printf(out, "%-*s%-*s%-*s%-10s%-34s%s\n", node + GAP, beat->node->name,
                               set + GAP, name, pod + GAP,
                               beat->pod != NULL ? beat->pod->name : "-", pod_state(beat->pod),
                               sample, verdict_name(beat->verdict));
    }
}

static void
append_text(GString *out, const Heartbeat *heartbeat, const HeartbeatOptions *options,
            int64_t now_s)
{
    guint n_reporting = 0;
    for (guint i = 0; i < heartbeat->beats->len; i++)
        n_reporting += g_array_index(heartbeat->beats, Beat, i).verdict == VERDICT_REPORTS;
    if (heartbeat->why != NULL)
        g_string_append_printf(out, "%s: nothing can be said: %s\n", heartbeat->collector->name,
                               heartbeat->why);
    else
        g_string_append_printf(out, "%s: %u of %u report\n", heartbeat->collector->name,
                               n_reporting, heartbeat->beats->len);
    if (options->explain) {
        g_autofree char *explained = explain_text(heartbeat);
        g_string_append_printf(out, "%s\n", explained);
    }
    append_table(out, heartbeat, now_s);
    g_string_append_c(out, '\n');
}

/* ---- As JSON. ---- */

static void
write_member(JsonWriter *json, const char *key, const char *text)
{
    jsonw_key(json, key);
    if (text != NULL)
        jsonw_string(json, text);
    else
        jsonw_null(json);
}

static void
write_beat(JsonWriter *json, const Beat *beat)
{
    g_autofree char *newest = beat->newest_s > 0 ? rfc3339_text(beat->newest_s) : NULL;
    jsonw_object_begin(json);
    write_member(json, "node", beat->node->name);
    write_member(json, "namespace", beat->set->ns);
    write_member(json, "daemonset", beat->set->name);
    write_member(json, "pod", beat->pod != NULL ? beat->pod->name : NULL);
    write_member(json, "state", pod_state(beat->pod));
    write_member(json, "newest_sample", newest);
    jsonw_key(json, "was_seen");
    jsonw_bool(json, beat->was_seen);
    write_member(json, "verdict", verdict_name(beat->verdict));
    jsonw_object_end(json);
}

static void
write_heartbeat(JsonWriter *json, const Heartbeat *heartbeat, const HeartbeatOptions *options)
{
    jsonw_object_begin(json);
    write_member(json, "collector", heartbeat->collector->name);
    write_member(json, "problem", heartbeat->why);
    if (options->explain) {
        g_autofree char *explained = explain_text(heartbeat);
        write_member(json, "label", heartbeat->label.label);
        write_member(json, "explanation", explained);
    }
    jsonw_key(json, "nodes");
    jsonw_array_begin(json);
    for (guint i = 0; i < heartbeat->beats->len; i++)
        write_beat(json, &g_array_index(heartbeat->beats, Beat, i));
    jsonw_array_end(json);
    jsonw_object_end(json);
}

/* ---- The verb. ---- */

typedef struct {
    const HeartbeatOptions *options;
    const CheckRun *run;
    GString *text;
    JsonWriter json;
    guint n;
    bool is_bad;
} Report;

static void
add_collector(Report *report, const Collector *collector)
{
    g_autoptr(Heartbeat) heartbeat = heartbeat_new(report->run, collector);
    if (heartbeat == NULL)
        return;
    report->n++;
    report->is_bad = report->is_bad || heartbeat->why != NULL;
    for (guint i = 0; i < heartbeat->beats->len; i++)
        report->is_bad =
            report->is_bad || verdict_is_silent(g_array_index(heartbeat->beats, Beat, i).verdict);
    append_text(report->text, heartbeat, report->options, report->run->now_s);
    write_heartbeat(&report->json, heartbeat, report->options);
}

static bool
print(Report *report, bool as_json, GError **error)
{
    jsonw_array_end(&report->json);
    g_autoptr(GBytes) json = jsonw_finish(&report->json);
    if (report->n == 0)
        g_string_append(report->text,
                        "There is no DaemonSet of Alloy or cresset-agent that chooses a node.\n");
    gsize size;
    const char *data = g_bytes_get_data(json, &size);
    bool ok = as_json ? fwrite(data, 1, size, stdout) == size && putchar('\n') != EOF
                      : fputs(report->text->str, stdout) != EOF;
    return (fflush(stdout) == 0 && ok) || error_set_errno(error, errno, "cannot write the report");
}

static bool
check_output(const HeartbeatOptions *options, GError **error)
{
    return strcmp(options->output, "text") == 0 || strcmp(options->output, "json") == 0 ||
           error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "--output '%s' is none of text, json",
                     options->output);
}

/* What heartbeats cannot be told without. */
static bool
check_input(const Snapshot *snapshot, const Telemetry *telemetry, GError **error)
{
    static const Kind kinds[] = {KIND_NODE, KIND_DAEMON_SET, KIND_POD};
    if (!telemetry_backend(telemetry, SOURCE_METRICS).is_configured)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "heartbeats are told by metrics: give their back end by --prometheus-url");
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (!snapshot_knows(snapshot, kinds[i]))
            return error_set(error, CRESSET_ERROR_UNAVAILABLE, "%s are needed, but %s",
                             kind_row(kinds[i])->resource,
                             snapshot_list_problem(snapshot, kinds[i]));
    }
    return true;
}

static int
tell(const HeartbeatOptions *options, const CheckRun *run, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    Report report = {.options = options, .run = run, .text = text};
    jsonw_init(&report.json, 4096);
    jsonw_array_begin(&report.json);
    for (size_t i = 0; i < G_N_ELEMENTS(collectors); i++)
        add_collector(&report, collectors[i]);
    if (!print(&report, strcmp(options->output, "json") == 0, error))
        return EXIT_NOT_RUN;
    return report.is_bad ? EXIT_FINDINGS : EXIT_NOTHING;
}

static int
look(const HeartbeatOptions *options, GError **error)
{
    CheckOptions check;
    g_autoptr(K8sClient) client = NULL;
    g_autoptr(Silences) silences = NULL;
    g_autoptr(LogRules) log_rules = NULL;
    g_autoptr(Snapshot) snapshot = snapshot_new();
    g_auto(Backends) backends = {0};
    g_autoptr(Telemetry) telemetry = NULL;
    g_autoptr(GPtrArray) queries = heartbeat_queries();
    if (!check_output(options, error) ||
        !input_check_options(&options->input, &check, &silences, &log_rules, error) ||
        !backends_open(&options->backends, &backends, error) ||
        !input_read(&options->input, snapshot, &client, error) ||
        !backends_ask_queries(&backends, &options->input, &check, queries, &telemetry, error) ||
        !check_input(snapshot, telemetry, error))
        return EXIT_NOT_RUN;
    g_autoptr(Relations) relations = relations_new(snapshot);
    const CheckRun run = {.snapshot = snapshot,
                          .relations = relations,
                          .telemetry = telemetry,
                          .now_s = check.now_s,
                          .node_label = options->backends.node_label};
    return tell(options, &run, error);
}

int
heartbeat_run(const void *data, const char *argument)
{
    g_autoptr(GError) error = NULL;
    (void)argument;
    int status = look(data, &error);
    if (error != NULL)
        (void)fprintf(stderr, "cresset-analyzer: %s\n", error->message);
    return status;
}
