/* What grows until the API server suffers or refuses it. */
#include <string.h>

#include "analyzers/checks/status.h"
#include "analyzers/checks/table.h"

static void run_config_maps(CheckRun *run);
static void run_namespaces(CheckRun *run);

enum { ROW_CONFIG_MAP, ROW_JOBS };

enum { CONFIG_MAP_BYTES = 900 * 1024, JOBS_MAX = 200, DAY_S = 86400 };

static const CheckRow rows[] = {
    [ROW_CONFIG_MAP] =
        {
            .id = "configmap-too-large",
            .kind = "ConfigMap",
            .severity = SEVERITY_INFO,
            .stage = STAGE_ADVICE,
            .tier = 3,
            .hold_s = DAY_S,
            .symptom = "A ConfigMap cannot grow any more.",
            .meaning = "Its data is larger than 900 KiB; the API server refuses more than 1 MiB.",
            .fix = "Split it.",
            .run = run_config_maps,
            .needs = {KIND_CONFIG_MAP},
        },
    [ROW_JOBS] =
        {
            .id = "job-no-ttl-pileup",
            .kind = "Namespace",
            .severity = SEVERITY_INFO,
            .stage = STAGE_ADVICE,
            .tier = 3,
            .hold_s = DAY_S,
            .symptom = "Finished Jobs pile up and slow down the API.",
            .meaning = "A namespace has more than 200 Jobs that finished more than a day ago and "
                       "have no ttlSecondsAfterFinished.",
            .fix = "Set ttlSecondsAfterFinished, and delete the old Jobs.",
            .run = run_namespaces,
            .needs = {KIND_NAMESPACE, KIND_JOB},
        },
};

const CheckTopic check_topic_size = {rows, G_N_ELEMENTS(rows)};

static guint64
size_of(const Value *map)
{
    guint64 size = 0;
    for (const Value *v = value_first(map, ""); v != NULL; v = v->next)
        size += strlen(v->key) + (v->type == VALUE_TEXT ? v->uncut : 0);
    return size;
}

static void
run_config_maps(CheckRun *run)
{
    const GPtrArray *all = snapshot_objects(run->snapshot, KIND_CONFIG_MAP);
    for (guint i = 0; i < all->len; i++) {
        const Object *map = all->pdata[i];
        guint64 size = size_of(value_get(map->value, "data")) +
                       size_of(value_get(map->value, "binaryData")) / 4 * 3;
        if (size <= CONFIG_MAP_BYTES || !status_is_settled(run, map, rows[ROW_CONFIG_MAP].hold_s))
            continue;
        Finding *finding = check_report(run, &rows[ROW_CONFIG_MAP], map);
        finding_title(finding, "ConfigMap %s is nearly as large as one can be", map->name);
        finding_cause(finding,
                      "It holds at least %" G_GUINT64_FORMAT " KiB; more than 1024 are refused.",
                      size / 1024);
        check_advise(finding, map);
    }
}

/* Jobs that finished a day ago and that nothing removes. */
static guint
count_old_jobs(const CheckRun *run, const char *ns)
{
    const GPtrArray *jobs = snapshot_in_namespace(run->snapshot, KIND_JOB, ns);
    guint n = 0;
    for (guint i = 0; i < jobs->len; i++) {
        const Object *job = jobs->pdata[i];
        int64_t ended_s = MAX(status_since(job, "Complete"), status_since(job, "Failed"));
        n += value_at(job->value, "spec.ttlSecondsAfterFinished") == NULL &&
             check_held(run, &rows[ROW_JOBS], ended_s);
    }
    return n;
}

static void
run_namespaces(CheckRun *run)
{
    const GPtrArray *all = snapshot_objects(run->snapshot, KIND_NAMESPACE);
    for (guint i = 0; i < all->len; i++) {
        const Object *ns = all->pdata[i];
        guint n = count_old_jobs(run, ns->name);
        if (n <= JOBS_MAX)
            continue;
        Finding *finding = check_report(run, &rows[ROW_JOBS], ns);
        finding_title(finding, "Namespace %s keeps %u finished Jobs", ns->name, n);
        finding_cause(finding, "They have no ttlSecondsAfterFinished, so nothing removes them and "
                               "their pods.");
        finding_fix(finding, "%s", rows[ROW_JOBS].fix);
        finding_fix(finding, "kubectl -n %s get jobs", ns->name);
    }
}
