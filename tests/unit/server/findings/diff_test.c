#include "server/findings/diff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define NS INT64_C(1000000000)

static const FindingReportLimits LIMITS = {.findings_max = 10, .text_max = 1000};

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

typedef struct {
    GHashTable *known;
    int64_t clock_s;
} Bed;

static int
set_up(void **state)
{
    Bed *bed = g_new0(Bed, 1);
    bed->known = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, free_finding);
    *state = bed;
    return 0;
}

static int
tear_down(void **state)
{
    Bed *bed = *state;
    g_hash_table_unref(bed->known);
    g_free(bed);
    return 0;
}

/* A finding of check `check` about a pod, with what it explains. */
static char *
pod(const char *fingerprint, const char *check, const char *name, const char *severity,
    const char *title, const char *explains)
{
    return g_strdup_printf(
        "{\"check\":\"%s\",\"severity\":\"%s\",\"object\":{\"kind\":\"Pod\",\"namespace\":\"shop\","
        "\"name\":\"%s\"},\"since\":null,\"title\":\"%s\",\"cause\":\"c\",\"evidence\":[],"
        "\"fix\":[],\"explains\":[%s],\"fingerprint\":\"%s\"}",
        check, severity, name, title, explains, fingerprint);
}

/* Takes a report a minute after the last one; the transitions as "type fingerprint", sorted as the
 * findings stand, and the counts. */
static FindingDiff
take(Bed *bed, const char *findings, const char *unverified, const char *expected)
{
    static const char *const types[] = {"opened", "changed", "resolved", "reopened", "folded"};
    bed->clock_s += 60;
    g_autofree char *text =
        g_strdup_printf("{\"cluster\":\"c\",\"clock\":\"2026-01-31T12:%02d:00Z\",\"findings\":[%s],"
                        "\"unverified\":[%s]}",
                        (int)(bed->clock_s / 60), findings, unverified);
    g_autoptr(FindingReport) report = finding_report_decode(text, strlen(text), &LIMITS, NULL);
    assert_non_null(report);
    g_autoptr(GPtrArray) put = g_ptr_array_new_with_free_func(free_finding);
    g_autoptr(GPtrArray) transitions = g_ptr_array_new_with_free_func(free_transition);
    FindingChange change = {.known = bed->known, .put = put, .transitions = transitions};
    FindingDiff diff;
    finding_diff(report, &change, &diff);
    g_autoptr(GString) got = g_string_new(NULL);
    for (guint i = 0; i < transitions->len; i++) {
        const FindingTransition *transition = transitions->pdata[i];
        assert_int_equal(transition->time_ns, report->clock_ns);
        g_string_append_printf(got, "%s%s %s", i > 0 ? ", " : "", types[transition->type],
                               transition->fingerprint);
    }
    assert_string_equal(got->str, expected);
    for (guint i = 0; i < put->len; i++) {
        Finding *finding = finding_copy(put->pdata[i]);
        g_hash_table_replace(bed->known, finding->fingerprint, finding);
    }
    return diff;
}

static const Finding *
known(const Bed *bed, const char *fingerprint)
{
    const Finding *finding = g_hash_table_lookup(bed->known, fingerprint);
    assert_non_null(finding);
    return finding;
}

static void
test_comes_changes_goes_and_is_back(void **state)
{
    Bed *bed = *state;
    g_autofree char *high = pod("a1", "crash", "web", "high", "t", "");
    g_autofree char *low = pod("a1", "crash", "web", "low", "t", "");
    g_autofree char *other_title = pod("a1", "crash", "web", "low", "u", "");
    FindingDiff diff = take(bed, high, "", "opened a1");
    assert_int_equal(diff.open, 1);
    int64_t opened_ns = known(bed, "a1")->opened_ns;
    take(bed, high, "", "");
    take(bed, low, "", "changed a1");
    take(bed, other_title, "", "changed a1");
    assert_int_equal(known(bed, "a1")->opened_ns, opened_ns);
    assert_int_equal(known(bed, "a1")->seen_ns, opened_ns + 180 * NS);
    diff = take(bed, "", "", "resolved a1");
    assert_int_equal(diff.open, 0);
    assert_int_equal(known(bed, "a1")->resolved_ns, opened_ns + 240 * NS);
    take(bed, "", "", "");
    take(bed, high, "", "reopened a1");
    assert_int_equal(known(bed, "a1")->resolved_ns, 0);
    assert_int_equal(known(bed, "a1")->opened_ns, opened_ns + 360 * NS);
}

static void
test_unknown_is_not_healthy(void **state)
{
    Bed *bed = *state;
    g_autofree char *web = pod("a1", "crash", "web", "high", "t", "");
#define UNVERIFIED(check, kind, ns, name)                                                          \
    "{\"check\":\"" check "\",\"object\":{\"kind\":\"" kind "\",\"namespace\":\"" ns               \
    "\",\"name\":\"" name "\"},\"reason\":\"r\"}"
    static const char *const kept[] = {
        UNVERIFIED("crash", "Pod", "", ""), UNVERIFIED("crash", "Pod", "shop", ""),
        UNVERIFIED("crash", "Pod", "shop", "web"),
        UNVERIFIED("crash", "ConfigMap", "shop", "settings"), /* which any pod may need */
    };
    static const char *const gone[] = {
        UNVERIFIED("probe", "Pod", "", ""),
        UNVERIFIED("crash", "Pod", "other", ""),
        UNVERIFIED("crash", "Pod", "shop", "api"),
        UNVERIFIED("crash", "ConfigMap", "other", "settings"),
    };
    take(bed, web, "", "opened a1");
    for (size_t i = 0; i < G_N_ELEMENTS(kept); i++) {
        FindingDiff diff = take(bed, "", kept[i], "");
        assert_int_equal(diff.kept, 1);
        assert_int_equal(diff.open, 1);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(gone); i++) {
        take(bed, "", gone[i], "resolved a1");
        take(bed, web, "", "reopened a1");
    }
}

static void
test_explained_is_folded(void **state)
{
    Bed *bed = *state;
    g_autofree char *web = pod("a1", "crash", "web", "high", "t", "");
    g_autofree char *cause = pod("b2", "config", "web", "high", "t",
                                 "{\"check\":\"crash\",\"object\":{\"kind\":\"Pod\","
                                 "\"namespace\":\"shop\",\"name\":\"web\"}}");
    take(bed, web, "", "opened a1");
    take(bed, cause, "", "opened b2, folded a1");
    take(bed, web, "", "reopened a1, resolved b2");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_comes_changes_goes_and_is_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unknown_is_not_healthy, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_explained_is_folded, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
