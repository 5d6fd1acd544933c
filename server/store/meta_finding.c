#include "server/store/meta_finding.h"

#include <string.h>

#include "lib/base/error.h"
#include "server/store/meta_finding_sql.h"
#include "server/store/meta_private.h"

/* ---- Rows. ---- */

static char *
column_text(sqlite3_stmt *statement, int at)
{
    return g_strdup((const char *)sqlite3_column_text(statement, at));
}

/* META_SQL_FINDING_COLUMNS. */
static Finding *
read_finding(sqlite3_stmt *statement)
{
    Finding *finding = g_new0(Finding, 1);
    finding->cluster = column_text(statement, 0);
    finding->fingerprint = column_text(statement, 1);
    finding->check = column_text(statement, 2);
    finding->kind = column_text(statement, 3);
    finding->ns = column_text(statement, 4);
    finding->name = column_text(statement, 5);
    finding->title = column_text(statement, 6);
    finding->cause = column_text(statement, 7);
    finding->evidence = column_text(statement, 8);
    finding->fix = column_text(statement, 9);
    finding->explains = column_text(statement, 10);
    finding->severity = CLAMP(sqlite3_column_int64(statement, 11), 0, FINDING_SEVERITIES - 1);
    finding->since_ns = sqlite3_column_int64(statement, 12);
    finding->opened_ns = sqlite3_column_int64(statement, 13);
    finding->seen_ns = sqlite3_column_int64(statement, 14);
    finding->resolved_ns = sqlite3_column_int64(statement, 15);
    finding->changes = column_text(statement, 16);
    finding->links = column_text(statement, 17);
    finding->note = column_text(statement, 18);
    return finding;
}

/* META_SQL_TRANSITION_COLUMNS, and the report. */
static FindingTransition *
read_transition(sqlite3_stmt *statement)
{
    FindingTransition *transition = g_new0(FindingTransition, 1);
    transition->cluster = column_text(statement, 0);
    transition->fingerprint = column_text(statement, 1);
    transition->check = column_text(statement, 2);
    transition->kind = column_text(statement, 3);
    transition->ns = column_text(statement, 4);
    transition->name = column_text(statement, 5);
    transition->title = column_text(statement, 6);
    transition->time_ns = sqlite3_column_int64(statement, 7);
    transition->type = (FindingTransitionType)CLAMP(sqlite3_column_int64(statement, 8), 0,
                                                    FINDING_TRANSITION_TYPES - 1);
    transition->severity = CLAMP(sqlite3_column_int64(statement, 9), 0, FINDING_SEVERITIES - 1);
    transition->former_severity =
        CLAMP(sqlite3_column_int64(statement, 10), -1, FINDING_SEVERITIES - 1);
    transition->report = sqlite3_column_int64(statement, 11);
    return transition;
}

/* META_SQL_CLUSTER_COLUMNS. */
static FindingCluster *
read_cluster(sqlite3_stmt *statement)
{
    FindingCluster *cluster = g_new0(FindingCluster, 1);
    cluster->cluster = column_text(statement, 0);
    cluster->clock_ns = sqlite3_column_int64(statement, 1);
    cluster->received_ns = sqlite3_column_int64(statement, 2);
    cluster->report = sqlite3_column_int64(statement, 3);
    cluster->n_unverified = sqlite3_column_int64(statement, 4);
    return cluster;
}

static void
free_finding(void *finding)
{
    finding_free(finding);
}

static void
free_transition(void *transition)
{
    finding_transition_free(transition);
}

static void
free_cluster(void *cluster)
{
    finding_cluster_free(cluster);
}

/* ---- A report. ---- */

typedef struct {
    sqlite3 *db;
    const FindingReportKey *key;
    FindingChange change;
} Report;

/* A statement whose first parameters are the tenant and the cluster; NULL with *error. */
static sqlite3_stmt *
prepare(const Report *report, const char *sql, GError **error)
{
    sqlite3_stmt *statement = meta_prepare(report->db, sql, error);
    if (statement != NULL) {
        meta_bind_text(statement, 1, report->key->tenant);
        meta_bind_text(statement, 2, report->key->cluster);
    }
    return statement;
}

/* Statements in order, each with the tenant and a number as parameters. */
static bool
forget_silent(const Report *report, GError **error)
{
    static const char *const statements[] = {META_SQL_FORGET_SILENT_FINDINGS,
                                             META_SQL_FORGET_SILENT_TRANSITIONS,
                                             META_SQL_FORGET_SILENT_CLUSTERS};
    bool is_ok = true;
    for (size_t i = 0; is_ok && i < G_N_ELEMENTS(statements); i++) {
        sqlite3_stmt *statement = prepare(report, statements[i], error);
        is_ok = statement != NULL;
        if (is_ok) {
            sqlite3_bind_int64(statement, 2, report->key->silent_since_ns);
            is_ok = meta_step_to_end(report->db, statement, "forget findings", error);
        }
        sqlite3_finalize(statement);
    }
    return is_ok;
}

static bool
find_cluster(Report *report, FindingCluster **ret_old, GError **error)
{
    sqlite3_stmt *statement = prepare(report, META_SQL_FINDING_CLUSTER, error);
    if (statement == NULL)
        return false;
    int result = sqlite3_step(statement);
    report->change.old = *ret_old = result == SQLITE_ROW ? read_cluster(statement) : NULL;
    bool is_ok = result == SQLITE_ROW || result == SQLITE_DONE ||
                 meta_failed(report->db, "find cluster", error);
    sqlite3_finalize(statement);
    return is_ok;
}

static bool
count_others(Report *report, GError **error)
{
    sqlite3_stmt *statement = prepare(report, META_SQL_OTHER_CLUSTERS, error);
    if (statement == NULL)
        return false;
    bool is_ok =
        sqlite3_step(statement) == SQLITE_ROW || meta_failed(report->db, "count clusters", error);
    if (is_ok)
        report->change.n_other_clusters = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return is_ok;
}

/* Adds the findings of a statement's rows to the known ones. */
static bool
add_known(Report *report, sqlite3_stmt *statement, GError **error)
{
    int result;
    while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
        Finding *finding = read_finding(statement);
        g_hash_table_replace(report->change.known, finding->fingerprint, finding);
    }
    sqlite3_reset(statement);
    return result == SQLITE_DONE || meta_failed(report->db, "read findings", error);
}

static bool
find_known(Report *report, GError **error)
{
    sqlite3_stmt *open = prepare(report, META_SQL_OPEN_FINDINGS, error);
    sqlite3_stmt *one = prepare(report, META_SQL_FINDING, error);
    bool is_ok = open != NULL && one != NULL && add_known(report, open, error);
    for (guint i = 0; is_ok && i < report->key->fingerprints->len; i++) {
        const char *fingerprint = report->key->fingerprints->pdata[i];
        if (g_hash_table_contains(report->change.known, fingerprint))
            continue;
        meta_bind_text(one, 3, fingerprint);
        is_ok = add_known(report, one, error);
    }
    sqlite3_finalize(open);
    sqlite3_finalize(one);
    return is_ok;
}

static bool
put_cluster(const Report *report, GError **error)
{
    const FindingCluster *cluster = &report->change.cluster;
    sqlite3_stmt *statement = prepare(report, META_SQL_PUT_CLUSTER, error);
    if (statement == NULL)
        return false;
    sqlite3_bind_int64(statement, 3, cluster->clock_ns);
    sqlite3_bind_int64(statement, 4, cluster->received_ns);
    sqlite3_bind_int64(statement, 5, cluster->report);
    sqlite3_bind_int64(statement, 6, cluster->n_unverified);
    bool is_ok = meta_step_to_end(report->db, statement, "put cluster", error);
    sqlite3_finalize(statement);
    return is_ok;
}

static void
bind_finding(sqlite3_stmt *statement, const Finding *finding)
{
    const char *texts[] = {
        finding->fingerprint, finding->check, finding->kind,     finding->ns,  finding->name,
        finding->title,       finding->cause, finding->evidence, finding->fix, finding->explains};
    const int64_t numbers[] = {finding->severity, finding->since_ns, finding->opened_ns,
                               finding->seen_ns, finding->resolved_ns};
    const char *later[] = {finding->changes, finding->links, finding->note};
    int at = 3;
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        meta_bind_text(statement, at++, texts[i]);
    for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++)
        sqlite3_bind_int64(statement, at++, numbers[i]);
    for (size_t i = 0; i < G_N_ELEMENTS(later); i++)
        meta_bind_text(statement, at++, later[i]);
}

static bool
put_findings(const Report *report, GError **error)
{
    sqlite3_stmt *statement = prepare(report, META_SQL_PUT_FINDING, error);
    bool is_ok = statement != NULL;
    for (guint i = 0; is_ok && i < report->change.put->len; i++) {
        bind_finding(statement, report->change.put->pdata[i]);
        is_ok = meta_step_to_end(report->db, statement, "put finding", error);
    }
    sqlite3_finalize(statement);
    return is_ok;
}

static void
bind_transition(sqlite3_stmt *statement, const FindingTransition *transition)
{
    const char *texts[] = {transition->fingerprint, transition->check, transition->kind,
                           transition->ns,          transition->name,  transition->title};
    const int64_t numbers[] = {transition->time_ns, transition->type, transition->severity,
                               transition->former_severity};
    int at = 4;
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        meta_bind_text(statement, at++, texts[i]);
    for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++)
        sqlite3_bind_int64(statement, at++, numbers[i]);
}

static bool
add_transitions(const Report *report, GError **error)
{
    sqlite3_stmt *statement = meta_prepare(report->db, META_SQL_ADD_TRANSITION, error);
    bool is_ok = statement != NULL;
    if (is_ok) {
        meta_bind_text(statement, 1, report->key->tenant);
        sqlite3_bind_int64(statement, 2, report->change.cluster.report);
        meta_bind_text(statement, 3, report->key->cluster);
    }
    for (guint i = 0; is_ok && i < report->change.transitions->len; i++) {
        bind_transition(statement, report->change.transitions->pdata[i]);
        is_ok = meta_step_to_end(report->db, statement, "add transition", error);
    }
    sqlite3_finalize(statement);
    return is_ok;
}

static bool
forget_old(const Report *report, GError **error)
{
    const FindingReportKey *key = report->key;
    sqlite3_stmt *transitions = prepare(report, META_SQL_FORGET_OLD_TRANSITIONS, error);
    sqlite3_stmt *resolved = prepare(report, META_SQL_FORGET_RESOLVED, error);
    bool is_ok = transitions != NULL && resolved != NULL;
    if (is_ok) {
        sqlite3_bind_int64(transitions, 3, report->change.cluster.clock_ns - key->retention_ns);
        sqlite3_bind_int64(transitions, 4, key->transitions_max - 1);
        is_ok = meta_step_to_end(report->db, transitions, "forget transitions", error) &&
                meta_step_to_end(report->db, resolved, "forget resolved findings", error);
    }
    sqlite3_finalize(transitions);
    sqlite3_finalize(resolved);
    return is_ok;
}

static bool
run_change(Report *report, FindingChangeFunc func, void *data, GError **error)
{
    FindingChange *change = &report->change;
    g_autoptr(FindingCluster) old = NULL;
    if (!forget_silent(report, error) || !find_cluster(report, &old, error) ||
        !count_others(report, error) || !find_known(report, error) || !func(change, data, error))
        return false;
    change->cluster.report = old != NULL ? old->report + 1 : 1;
    return put_cluster(report, error) && put_findings(report, error) &&
           add_transitions(report, error) && forget_old(report, error);
}

bool
meta_finding_change(Meta *meta, const FindingReportKey *key, FindingChangeFunc change, void *data,
                    GError **error)
{
    g_autoptr(GHashTable) known =
        g_hash_table_new_full(g_str_hash, g_str_equal, NULL, free_finding);
    g_autoptr(GPtrArray) put = g_ptr_array_new_with_free_func(free_finding);
    g_autoptr(GPtrArray) transitions = g_ptr_array_new_with_free_func(free_transition);
    Report report = {.db = meta->writer,
                     .key = key,
                     .change = {.known = known, .put = put, .transitions = transitions}};
    bool is_ok = meta_begin_write(meta, error) && run_change(&report, change, data, error);
    return meta_finish_write(meta, is_ok, error);
}

/* ---- Reading. ---- */

static void
bind_or_any(sqlite3_stmt *statement, int at, const char *text)
{
    if (text != NULL)
        meta_bind_text(statement, at, text);
    else
        sqlite3_bind_null(statement, at);
}

/* Five parameters from `at` on. */
static void
bind_place(sqlite3_stmt *statement, int at, const FindingPlace *place)
{
    if (place == NULL) /* what is not bound is NULL */
        return;
    sqlite3_bind_int64(statement, at, place->major);
    sqlite3_bind_int64(statement, at + 1, place->minor);
    meta_bind_text(statement, at + 2, place->cluster);
    meta_bind_text(statement, at + 3, place->fingerprint);
    meta_bind_text(statement, at + 4, place->tenant);
}

static size_t
finding_bytes(const Finding *finding)
{
    return sizeof *finding + strlen(finding->title) + strlen(finding->cause) +
           strlen(finding->evidence) + strlen(finding->fix) + strlen(finding->explains) +
           strlen(finding->changes) + strlen(finding->links) + strlen(finding->note);
}

GPtrArray *
meta_finding_list(Meta *meta, const char *tenant, const FindingQuery *query, GError **error)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(free_finding);
    g_mutex_lock(&meta->read_lock);
    sqlite3_stmt *statement = meta_prepare(meta->reader, META_SQL_FINDINGS, error);
    int result = SQLITE_ERROR;
    if (statement != NULL) {
        meta_bind_text(statement, 1, tenant);
        bind_or_any(statement, 2, query->cluster);
        bind_or_any(statement, 3, query->ns);
        bind_or_any(statement, 4, query->kind);
        bind_or_any(statement, 5, query->check);
        bind_or_any(statement, 6, query->fingerprint);
        sqlite3_bind_int64(statement, 7, query->severity_min);
        sqlite3_bind_int64(statement, 8, query->state);
        sqlite3_bind_int64(statement, 9, query->limit);
        bind_place(statement, 10, query->after);
    }
    size_t bytes = 0;
    while (statement != NULL && (result = sqlite3_step(statement)) == SQLITE_ROW) {
        Finding *finding = read_finding(statement);
        g_ptr_array_add(list, finding);
        bytes += finding_bytes(finding);
        if (bytes > FINDING_LIST_BYTES_MAX) {
            if (query->is_cut != NULL)
                *query->is_cut = true;
            result = SQLITE_DONE;
            break;
        }
    }
    return meta_finish_read(meta, statement, result, "list findings", error)
               ? g_steal_pointer(&list)
               : NULL;
}

GPtrArray *
meta_finding_transitions(Meta *meta, const char *tenant, const FindingTransitionQuery *query,
                         GError **error)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(free_transition);
    g_mutex_lock(&meta->read_lock);
    sqlite3_stmt *statement = meta_prepare(meta->reader, META_SQL_TRANSITIONS, error);
    int result = SQLITE_ERROR;
    if (statement != NULL) {
        meta_bind_text(statement, 1, tenant);
        bind_or_any(statement, 2, query->cluster);
        bind_or_any(statement, 3, query->fingerprint);
        sqlite3_bind_int64(statement, 4, query->from_ns);
        sqlite3_bind_int64(statement, 5, query->until_ns);
        sqlite3_bind_int64(statement, 6, query->limit);
        bind_place(statement, 7, query->after);
    }
    while (statement != NULL && (result = sqlite3_step(statement)) == SQLITE_ROW)
        g_ptr_array_add(list, read_transition(statement));
    return meta_finish_read(meta, statement, result, "list transitions", error)
               ? g_steal_pointer(&list)
               : NULL;
}

GPtrArray *
meta_finding_clusters(Meta *meta, const char *tenant, GError **error)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(free_cluster);
    g_mutex_lock(&meta->read_lock);
    sqlite3_stmt *statement = meta_prepare(meta->reader, META_SQL_FINDING_CLUSTERS, error);
    int result = SQLITE_ERROR;
    if (statement != NULL)
        meta_bind_text(statement, 1, tenant);
    while (statement != NULL && (result = sqlite3_step(statement)) == SQLITE_ROW) {
        FindingCluster *cluster = read_cluster(statement);
        cluster->n_open = sqlite3_column_int64(statement, 5);
        g_ptr_array_add(list, cluster);
    }
    return meta_finish_read(meta, statement, result, "list clusters", error)
               ? g_steal_pointer(&list)
               : NULL;
}

bool
meta_finding_count_open(Meta *meta, int64_t ret_counts[FINDING_SEVERITIES], GError **error)
{
    memset(ret_counts, 0, FINDING_SEVERITIES * sizeof *ret_counts);
    g_mutex_lock(&meta->read_lock);
    sqlite3_stmt *statement = meta_prepare(meta->reader, META_SQL_COUNT_OPEN, error);
    int result = SQLITE_ERROR;
    while (statement != NULL && (result = sqlite3_step(statement)) == SQLITE_ROW) {
        int64_t severity = sqlite3_column_int64(statement, 0);
        if (severity >= 0 && severity < FINDING_SEVERITIES)
            ret_counts[severity] = sqlite3_column_int64(statement, 1);
    }
    return meta_finish_read(meta, statement, result, "count findings", error);
}
