/* What the logs of pods that are not well say themselves. */
#include <string.h>

#include "analyzers/checks/last_resort.h"
#include "analyzers/checks/log_line.h"
#include "analyzers/checks/log_rule.h"
#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"
#include "lib/base/redact.h"

static void run_logs(CheckRun *run);

static const CheckRow rows[] = {
    {
        .id = "log-signature",
        .kind = "Container",
        .severity = SEVERITY_LOW,
        .stage = STAGE_ADVICE,
        .tier = 2,
        .hold_s = 15 * 60,
        .symptom = "The log of a program that is not well says what is wrong.",
        .meaning =
            "Among the last 60 lines of a container that is not ready, of a pod that another check "
            "speaks of or that is not ready for 15 minutes, one has words that programs use for a "
            "full disk, a refused certificate, a "
            "wrong password and so on, or matches a signature of the file of --log-signatures. It "
            "is a consequence of the other finding, which has the line as evidence.",
        .fix = "Mend what the line names.",
        .run = run_logs,
        .needs = {KIND_POD},
    },
};

const CheckTopic check_topic_log_cause = {rows, G_N_ELEMENTS(rows)};

#define LOG_SAYS "Its log says that %s: \"%s\""

enum { LINES_BACK = 60, LINE_BYTES_MAX = 300 };

/* A line that says what is wrong. */
typedef struct {
    char *line;
    const char *means;
    const LogRule *rule; /* NULL: one of our own */
    guint n;             /* lines that match */
} Sign;

static void
sign_clear(Sign *sign)
{
    g_free(sign->line);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Sign, sign_clear)

/* The newest line that a rule of the file matches; the first rule counts. */
static bool
find_by_rules(const LogRules *rules, const char *log, Sign *sign)
{
    g_auto(GStrv) lines = g_strsplit(log, "\n", -1);
    guint n = g_strv_length(lines);
    for (guint r = 0; rules != NULL && r < rules->rules->len && sign->rule == NULL; r++) {
        const LogRule *rule = rules->rules->pdata[r];
        for (guint i = n; i > 0 && n - i < LINES_BACK; i--) {
            if (!regex_match(rule->regex, lines[i - 1]))
                continue;
            if (sign->rule == NULL)
                sign->line = redact(g_strstrip(lines[i - 1]));
            sign->rule = rule;
            sign->means = rule->means;
            sign->n++;
        }
    }
    return sign->rule != NULL;
}

static bool
find_by_words(const char *log, Sign *sign)
{
    sign->line = log_line_of(log);
    sign->means = sign->line != NULL ? log_signature_text(log_signature(sign->line)) : NULL;
    sign->n = 1;
    return sign->means != NULL;
}

static bool
speaks_of(const Finding *finding, const Object *pod, const Object *controller)
{
    return finding->check->stage != STAGE_ADVICE &&
           (finding->object == pod || finding->object == controller ||
            g_ptr_array_find(finding->about, pod, NULL));
}

static bool
quotes(const Finding *finding, const char *line)
{
    bool is_quoted = finding->cause != NULL && strstr(finding->cause, line) != NULL;
    for (guint i = 0; i < finding->evidence->len && !is_quoted; i++)
        is_quoted = strstr(finding->evidence->pdata[i], line) != NULL;
    return is_quoted;
}

/* Whether a finding about the pod has the line already; else they get it. */
static bool
is_known(CheckRun *run, const Object *pod, const Sign *sign)
{
    const Object *controller = relations_controller(run->relations, pod);
    bool is_quoted = false;
    for (guint i = 0; i < run->findings->all->len && !is_quoted; i++) {
        const Finding *finding = run->findings->all->pdata[i];
        is_quoted = speaks_of(finding, pod, controller) && quotes(finding, sign->line);
    }
    if (is_quoted && sign->rule == NULL)
        return true;
    for (guint i = 0; i < run->findings->all->len; i++) {
        Finding *finding = run->findings->all->pdata[i];
        if (speaks_of(finding, pod, controller))
            finding_evidence(finding, LOG_SAYS, sign->means, sign->line);
    }
    return false;
}

static void
tell(CheckRun *run, const Object *pod, const char *container, const Sign *sign)
{
    bool is_new;
    if (is_known(run, pod, sign))
        return;
    findings_log_line(run->findings, sign->line);
    Finding *finding = check_report_pod(run, &rows[0], pod, container, 0, &is_new);
    if (!is_new)
        return;
    const char *fix = sign->rule != NULL && sign->rule->fix != NULL ? sign->rule->fix : rows[0].fix;
    finding_title(finding, "The log of container %s says that %s", container, sign->means);
    finding_cause(finding, "Pod %s is not well, and its log says why: \"%s\".", pod->name,
                  sign->line);
    finding_evidence(finding, LOG_SAYS, sign->means, sign->line);
    if (sign->rule != NULL)
        finding_evidence(finding, "Signature %s, %u of the last lines", sign->rule->name, sign->n);
    finding_fix(finding, "%s", fix);
    finding_fix(finding, "kubectl -n %s logs %s -c %s", pod->ns, pod->name, container);
}

static void
look_at(CheckRun *run, const Object *pod)
{
    for (const Value *status = value_first(pod->value, "status.containerStatuses"); status != NULL;
         status = status->next) {
        const char *name = value_text(status, "name");
        if (value_is_true(status, "ready"))
            continue;
        bool is_previous = value_at(status, "state.running") == NULL;
        g_autofree char *log = snapshot_log(run->snapshot, pod, name, is_previous);
        g_auto(Sign) sign = {0};
        if (log != NULL &&
            (find_by_rules(run->log_rules, log, &sign) || find_by_words(log, &sign))) {
            sign.line[MIN(strlen(sign.line), (size_t)LINE_BYTES_MAX)] = '\0';
            tell(run, pod, name, &sign);
        }
    }
}

static void
run_logs(CheckRun *run)
{
    g_autoptr(GHashTable) troubled = last_resort_known(run->findings, true);
    g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL); /* controllers: one pod each */
    const GPtrArray *pods = snapshot_objects(run->snapshot, KIND_POD);
    for (guint i = 0; i < pods->len; i++) {
        const Object *pod = pods->pdata[i];
        const Object *controller = relations_controller(run->relations, pod);
        int64_t since_s;
        bool is_troubled =
            g_hash_table_contains(troubled, pod) || g_hash_table_contains(troubled, controller);
        if ((is_troubled ? pod_is_unready(pod, &since_s)
                         : pod_is_down(run, &rows[0], pod, &since_s)) &&
            g_hash_table_add(seen, (gpointer)(uintptr_t)controller))
            look_at(run, pod);
    }
    log_say_unread(run, &rows[0]);
}
