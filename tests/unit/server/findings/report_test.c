#include "server/findings/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/error.h"

static const FindingReportLimits LIMITS = {.findings_max = 2, .text_max = 40};

#define OBJECT "\"object\":{\"kind\":\"Pod\",\"namespace\":\"shop\",\"name\":\"web\"}"
#define BEFORE "\"check\":\"crash\",\"severity\":\"high\"," OBJECT ",\"since\":"
#define AFTER                                                                                      \
    ",\"title\":\"t\",\"cause\":\"\",\"evidence\":[\"e\"],\"fix\":[],\"explains\":[],"             \
    "\"fingerprint\":\"0aF\""
#define FINDING    "{" BEFORE "\"2026-01-31T11:00:00Z\"" AFTER "}"
#define HEAD       "{\"cluster\":\"prod\",\"clock\":\"2026-01-31T12:00:00Z\",\"findings\":"
#define REPORT(of) HEAD "[" of "],\"unverified\":[]}"

static FindingReport *
decode(const char *text, GError **error)
{
    return finding_report_decode(text, strlen(text), &LIMITS, error);
}

static void
test_reads_a_report(void **state)
{
    (void)state;
    g_autoptr(FindingReport) report =
        decode(HEAD "[{" BEFORE "null,\"title\":\"gr\\u00f6\\u00dfe\",\"cause\":\"c\",\"new\":{},"
                    "\"evidence\":[\"a\",\"\\\"\"],\"fix\":[\"do\"],\"explains\":[{\"x\":1,"
                    "\"check\":\"probe\"," OBJECT "}],\"fingerprint\":\"ab\"}],"
                    "\"unverified\":[{\"check\":\"crash\"," OBJECT ",\"reason\":\"403\"}]}",
               NULL);
    assert_non_null(report);
    assert_string_equal(report->cluster, "prod");
    assert_int_equal(report->clock_ns, INT64_C(1769860800000000000));
    assert_int_equal(report->findings->len, 1);
    const Finding *finding = report->findings->pdata[0];
    assert_string_equal(finding->title, "größe");
    assert_int_equal(finding->severity, 3);
    assert_int_equal(finding->since_ns, 0);
    assert_string_equal(finding->evidence, "[\"a\",\"\\\"\"]");
    assert_string_equal(finding->explains,
                        "[{\"check\":\"probe\"," OBJECT "}]"); /* what is not known is left out */
    assert_string_equal(finding->changes, "[]");
    assert_string_equal(finding->links, "[]");
    assert_string_equal(finding->note, "");
    assert_int_equal(report->unverified->len, 1);
    g_autofree char *key = finding_object_key("probe", "Pod", "shop", "web");
    assert_true(g_hash_table_contains(report->explained, key));
}

#define WORDS "null,\"title\":\"t\",\"cause\":\"\",\"evidence\":[],\"fix\":[],\"explains\":[],"

static void
test_reads_what_may_be_absent(void **state)
{
    (void)state;
    g_autoptr(FindingReport) report =
        decode(HEAD "[{" BEFORE WORDS "\"note\":\"maybe\",\"changes\":[\"3 min before: x\"],"
                    "\"links\":[{\"label\":\"Runbook\",\"url\":\"https://wiki/x\",\"y\":1}],"
                    "\"fingerprint\":\"ab\"}],\"unverified\":[]}",
               NULL);
    assert_non_null(report);
    const Finding *finding = report->findings->pdata[0];
    assert_string_equal(finding->note, "maybe");
    assert_string_equal(finding->changes, "[\"3 min before: x\"]");
    assert_string_equal(finding->links, "[{\"label\":\"Runbook\",\"url\":\"https://wiki/x\"}]");
}

static void
test_names_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
        int code;
    } cases[] = {
        {"", "the report is no JSON", CRESSET_ERROR_INVALID_ARGUMENT},
        {"[]", "the report must be an object", CRESSET_ERROR_INVALID_ARGUMENT},
        {"{}", "cluster must be a text", CRESSET_ERROR_INVALID_ARGUMENT},
        {"{\"cluster\":\"a\",\"clock\":\"noon\"}", "clock 'noon' is no time",
         CRESSET_ERROR_INVALID_ARGUMENT},
        {"{\"cluster\":\"a\",\"clock\":\"4052-01-31T12:00:00Z\"}",
         "clock '4052-01-31T12:00:00Z' is no", CRESSET_ERROR_INVALID_ARGUMENT},
        {"{\"cluster\":\"a\",\"clock\":\"2026-01-31T12:00:00Z\"}", "findings must be a list",
         CRESSET_ERROR_INVALID_ARGUMENT},
        {HEAD "[]}", "unverified must be a list", CRESSET_ERROR_INVALID_ARGUMENT},
        {REPORT("1"), "findings[0] must be an object", CRESSET_ERROR_INVALID_ARGUMENT},
        {REPORT("{}"), "findings[0].check must be a text", CRESSET_ERROR_INVALID_ARGUMENT},
        {REPORT("{" BEFORE "5" AFTER "}"), "findings[0].since must be a text",
         CRESSET_ERROR_INVALID_ARGUMENT},
        {REPORT("{\"check\":\"a\",\"severity\":\"bad\"}"),
         "findings[0].severity 'bad' is none of info, low", CRESSET_ERROR_INVALID_ARGUMENT},
        {REPORT("{\"check\":\"a\",\"severity\":\"low\",\"object\":{\"kind\":\"Pod\"}}"),
         "findings[0].object.namespace must be a text", CRESSET_ERROR_INVALID_ARGUMENT},
        {REPORT(FINDING "," FINDING), "findings[1].fingerprint is that of another",
         CRESSET_ERROR_INVALID_ARGUMENT},
        {REPORT(FINDING "," FINDING "," FINDING),
         "findings has 3 of them (max_findings_per_cluster is 2)", CRESSET_ERROR_OUT_OF_RANGE},
        {REPORT("{" BEFORE "null,\"title\":\"12345678901234567890123456789012345678901\"}"),
         "findings[0].title has 41 bytes (max_finding_text_length is 40)",
         CRESSET_ERROR_OUT_OF_RANGE},
        {REPORT("{" BEFORE "null,\"title\":\"t\",\"cause\":\"\",\"evidence\":[\"\",7]}"),
         "findings[0].evidence[1] must be a text", CRESSET_ERROR_INVALID_ARGUMENT},
        {REPORT("{" BEFORE WORDS "\"note\":7}"), "findings[0].note must be a text",
         CRESSET_ERROR_INVALID_ARGUMENT},
        {REPORT("{" BEFORE WORDS "\"changes\":{}}"), "findings[0].changes must be a list",
         CRESSET_ERROR_INVALID_ARGUMENT},
        {REPORT("{" BEFORE WORDS "\"links\":[{\"label\":\"x\",\"url\":\"javascript:1\"}]}"),
         "findings[0].links[0].url must begin with http:// or https://",
         CRESSET_ERROR_INVALID_ARGUMENT},
        {HEAD "[],\"unverified\":[{\"check\":\"\"}]}", "unverified[0].check must not be empty",
         CRESSET_ERROR_INVALID_ARGUMENT},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(FindingReport) report = decode(cases[i].text, &error);
        assert_null(report);
        if (!g_str_has_prefix(error->message, cases[i].message))
            fail_msg("%s: %s", cases[i].text, error->message);
        assert_true(g_error_matches(error, CRESSET_ERROR, cases[i].code));
    }
}

static void
test_fingerprints_are_digits(void **state)
{
    (void)state;
    g_autoptr(FindingReport) good = decode(REPORT(FINDING), NULL);
    assert_non_null(good);
    g_autofree char *text = g_strdup(REPORT(FINDING));
    *strstr(text, "0aF") = '/';
    g_autoptr(FindingReport) bad = decode(text, NULL);
    assert_null(bad);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_a_report),
        cmocka_unit_test(test_reads_what_may_be_absent),
        cmocka_unit_test(test_names_what_is_wrong),
        cmocka_unit_test(test_fingerprints_are_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
