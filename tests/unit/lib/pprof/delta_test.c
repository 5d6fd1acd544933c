#include "lib/pprof/delta.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "include/cresset/limits.h"
#include "lib/base/error.h"
#include "lib/pprof/encode.h"
#include "lib/pprof/gzip.h"
#include "lib/pprof/wire.h"
#include "tests/unit/lib/pprof/heap_text.h"

#define SECOND INT64_C(1000000000)

enum { PERIOD = 524288 };

static const char *const CUMULATIVE[] = {"alloc_objects", "alloc_space", NULL};
static const char *const NOTHING[] = {NULL};

static GByteArray *
heap(int64_t time_s, const char *rows)
{
    return heap_text_encode(PERIOD, time_s, rows);
}

/* The next profile, as bytes, must give this kind and this delta. */
static void
expect_bytes(PprofDelta *delta, PprofDeltaInput input, PprofDeltaKind kind, const char *want)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    g_byte_array_append(out, (const uint8_t *)"old", 3);
    g_autoptr(GError) error = NULL;
    PprofDeltaKind got = (PprofDeltaKind)-1;
    assert_true(pprof_delta_next(delta, &input, out, &got, &error));
    assert_null(error);
    g_autofree char *text = heap_text_print(out);
    assert_string_equal(text, want);
    assert_int_equal(got, kind);
}

static void
expect_started(PprofDelta *delta, int64_t start_s, int64_t time_s, const char *rows,
               PprofDeltaKind kind, const char *want)
{
    g_autoptr(GByteArray) bytes = heap(time_s, rows);
    PprofDeltaInput input = {.profile = bytes->data,
                             .size = bytes->len,
                             .start_ns = start_s * SECOND,
                             .interval_ns = 15 * SECOND};
    expect_bytes(delta, input, kind, want);
}

static void
expect(PprofDelta *delta, int64_t time_s, const char *rows, PprofDeltaKind kind, const char *want)
{
    expect_started(delta, 0, time_s, rows, kind, want);
}

static void
expect_error(PprofDelta *delta, const uint8_t *data, size_t size, CressetError code,
             const char *message)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    g_autoptr(GError) error = NULL;
    PprofDeltaKind kind;
    PprofDeltaInput input = {.profile = data, .size = size};
    assert_false(pprof_delta_next(delta, &input, out, &kind, &error));
    assert_non_null(error);
    assert_int_equal(error->code, code);
    if (strstr(error->message, message) == NULL)
        fail_msg("\"%s\" does not contain \"%s\"", error->message, message);
}

/* ---- Differences ---- */

static void
test_differences(void **state)
{
    (void)state;
    g_autoptr(PprofDelta) delta = pprof_delta_new(CUMULATIVE);
    expect(delta, 100, "main;f 16 1 16 0\nmain;g 32 5 160 0\nmain;h 8 9 72 8", PPROF_DELTA_FIRST,
           "100+0:\nmain;h 8 0 0 8\n");
    /* Other ids and another order; g does not change and h has only what is in use. */
    expect(delta, 115, "main;new 64 2 128 64\nmain;h 8 9 72 8\nmain;g 32 5 160 0\nmain;f 16 4 64 0",
           PPROF_DELTA_CHANGED,
           "100+15:\nmain;new 64 2 128 64\nmain;h 8 0 0 8\nmain;f 16 3 48 0\n");
    expect(delta, 131, "main;new 64 3 192 0\nmain;h 8 9 72 0\nmain;g 32 6 192 0\nmain;f 16 4 64 0",
           PPROF_DELTA_CHANGED, "115+16:\nmain;new 64 1 64 0\nmain;g 32 1 32 0\n");
}

static void
test_nothing_happened(void **state)
{
    (void)state;
    g_autoptr(PprofDelta) delta = pprof_delta_new(CUMULATIVE);
    expect(delta, 100, "", PPROF_DELTA_FIRST, "");
    expect(delta, 115, "", PPROF_DELTA_EMPTY, "");
    expect(delta, 130, "main 16 1 16 0", PPROF_DELTA_CHANGED, "115+15:\nmain 16 1 16 0\n");
    expect(delta, 145, "main 16 1 16 0", PPROF_DELTA_EMPTY, "");
    expect(delta, 160, "main 16 2 32 0", PPROF_DELTA_CHANGED, "145+15:\nmain 16 1 16 0\n");
}

/* Only the whole stack with its labels is the key. */
static void
test_keys(void **state)
{
    (void)state;
    g_autoptr(PprofDelta) delta = pprof_delta_new(CUMULATIVE);
    expect(delta, 100, "a;b 16 1 16 0\na;b 32 1 32 0\na 16 1 16 0\nb;a 16 1 16 0",
           PPROF_DELTA_FIRST, "");
    expect(delta, 115, "a;b 16 2 32 0\na;b 32 3 96 0\na 16 4 64 0\nb;a 16 8 128 0",
           PPROF_DELTA_CHANGED,
           "100+15:\na;b 16 1 16 0\na;b 32 2 64 0\na 16 3 48 0\nb;a 16 7 112 0\n");
}

/* Tables of the profile by hand, because the builder would add up what is equal. */
static GByteArray *
two_equal_rows(int64_t first, int64_t second)
{
    static ProfileString strings[] = {{"", 0}, {"alloc_space", 11}, {"bytes", 5}, {"f", 1}};
    ProfileValueType types[] = {{1, 2}};
    ProfileFunction function = {.id = 1, .name = 3};
    ProfileLine lines[] = {{0, 7}, {0, 7}};
    ProfileLocation locations[] = {
        {.id = 1, .address = 5, .mapping = PROFILE_NONE, .first_line = 0, .n_lines = 1},
        {.id = 2, .address = 5, .mapping = PROFILE_NONE, .first_line = 1, .n_lines = 1},
    };
    uint32_t stack[] = {0, 1};
    ProfileLabel labels[] = {{.key = 3, .num = 1}, {.key = 3, .num = 1}};
    ProfileSample samples[] = {{0, 1, 0, 1}, {1, 1, 1, 1}};
    int64_t values[] = {first, second};
    Profile profile = {
        .strings = strings,
        .n_strings = 4,
        .sample_types = types,
        .n_sample_types = 1,
        .functions = &function,
        .n_functions = 1,
        .lines = lines,
        .n_lines = 2,
        .locations = locations,
        .n_locations = 2,
        .n_samples = 2,
        .samples = samples,
        .stack_locations = stack,
        .n_stack_locations = 2,
        .labels = labels,
        .n_labels = 2,
        .values = values,
        .time_ns = SECOND,
    };
    return pprof_encode(&profile);
}

static void
expect_equal_rows(PprofDelta *delta, int64_t first, int64_t second, PprofDeltaKind kind,
                  const char *want)
{
    g_autoptr(GByteArray) bytes = two_equal_rows(first, second);
    expect_bytes(delta, (PprofDeltaInput){.profile = bytes->data, .size = bytes->len}, kind, want);
}

static void
test_equal_rows_are_added_up(void **state)
{
    (void)state;
    g_autoptr(PprofDelta) delta = pprof_delta_new(CUMULATIVE);
    expect_equal_rows(delta, 10, 20, PPROF_DELTA_FIRST, "");
    expect_equal_rows(delta, 25, 20, PPROF_DELTA_CHANGED, "1+0:\nf 1 15\n");
    expect_equal_rows(delta, 0, 46, PPROF_DELTA_CHANGED, "1+0:\nf 1 1\n");
}

/* Negative counters count as 0, and sums end at the largest value. */
static void
test_impossible_values(void **state)
{
    (void)state;
    g_autoptr(PprofDelta) delta = pprof_delta_new(CUMULATIVE);
    expect_equal_rows(delta, -5, INT64_MIN, PPROF_DELTA_FIRST, "");
    expect_equal_rows(delta, -5, 3, PPROF_DELTA_CHANGED, "1+0:\nf 1 3\n");
    expect_equal_rows(delta, INT64_MAX, INT64_MAX, PPROF_DELTA_CHANGED,
                      "1+0:\nf 1 9223372036854775804\n");
    expect_equal_rows(delta, INT64_MAX, 0, PPROF_DELTA_EMPTY, "");
}

/* ---- Restarts ---- */

static void
test_reset_by_start(void **state)
{
    (void)state;
    g_autoptr(PprofDelta) delta = pprof_delta_new(CUMULATIVE);
    expect_started(delta, 10, 100, "f 16 1 16 0\ng 16 1 16 0", PPROF_DELTA_FIRST, "");
    expect_started(delta, 10, 115, "f 16 2 32 0\ng 16 1 16 0", PPROF_DELTA_CHANGED,
                   "100+15:\nf 16 1 16 0\n");
    /* No counter is less, but the target started at 120. */
    expect_started(delta, 120, 130, "f 16 5 80 0\ng 16 1 16 0", PPROF_DELTA_RESET,
                   "120+10:\nf 16 5 80 0\ng 16 1 16 0\n");
    expect_started(delta, 120, 145, "f 16 6 96 0\ng 16 1 16 0", PPROF_DELTA_CHANGED,
                   "130+15:\nf 16 1 16 0\n");
}

/* A start that is rounded up may be later than the first profile. */
static void
test_rounded_start(void **state)
{
    (void)state;
    g_autoptr(PprofDelta) delta = pprof_delta_new(CUMULATIVE);
    expect_started(delta, 101, 100, "f 16 1 16 0", PPROF_DELTA_CHANGED, "100+0:\nf 16 1 16 0\n");
    expect_started(delta, 101, 115, "f 16 3 48 0", PPROF_DELTA_CHANGED, "101+14:\nf 16 2 32 0\n");
}

static void
test_reset_by_total(void **state)
{
    (void)state;
    g_autoptr(PprofDelta) delta = pprof_delta_new(CUMULATIVE);
    expect(delta, 100, "a 16 1 16 0\nb 16 1 16 0\nc 16 1 16 0\nhot 8 100 800 0", PPROF_DELTA_FIRST,
           "");
    /* Three of four rows are as they were. */
    expect(delta, 115, "a 16 1 16 0\nb 16 1 16 0\nc 16 1 16 0\nhot 8 2 16 8", PPROF_DELTA_RESET,
           "100+15:\na 16 1 16 0\nb 16 1 16 0\nc 16 1 16 0\nhot 8 2 16 8\n");
    expect(delta, 130, "a 16 1 16 0\nb 16 1 16 0\nc 16 1 16 0\nhot 8 3 24 0", PPROF_DELTA_CHANGED,
           "115+15:\nhot 8 1 8 0\n");
}

static void
test_reset_by_rows(void **state)
{
    (void)state;
    g_autoptr(PprofDelta) delta = pprof_delta_new(CUMULATIVE);
    expect(delta, 100, "a 16 4 64 0\nb 16 4 64 0\nc 16 4 64 0\nd 16 4 64 0", PPROF_DELTA_FIRST, "");
    expect(delta, 115, "a 16 9 144 0\nb 16 9 144 0\nc 16 3 48 0", PPROF_DELTA_RESET,
           "100+15:\na 16 9 144 0\nb 16 9 144 0\nc 16 3 48 0\n");
}

/* One of many that counts less is no restart; it has no delta, and counts from there on. */
static void
test_single_row_falls(void **state)
{
    (void)state;
    g_autoptr(PprofDelta) delta = pprof_delta_new(CUMULATIVE);
    expect(delta, 100, "a 16 4 64 0\nb 16 4 64 0\nc 16 4 64 0", PPROF_DELTA_FIRST, "");
    expect(delta, 115, "a 16 9 144 0\nb 16 5 80 0\nc 16 3 48 0", PPROF_DELTA_CHANGED,
           "100+15:\na 16 5 80 0\nb 16 1 16 0\n");
    expect(delta, 130, "a 16 9 144 0\nb 16 5 80 0\nc 16 4 64 0", PPROF_DELTA_CHANGED,
           "115+15:\nc 16 1 16 0\n");
}

/* A restarted target that has counted nothing yet. */
static void
test_reset_without_rows(void **state)
{
    (void)state;
    g_autoptr(PprofDelta) delta = pprof_delta_new(CUMULATIVE);
    expect(delta, 100, "a 16 4 64 0", PPROF_DELTA_FIRST, "");
    expect(delta, 115, "", PPROF_DELTA_EMPTY, "");
    expect(delta, 130, "a 16 1 16 0", PPROF_DELTA_CHANGED, "115+15:\na 16 1 16 0\n");
}

static void
test_young_target(void **state)
{
    (void)state;
    g_autoptr(PprofDelta) young = pprof_delta_new(CUMULATIVE);
    expect_started(young, 90, 100, "f 16 1 16 16", PPROF_DELTA_CHANGED, "90+10:\nf 16 1 16 16\n");
    expect_started(young, 90, 115, "f 16 1 16 0", PPROF_DELTA_EMPTY, "");
    g_autoptr(PprofDelta) old = pprof_delta_new(CUMULATIVE);
    expect_started(old, 84, 100, "f 16 1 16 16", PPROF_DELTA_FIRST, "100+0:\nf 16 0 0 16\n");
}

/* Values that count something else are no base. */
static void
test_other_period(void **state)
{
    (void)state;
    g_autoptr(PprofDelta) delta = pprof_delta_new(CUMULATIVE);
    expect(delta, 100, "f 16 9 144 0", PPROF_DELTA_FIRST, "");
    g_autoptr(GByteArray) other = heap_text_encode(1, 115, "f 16 3 48 16");
    PprofDeltaInput input = {.profile = other->data, .size = other->len};
    expect_bytes(delta, input, PPROF_DELTA_FIRST, "115+0:\nf 16 0 0 16\n");
    g_autoptr(GByteArray) next = heap_text_encode(1, 130, "f 16 4 64 0");
    input = (PprofDeltaInput){.profile = next->data, .size = next->len};
    expect_bytes(delta, input, PPROF_DELTA_CHANGED, "115+15:\nf 16 1 16 0\n");
}

/* ---- What is kept ---- */

/* A row that one profile lacks has its base still; one that two lack is forgotten. */
static void
test_gone_rows(void **state)
{
    (void)state;
    g_autoptr(PprofDelta) delta = pprof_delta_new(CUMULATIVE);
    expect(delta, 100, "a 16 90 1440 0\nb 16 90 1440 0\nrare 16 1 16 0", PPROF_DELTA_FIRST, "");
    size_t all = pprof_delta_memory(delta);
    expect(delta, 115, "a 16 95 1520 0\nb 16 90 1440 0", PPROF_DELTA_CHANGED,
           "100+15:\na 16 5 80 0\n");
    assert_int_equal(pprof_delta_memory(delta), all);
    expect(delta, 130, "a 16 95 1520 0\nb 16 90 1440 0\nrare 16 3 48 0", PPROF_DELTA_CHANGED,
           "115+15:\nrare 16 2 32 0\n");
    expect(delta, 145, "a 16 98 1568 0\nb 16 90 1440 0", PPROF_DELTA_CHANGED,
           "130+15:\na 16 3 48 0\n");
    expect(delta, 160, "a 16 98 1568 0\nb 16 90 1440 0", PPROF_DELTA_EMPTY, "");
    assert_true(pprof_delta_memory(delta) < all);
    expect(delta, 175, "a 16 98 1568 0\nb 16 90 1440 0\nrare 16 4 64 0", PPROF_DELTA_CHANGED,
           "160+15:\nrare 16 4 64 0\n");
}

static void
test_bytes_per_row(void **state)
{
    (void)state;
    enum { ROWS = 5000 };
    g_autoptr(PprofDelta) delta = pprof_delta_new(CUMULATIVE);
    size_t none = pprof_delta_memory(delta);
    g_autoptr(GString) rows = g_string_new(NULL);
    for (int i = 0; i < ROWS; i++)
        g_string_append_printf(rows, "main;f%d 512 1000 512000 0\n", i);
    expect(delta, 100, rows->str, PPROF_DELTA_FIRST, "");
    /* The hash has 16 bytes, and these values 2 and 3. */
    assert_int_equal(pprof_delta_memory(delta) - none, ROWS * 21);
}

static void
test_errors_leave_the_base(void **state)
{
    (void)state;
    g_autoptr(PprofDelta) delta = pprof_delta_new(CUMULATIVE);
    static const char HTML[] = "<html>not found</html>";
    expect_error(delta, (const uint8_t *)HTML, sizeof HTML - 1, CRESSET_ERROR_INVALID_ARGUMENT,
                 "byte 0 of");
    expect(delta, 100, "f 16 1 16 0", PPROF_DELTA_FIRST, "");
    expect_error(delta, (const uint8_t *)HTML, sizeof HTML - 1, CRESSET_ERROR_INVALID_ARGUMENT,
                 "byte 0 of");
    g_autoptr(GByteArray) bytes = heap(115, "f 16 5 80 0");
    expect_error(delta, bytes->data, bytes->len - 40, CRESSET_ERROR_INVALID_ARGUMENT, "byte");
    g_autoptr(GByteArray) packed = gzip_compress(bytes->data, bytes->len, 1);
    expect_error(delta, packed->data, packed->len - 9, CRESSET_ERROR_INVALID_ARGUMENT, "gzip");
    expect_error(delta, NULL, 0, CRESSET_ERROR_INVALID_ARGUMENT, "empty");
    PprofDeltaInput input = {.profile = packed->data, .size = packed->len};
    expect_bytes(delta, input, PPROF_DELTA_CHANGED, "100+15:\nf 16 4 64 0\n");
}

static void
test_limits(void **state)
{
    (void)state;
    g_autoptr(PprofDelta) delta = pprof_delta_new(CUMULATIVE);
    size_t size = (size_t)CRESSET_DELTA_BYTES_MAX + 1;
    g_autofree uint8_t *large = g_malloc0(size);
    expect_error(delta, large, size, CRESSET_ERROR_RESOURCE_EXHAUSTED,
                 "over the limit of 67108864");
    g_autoptr(GByteArray) packed = gzip_compress(large, size, 1);
    expect_error(delta, packed->data, packed->len, CRESSET_ERROR_RESOURCE_EXHAUSTED,
                 "over the limit of 67108864");

    WireBuffer samples = {0}; /* one type, of which every sample has the value 1 */
    wire_put_bytes(&samples, 1, "\x08\x00", 2);
    for (int i = 0; i <= CRESSET_DELTA_SAMPLES_MAX; i++)
        wire_put_bytes(&samples, 2, "\x12\x01\x01", 3);
    expect_error(delta, samples.data, samples.size, CRESSET_ERROR_RESOURCE_EXHAUSTED,
                 "more samples than the limit of 1000000");
    g_free(samples.data);

    for (size_t i = 0; i + 1 < size; i += 2)
        large[i] = WIRE_TAG(6, WIRE_BYTES); /* empty strings: 16 bytes each when decoded */
    large[0] = WIRE_TAG(1, WIRE_BYTES);
    expect_error(delta, large, size - 1, CRESSET_ERROR_RESOURCE_EXHAUSTED,
                 "decoded profile is over the limit of 268435456");
}

/* ---- Times, and what is passed on ---- */

static void
test_times(void **state)
{
    (void)state;
    g_autoptr(PprofDelta) delta = pprof_delta_new(CUMULATIVE);
    g_autoptr(GByteArray) bytes = heap(0, "f 16 1 16 16");
    PprofDeltaInput input = {.profile = bytes->data, .size = bytes->len, .time_ns = 200 * SECOND};
    expect_bytes(delta, input, PPROF_DELTA_FIRST, "200+0:\nf 16 0 0 16\n");
    input.time_ns = 215 * SECOND;
    expect_bytes(delta, input, PPROF_DELTA_CHANGED, "200+15:\nf 16 0 0 16\n");
    /* The clock of the target went back. */
    expect(delta, 50, "f 16 2 32 0", PPROF_DELTA_CHANGED, "50+0:\nf 16 1 16 0\n");
    expect(delta, 65, "f 16 3 48 0", PPROF_DELTA_CHANGED, "50+15:\nf 16 1 16 0\n");
}

static void
test_profiles_without_counters(void **state)
{
    (void)state;
    static const char *const CONTENTION[] = {"contentions", "delay", NULL};
    g_autoptr(GByteArray) bytes = heap(100, "f 16 1 16 16");
    PprofDeltaInput input = {.profile = bytes->data, .size = bytes->len};
    g_autoptr(PprofDelta) delta = pprof_delta_new(CONTENTION);
    expect_bytes(delta, input, PPROF_DELTA_CHANGED, "100+0:\nf 16 1 16 16\n");
    expect_bytes(delta, input, PPROF_DELTA_CHANGED, "100+0:\nf 16 1 16 16\n");

    g_autoptr(PprofDelta) none = pprof_delta_new(NOTHING);
    g_autoptr(GByteArray) out = g_byte_array_new();
    PprofDeltaKind kind;
    input = (PprofDeltaInput){.profile = (const uint8_t *)"anything", .size = 8};
    assert_true(pprof_delta_next(none, &input, out, &kind, NULL));
    assert_int_equal(kind, PPROF_DELTA_CHANGED);
    assert_int_equal(out->len, 8);
    assert_memory_equal(out->data, "anything", 8);
}

/* Only what the rows of the delta refer to is in it. */
static void
test_output_is_pruned(void **state)
{
    (void)state;
    g_autoptr(PprofDelta) delta = pprof_delta_new(CUMULATIVE);
    expect(delta, 100, "main;f 16 1 16 0\nmain;g 16 1 16 0", PPROF_DELTA_FIRST, "");
    g_autoptr(GByteArray) next = heap(115, "main;f 16 1 16 0\nmain;g 16 2 32 0");
    g_autoptr(GByteArray) out = g_byte_array_new();
    PprofDeltaKind kind;
    PprofDeltaInput input = {.profile = next->data, .size = next->len};
    assert_true(pprof_delta_next(delta, &input, out, &kind, NULL));
    g_autoptr(Arena) arena = arena_new(1 << 20);
    Profile profile;
    heap_text_decode(arena, out, &profile);
    assert_int_equal(profile.n_samples, 1);
    assert_int_equal(profile.n_locations, 2);
    assert_int_equal(profile.n_functions, 2);
    assert_int_equal(profile.period, PERIOD);
    for (uint32_t i = 0; i < profile.n_strings; i++)
        assert_false(profile.strings[i].length == 1 && profile.strings[i].data[0] == 'f');
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_differences),
        cmocka_unit_test(test_nothing_happened),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_equal_rows_are_added_up),
        cmocka_unit_test(test_impossible_values),
        cmocka_unit_test(test_reset_by_start),
        cmocka_unit_test(test_rounded_start),
        cmocka_unit_test(test_reset_by_total),
        cmocka_unit_test(test_reset_by_rows),
        cmocka_unit_test(test_single_row_falls),
        cmocka_unit_test(test_reset_without_rows),
        cmocka_unit_test(test_young_target),
        cmocka_unit_test(test_other_period),
        cmocka_unit_test(test_gone_rows),
        cmocka_unit_test(test_bytes_per_row),
        cmocka_unit_test(test_errors_leave_the_base),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_profiles_without_counters),
        cmocka_unit_test(test_output_is_pruned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
