#include "server/ingest/annotations.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "server/tenant/quota.h"

static void
assert_annotation(const GArray *annotations, guint i, const char *name, const char *text)
{
    assert_true(i < annotations->len);
    assert_string_equal(g_array_index(annotations, Label, i).name, name);
    assert_string_equal(g_array_index(annotations, Label, i).value, text);
}

static void
test_what_is_whole_has_none(void **state)
{
    (void)state;
    g_autoptr(GArray) throttles = g_array_new(FALSE, FALSE, sizeof(IngestThrottle));
    const UsageMatch whole = {.keep = 1, .keep_group = "web"}, no_rule = {.keep = 1};
    assert_null(annotations_new(NULL, &whole));
    assert_null(annotations_new(throttles, &no_rule));
    assert_null(annotations_new(throttles, &(UsageMatch){0}));
}

static void
test_sampling_tells_its_rule(void **state)
{
    (void)state;
    const UsageMatch usage = {.keep = 0.25, .keep_group = "team/\"x\""};
    g_autoptr(GArray) annotations = annotations_new(NULL, &usage);
    assert_int_equal(annotations->len, 1);
    assert_annotation(
        annotations, 0, "pyroscope.ingest.sampled",
        "{\"body\":{\"source\":{\"usageGroup\":\"team/\\\"x\\\"\",\"probability\":0.25}}}");
}

static void
test_throttles_tell_their_limit(void **state)
{
    (void)state;
    const IngestLimit limit = {.period = INGEST_PERIOD_DAY,
                               .sampling_requests = 3,
                               .sampling_period_ns = INT64_C(90) * 1000000000};
    const IngestThrottle both[] = {{&limit, 128, 1900000000, ""}, {&limit, 7, 0, "web"}};
    const UsageMatch usage = {.keep = 0, .keep_group = "other"};
    g_autoptr(GArray) throttles = g_array_new(FALSE, FALSE, sizeof(IngestThrottle));
    g_array_append_vals(throttles, both, 2);
    g_autoptr(GArray) annotations = annotations_new(throttles, &usage);
    assert_int_equal(annotations->len, 3);
    assert_annotation(annotations, 0, "pyroscope.ingest.throttled",
                      "{\"body\":{\"periodType\":\"day\",\"periodLimitMb\":128,"
                      "\"limitResetTime\":1900000000,\"samplingPeriodSec\":90,"
                      "\"samplingRequests\":3,\"usageGroup\":\"\"}}");
    assert_annotation(annotations, 1, "pyroscope.ingest.throttled",
                      "{\"body\":{\"periodType\":\"day\",\"periodLimitMb\":7,"
                      "\"limitResetTime\":0,\"samplingPeriodSec\":90,"
                      "\"samplingRequests\":3,\"usageGroup\":\"web\"}}");
    assert_annotation(annotations, 2, "pyroscope.ingest.sampled",
                      "{\"body\":{\"source\":{\"usageGroup\":\"other\",\"probability\":0}}}");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_whole_has_none),
        cmocka_unit_test(test_sampling_tells_its_rule),
        cmocka_unit_test(test_throttles_tell_their_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
