/* The server's own profile: there without an agent, under the tenant without a header. */
#include <string.h>

#include "tests/harness/check.h"
#include "tests/harness/server.h"
#include "tests/harness/temp_dir.h"

#define TYPE "process_cpu:cpu:nanoseconds:cpu:nanoseconds"
/* Enough CPU time for some samples at any speed: one comes every 10 ms of it. */
#define SAMPLES_WANTED 5

/* Keeps the server busy until it has taken samples of itself. */
static bool
has_samples(TestServer *server)
{
    g_autofree char *metrics = NULL;
    assert_int_equal(test_server_json(server, "/metrics", NULL, NULL, &metrics), 200);
    static const char name[] = "\ncresset_self_profile_samples_total ";
    const char *line = strstr(metrics, name);
    assert_non_null(line);
    return g_ascii_strtod(line + strlen(name), NULL) >= SAMPLES_WANTED;
}

static void
test_own_profile_is_stored(void **state)
{
    (void)state;
    g_autoptr(TempDir) dir = temp_dir_new();
    g_autoptr(TestServer) server = test_server_start(temp_dir_path(dir), NULL);
    int64_t start_us = g_get_monotonic_time();
    while (!has_samples(server)) {
        if (g_get_monotonic_time() - start_us > PROGRAM_WAIT_MS * INT64_C(1000))
            fail_msg("no sample of the server itself after %d ms of requests", PROGRAM_WAIT_MS);
    }
    test_server_stop(server); /* hands over the window under way */

    static const char *const off[] = {"--self-profile=false", NULL};
    g_autoptr(TestServer) again = test_server_start(temp_dir_path(dir), off);
    int64_t now_ms = g_get_real_time() / 1000;
    g_autofree char *query =
        g_strdup_printf("{\"profileTypeID\":\"" TYPE
                        "\",\"labelSelector\":\"{service_name=\\\"cresset-server\\\"}\","
                        "\"start\":%" G_GINT64_FORMAT ",\"end\":%" G_GINT64_FORMAT "}",
                        now_ms - 600000, now_ms + 1000);
    g_autofree char *answer = NULL;
    assert_int_equal(test_server_json(again, "/querier.v1.QuerierService/SelectMergeStacktraces",
                                      NULL, query, &answer),
                     200);
    assert_contains(answer, "\"total\":\"");
    /* Every request runs in the one or the other. */
    if (strstr(answer, "\"loop_run\"") == NULL)
        assert_contains(answer, "\"receive_handle\"");
    test_server_stop(again);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own_profile_is_stored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
