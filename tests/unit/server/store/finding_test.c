#include "server/store/finding.h"

#include <sqlite3.h>
#include <string.h>

#include "lib/base/error.h"
#include "server/store/meta_finding.h"
#include "tests/harness/check.h"
#include "tests/unit/server/store/meta_bed.h"

/* A report: its clock, what it sees, and what it is told. */
typedef struct {
    const char *tenant, *cluster;
    int64_t clock_ns, received_ns, retention_ns, silent_since_ns, transitions_max;
    const char *open, *resolved; /* fingerprints, one letter each */
    bool refuse;
    char *known; /* letters, capital when open; sorted */
} Report;

static Finding *
new_finding(const Report *report, char letter, int64_t resolved_ns)
{
    Finding *finding = g_new0(Finding, 1);
    finding->cluster = g_strdup(report->cluster);
    finding->fingerprint = g_strndup(&letter, 1);
    finding->check = g_strdup("crash");
    finding->kind = g_strdup("Pod");
    finding->ns = g_strdup(letter < 'm' ? "shop" : "pay");
    finding->name = g_strdup("web");
    finding->title = g_strdup("t");
    finding->cause = g_strdup("c");
    finding->evidence = g_strdup("[\"e\"]");
    finding->fix = g_strdup("[]");
    finding->explains = g_strdup("[]");
    finding->changes = g_strdup("[\"3 min before: x\"]");
    finding->links = g_strdup("[]");
    finding->note = g_strdup("n");
    finding->severity = letter % FINDING_SEVERITIES;
    finding->opened_ns = finding->seen_ns = report->clock_ns;
    finding->resolved_ns = resolved_ns;
    return finding;
}

static void
put(FindingChange *change, const Report *report, const char *letters, FindingTransitionType type)
{
    for (; letters != NULL && *letters != '\0'; letters++) {
        bool is_end = type == FINDING_RESOLVED;
        Finding *finding = new_finding(report, *letters, is_end ? report->clock_ns : 0);
        FindingTransition *transition = g_new0(FindingTransition, 1);
        transition->fingerprint = g_strdup(finding->fingerprint);
        transition->check = g_strdup(finding->check);
        transition->kind = g_strdup(finding->kind);
        transition->ns = g_strdup(finding->ns);
        transition->name = g_strdup(finding->name);
        transition->title = g_strdup(finding->title);
        transition->time_ns = report->clock_ns;
        transition->type = type;
        transition->severity = finding->severity;
        transition->former_severity = -1;
        g_ptr_array_add(change->put, finding);
        g_ptr_array_add(change->transitions, transition);
    }
}

static gint
compare_letters(gconstpointer a, gconstpointer b)
{
    return *(const char *)a - *(const char *)b;
}

static bool
grant(FindingChange *change, void *data, GError **error)
{
    Report *report = data;
    g_autoptr(GArray) letters = g_array_new(TRUE, FALSE, 1);
    GHashTableIter iter;
    void *value;
    g_hash_table_iter_init(&iter, change->known);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const Finding *finding = value;
        char letter = finding->fingerprint[0];
        letter = finding->resolved_ns == 0 ? g_ascii_toupper(letter) : letter;
        g_array_append_val(letters, letter);
    }
    g_array_sort(letters, compare_letters);
    report->known = g_strdup(letters->data);
    change->cluster.clock_ns = report->clock_ns;
    change->cluster.received_ns = report->received_ns;
    put(change, report, report->open, FINDING_OPENED);
    put(change, report, report->resolved, FINDING_RESOLVED);
    return !report->refuse || error_set(error, CRESSET_ERROR_ALREADY_EXISTS, "no");
}

/* Takes a report about the fingerprints in `asked`; what was known before. */
static void
take(MetaBed *bed, Report report, const char *asked, const char *known)
{
    g_autoptr(GPtrArray) fingerprints = g_ptr_array_new_with_free_func(g_free);
    for (; *asked != '\0'; asked++)
        g_ptr_array_add(fingerprints, g_strndup(asked, 1));
    const FindingReportKey key = {
        .tenant = report.tenant != NULL ? report.tenant : "a",
        .cluster = report.cluster != NULL ? report.cluster : "prod",
        .fingerprints = fingerprints,
        .silent_since_ns = report.silent_since_ns,
        .retention_ns = report.retention_ns > 0 ? report.retention_ns : 1000,
        .transitions_max = report.transitions_max > 0 ? report.transitions_max : 100};
    g_autoptr(GError) error = NULL;
    report.cluster = key.cluster;
    assert_int_equal(meta_finding_change(bed->meta, &key, grant, &report, &error), !report.refuse);
    assert_string_equal(report.known, known);
    g_free(report.known);
}

/* The fingerprints of a list. */
static void
assert_findings(MetaBed *bed, const char *tenant, FindingQuery query, const char *expected)
{
    query.limit = query.limit > 0 ? query.limit : 100;
    g_autoptr(GPtrArray) list = meta_finding_list(bed->meta, tenant, &query, NULL);
    g_autoptr(GString) out = g_string_new(NULL);
    for (guint i = 0; i < list->len; i++)
        g_string_append(out, ((const Finding *)list->pdata[i])->fingerprint);
    assert_string_equal(out->str, expected);
}

static void
assert_transitions(MetaBed *bed, FindingTransitionQuery query, const char *expected)
{
    query.limit = query.limit > 0 ? query.limit : 100;
    query.until_ns = query.until_ns > 0 ? query.until_ns : INT64_MAX;
    g_autoptr(GPtrArray) list = meta_finding_transitions(bed->meta, "a", &query, NULL);
    g_autoptr(GString) out = g_string_new(NULL);
    for (guint i = 0; i < list->len; i++) {
        const FindingTransition *transition = list->pdata[i];
        g_string_append_printf(out, "%s%d ", transition->fingerprint, (int)transition->time_ns);
    }
    assert_string_equal(out->str, expected);
}

static void
test_knows_what_is_open_and_what_is_asked_for(void **state)
{
    MetaBed *bed = *state;
    take(bed, (Report){.clock_ns = 10, .open = "abc"}, "abc", "");
    take(bed, (Report){.clock_ns = 20, .resolved = "ab"}, "", "ABC");
    take(bed, (Report){.clock_ns = 30}, "bz", "Cb");
    take(bed, (Report){.clock_ns = 40, .cluster = "test", .open = "a"}, "abc", "");
    take(bed, (Report){.clock_ns = 40, .tenant = "b", .open = "a"}, "abc", "");
    assert_findings(bed, "a", (FindingQuery){.state = FINDING_STATE_OPEN}, "ca");
    assert_findings(bed, "a", (FindingQuery){.state = FINDING_STATE_RESOLVED}, "ba");
    assert_findings(bed, "b", (FindingQuery){.state = FINDING_STATE_ALL}, "a");
    assert_transitions(bed, (FindingTransitionQuery){0}, "a40 a20 b20 a10 b10 c10 ");
}

static void
test_a_refused_report_leaves_nothing(void **state)
{
    MetaBed *bed = *state;
    take(bed, (Report){.clock_ns = 10, .open = "a"}, "", "");
    take(bed, (Report){.clock_ns = 20, .open = "b", .resolved = "a", .refuse = true}, "", "A");
    assert_findings(bed, "a", (FindingQuery){.state = FINDING_STATE_ALL}, "a");
    assert_transitions(bed, (FindingTransitionQuery){0}, "a10 ");
    g_autoptr(GPtrArray) clusters = meta_finding_clusters(bed->meta, "a", NULL);
    assert_int_equal(clusters->len, 1);
    const FindingCluster *cluster = clusters->pdata[0];
    assert_int_equal(cluster->clock_ns, 10);
    assert_int_equal(cluster->report, 1);
    assert_int_equal(cluster->n_open, 1);
}

static void
test_filters(void **state)
{
    MetaBed *bed = *state;
    take(bed, (Report){.clock_ns = 10, .open = "abcdn"}, "", "");
    take(bed, (Report){.clock_ns = 20, .cluster = "test", .open = "a"}, "", "");
    FindingQuery any = {.state = FINDING_STATE_ALL};
    assert_findings(bed, "a", any, "cbaadn"); /* of severities 4, 3, 2, 2, 0, 0 */
    FindingQuery query = any;
    query.cluster = "test";
    assert_findings(bed, "a", query, "a");
    query = any;
    query.ns = "pay";
    assert_findings(bed, "a", query, "n");
    query = any;
    query.severity_min = 3;
    assert_findings(bed, "a", query, "cb");
    query = any;
    query.fingerprint = "a";
    query.limit = 1;
    assert_findings(bed, "a", query, "a");
    query = any;
    query.kind = "Node";
    assert_findings(bed, "a", query, "");
    assert_transitions(bed, (FindingTransitionQuery){.from_ns = 11}, "a20 ");
    assert_transitions(bed, (FindingTransitionQuery){.until_ns = 10, .limit = 2}, "a10 b10 ");
    assert_transitions(bed, (FindingTransitionQuery){.fingerprint = "a", .cluster = "prod"},
                       "a10 ");
    int64_t counts[FINDING_SEVERITIES];
    assert_true(meta_finding_count_open(bed->meta, counts, NULL));
    assert_int_equal(counts[2], 2);
    assert_int_equal(counts[4], 1);
}

static void
test_forgets_what_is_old(void **state)
{
    MetaBed *bed = *state;
    take(bed, (Report){.clock_ns = 10, .open = "ab"}, "", "");
    take(bed, (Report){.clock_ns = 20, .resolved = "a"}, "", "AB");
    take(bed, (Report){.clock_ns = 1015}, "a", "Ba"); /* the end of a is 995 old */
    assert_transitions(bed, (FindingTransitionQuery){0}, "a20 ");
    take(bed, (Report){.clock_ns = 1021}, "a", "Ba");
    assert_transitions(bed, (FindingTransitionQuery){0}, "");
    assert_findings(bed, "a", (FindingQuery){.state = FINDING_STATE_ALL}, "b");
}

static void
test_keeps_the_newest_transitions(void **state)
{
    MetaBed *bed = *state;
    for (int64_t i = 0; i < 5; i++) {
        const char letters[] = {(char)('a' + i), '\0'};
        g_autofree char *before = g_strndup("ABCD", (gsize)i);
        take(bed, (Report){.clock_ns = 10 + i, .open = letters, .transitions_max = 3}, "", before);
    }
    assert_transitions(bed, (FindingTransitionQuery){0}, "e14 d13 c12 ");
}

static void
test_forgets_silent_clusters(void **state)
{
    MetaBed *bed = *state;
    take(bed, (Report){.clock_ns = 10, .received_ns = 100, .cluster = "old", .open = "a"}, "", "");
    take(bed, (Report){.clock_ns = 10, .received_ns = 200, .open = "b"}, "", "");
    take(bed, (Report){.clock_ns = 11, .received_ns = 300, .silent_since_ns = 150}, "", "B");
    g_autoptr(GPtrArray) clusters = meta_finding_clusters(bed->meta, "a", NULL);
    assert_int_equal(clusters->len, 1);
    assert_findings(bed, "a", (FindingQuery){.state = FINDING_STATE_ALL}, "b");
    assert_transitions(bed, (FindingTransitionQuery){0}, "b10 ");
}

static void
test_survives_a_restart(void **state)
{
    MetaBed *bed = *state;
    bool is_new;
    take(bed, (Report){.clock_ns = 10, .open = "a"}, "", "");
    meta_close(bed->meta);
    bed->meta = meta_open(bed->path, &is_new, NULL);
    assert_false(is_new);
    take(bed, (Report){.clock_ns = 20}, "", "A");
    FindingQuery query = {.state = FINDING_STATE_ALL, .limit = 1};
    g_autoptr(GPtrArray) list = meta_finding_list(bed->meta, "a", &query, NULL);
    const Finding *finding = list->pdata[0];
    assert_string_equal(finding->evidence, "[\"e\"]");
    assert_string_equal(finding->ns, "shop");
    assert_int_equal(finding->opened_ns, 10);
}

static void
execute(const char *path, const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void
test_tables_of_the_first_version_are_brought_up(void **state)
{
    MetaBed *bed = *state;
    bool is_new;
    take(bed, (Report){.clock_ns = 10, .open = "a"}, "", "");
    meta_close(bed->meta);
    execute(bed->path, "ALTER TABLE finding DROP COLUMN changes; ALTER TABLE finding DROP COLUMN "
                       "links; ALTER TABLE finding DROP COLUMN note; DELETE FROM schema_version "
                       "WHERE version > 1");
    bed->meta = meta_open(bed->path, &is_new, NULL);
    assert_non_null(bed->meta);
    take(bed, (Report){.clock_ns = 20, .open = "b"}, "", "A");
    const FindingQuery query = {.state = FINDING_STATE_OPEN, .limit = 9, .fingerprint = "a"};
    g_autoptr(GPtrArray) list = meta_finding_list(bed->meta, "a", &query, NULL);
    assert_int_equal(list->len, 1);
    const Finding *finding = list->pdata[0];
    assert_string_equal(finding->changes, "[]");
    assert_string_equal(finding->links, "[]");
    assert_string_equal(finding->note, "");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_knows_what_is_open_and_what_is_asked_for,
                                        meta_bed_set_up, meta_bed_tear_down),
        cmocka_unit_test_setup_teardown(test_a_refused_report_leaves_nothing, meta_bed_set_up,
                                        meta_bed_tear_down),
        cmocka_unit_test_setup_teardown(test_filters, meta_bed_set_up, meta_bed_tear_down),
        cmocka_unit_test_setup_teardown(test_forgets_what_is_old, meta_bed_set_up,
                                        meta_bed_tear_down),
        cmocka_unit_test_setup_teardown(test_keeps_the_newest_transitions, meta_bed_set_up,
                                        meta_bed_tear_down),
        cmocka_unit_test_setup_teardown(test_forgets_silent_clusters, meta_bed_set_up,
                                        meta_bed_tear_down),
        cmocka_unit_test_setup_teardown(test_tables_of_the_first_version_are_brought_up,
                                        meta_bed_set_up, meta_bed_tear_down),
        cmocka_unit_test_setup_teardown(test_survives_a_restart, meta_bed_set_up,
                                        meta_bed_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
