/* What `go tool pprof -top` says about a profile of a Go program is what it says about the same
 * profile after it was stored and exported. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/server/query/query_fixture.h"

static void
push_file(const Fixture *fixture, const char *path, const char *name)
{
    g_autofree char *bytes = NULL;
    gsize size = 0;
    assert_true(g_file_get_contents(path, &bytes, &size, NULL));
    const Label labels[] = {{"__name__", name}, {"service_name", "go"}};
    fixture_push_bytes(fixture, labels, 2, (uint8_t *)bytes, size);
}

/* The table of `go tool pprof -top`, all rows, from its first line about nodes on. */
static char *
run_top(const char *path, const char *type)
{
    g_autofree char *index = g_strdup_printf("-sample_index=%s", type);
    const char *argv[] = {"go",  "tool", "pprof", "-top", "-nodefraction=0", "-nodecount=1000000",
                          index, path,   NULL};
    g_autofree char *out = NULL, *err = NULL;
    g_autoptr(GError) error = NULL;
    int status = 0;
    if (!g_spawn_sync(NULL, (char **)(uintptr_t)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &out,
                      &err, &status, &error) ||
        !g_spawn_check_wait_status(status, &error))
        fail_msg("go tool pprof: %s: %s", error->message, err != NULL ? err : "");
    const char *table = strstr(out, "Showing nodes");
    assert_non_null(table);
    return g_strdup(table);
}

static void
compare_top(const Fixture *fixture, const char *path, const char *id)
{
    Query query = {
        .store = fixture->store, .tenant = "t", .end_ns = INT64_MAX / 2, .profile_type = id};
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) pprof = query_pprof(&query, &error);
    assert_null(error);
    g_autofree char *exported = g_build_filename(fixture->folder, "exported.pb", NULL);
    gsize size;
    const char *bytes = g_bytes_get_data(pprof, &size);
    assert_true(g_file_set_contents(exported, bytes, (gssize)size, NULL));
    g_auto(GStrv) parts = g_strsplit(id, ":", -1);
    g_autofree char *expected = run_top(path, parts[1]), *actual = run_top(exported, parts[1]);
    assert_non_null(strstr(expected, "main."));
    assert_string_equal(actual, expected);
}

static void
test_top(void **state)
{
    const Fixture *fixture = *state;
    static const char CPU_FILE[] = CRESSET_SOURCE_DIR "/tests/fixtures/go_pprof/cpu.pb.gz";
    static const char HEAP_FILE[] = CRESSET_SOURCE_DIR "/tests/fixtures/go_pprof/heap.pb.gz";
    push_file(fixture, CPU_FILE, "process_cpu");
    push_file(fixture, HEAP_FILE, "memory");
    compare_top(fixture, CPU_FILE, CPU);
    compare_top(fixture, CPU_FILE, "process_cpu:samples:count:cpu:nanoseconds");
    compare_top(fixture, HEAP_FILE, "memory:alloc_space:bytes:space:bytes");
    compare_top(fixture, HEAP_FILE, "memory:inuse_objects:count:space:bytes");
}

int
main(void)
{
    g_autofree char *go = g_find_program_in_path("go");
    if (go == NULL) {
        printf("skipped: there is no go in PATH\n");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_top, fixture_set_up, fixture_tear_down)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
