#include "server/ingest/format/jfr.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/pprof/gzip.h"
#include "server/ingest/format/jfr_types.h"
#include "tests/harness/check.h"
#include "tests/unit/server/ingest/format/jfr_writer.h"
#include "tests/unit/server/ingest/format/read_back.h"

/* Puts an event with a stack trace and further numbers. */
static void
put_event(WireBuffer *events, uint64_t type, uint64_t trace, size_t n, const uint64_t *numbers)
{
    WireBuffer fields = {0};
    jfr_put(&fields, trace);
    for (size_t i = 0; i < n; i++)
        jfr_put(&fields, numbers[i]);
    jfr_put_event(events, type, &fields);
}
#define EVENT(events, type, trace, ...)                                                            \
    put_event(events, type, trace, sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t),     \
              (const uint64_t[]){__VA_ARGS__})

static void
put_setting(WireBuffer *events, const char *name, uint64_t value)
{
    WireBuffer fields = {0};
    jfr_put_string(&fields, name);
    jfr_put(&fields, JFR_STRING_CONSTANT);
    jfr_put(&fields, value);
    jfr_put_event(events, W_SETTING, &fields);
}

/* What becomes of the first `size` bytes; what is wrong comes last, as "error …". */
static char *
read_bytes(const WireBuffer *recording, size_t size, const WireBuffer *labels,
           const ProfileSource *source)
{
    g_autoptr(ProfileSet) set = profile_set_new();
    g_autoptr(GError) error = NULL;
    g_autofree uint8_t *copy = g_memdup2(recording->data, size);
    JfrInput contexts = {0};
    if (labels != NULL)
        contexts = (JfrInput){labels->data, labels->size};
    bool ok = jfr_read((JfrInput){copy, size}, contexts, source, set, &error);
    assert_int_equal(ok, error == NULL);
    g_autofree char *text = read_back(set);
    return ok ? g_steal_pointer(&text) : g_strconcat(text, "error ", error->message, NULL);
}

static void
expect(WireBuffer *events, const WireBuffer *labels, const char *expected)
{
    ProfileSource source = test_source("shop");
    WireBuffer recording = jfr_recording(events);
    g_autofree char *got = read_bytes(&recording, recording.size, labels, &source);
    assert_string_equal(got, expected);
    g_free(recording.data);
}

#define CPU  "__name__=process_cpu\ncpu:nanoseconds per cpu:nanoseconds 10000000 at 7+3\n"
#define MAIN "shop/Main.main"

static void
test_execution_samples(void **state)
{
    (void)state;
    WireBuffer events = {0};
    EVENT(&events, W_EXECUTION, 1, 1, 0, 0, 0);
    EVENT(&events, W_EXECUTION, 1, 1, 0, 0, 0);
    EVENT(&events, W_EXECUTION, 2, 2, 0, 0, 0); /* sleeps */
    EVENT(&events, W_EXECUTION, 3, 1, 0, 0, 0);
    EVENT(&events, W_EXECUTION, 9, 1, 0, 0, 0); /* without a stack */
    WireBuffer text = {0};
    jfr_put(&text, 1);
    jfr_put_string(&text, "passed over");
    jfr_put_event(&events, W_UNKNOWN, &text);
    expect(&events, NULL, CPU MAIN ";shop/Cart.add:7 20000000\n" MAIN ";write 10000000\n");
}

/* When the wall clock is sampled, samples of one kind count for the other. */
static void
test_wall_clock(void **state)
{
    (void)state;
    WireBuffer events = {0};
    EVENT(&events, W_WALL, 1, 1, 3);
    EVENT(&events, W_WALL, 2, 2, 5);
    EVENT(&events, W_EXECUTION, 2, 1, 0, 0, 0);
    put_setting(&events, "interval", 1);
    put_setting(&events, "event", 1);
    expect(&events, NULL,
           "__name__=process_cpu jfr_event=wall\n"
           "cpu:nanoseconds per cpu:nanoseconds 10000000 at 7+3\n" MAIN
           ";shop/Cart.add:7 30000000\n" MAIN ":3 10000000\n"
           "__name__=wall jfr_event=wall\n"
           "wall:nanoseconds per wall:nanoseconds 10000000 at 7+3\n" MAIN
           ";shop/Cart.add:7 30000000\n" MAIN ":3 60000000\n");
    EVENT(&events, W_WALL, 1, 1, 3);
    expect(&events, NULL,
           "__name__=wall\nwall:nanoseconds per wall:nanoseconds 10000000 at 7+3\n" MAIN
           ";shop/Cart.add:7 30000000\n");
}

static void
test_every_other_event(void **state)
{
    (void)state;
    WireBuffer events = {0};
    EVENT(&events, W_MONITOR, 2, 50); /* ticks: 50 ms */
    EVENT(&events, W_PARK, 2, 2);
    EVENT(&events, W_PARK, 2, 3);
    EVENT(&events, W_IN_TLAB, 2, 16, 4096);
    EVENT(&events, W_OUTSIDE_TLAB, 2, 100000);
    EVENT(&events, W_ALLOCATION, 2, 300);
    EVENT(&events, W_LIVE, 2, 64);
    EVENT(&events, W_MALLOC, 2, 77);
    expect(&events, NULL,
           "__name__=memory\n"
           "alloc_in_new_tlab_objects:count alloc_in_new_tlab_bytes:bytes per space:bytes 0 at "
           "7+3\n" MAIN ":3 1 4096\n"
           "__name__=memory\n"
           "alloc_outside_tlab_objects:count alloc_outside_tlab_bytes:bytes per space:bytes 0 at "
           "7+3\n" MAIN ":3 1 100000\n"
           "__name__=memory\n"
           "alloc_sample_objects:count alloc_sample_bytes:bytes per space:bytes 0 at 7+3\n" MAIN
           ":3 1 300\n"
           "__name__=mutex\n"
           "contentions:count delay:nanoseconds per mutex:count 0 at 7+3\n" MAIN ":3 1 50000000\n"
           "__name__=block\n"
           "contentions:count delay:nanoseconds per block:count 0 at 7+3\n" MAIN ":3 2 5000000\n"
           "__name__=memory\n"
           "live:count per objects:count 0 at 7+3\n" MAIN ":3 1\n"
           "__name__=memory\n"
           "malloc_objects:count malloc_bytes:bytes at 7+3\n" MAIN ":3 1 77\n");
}

/* Puts an entry of a map: a number and a message or text. */
static void
put_entry(WireBuffer *out, uint32_t field, uint64_t key, const void *value, size_t size)
{
    WireBuffer entry = {0};
    wire_put_uint(&entry, 1, key);
    wire_put_bytes(&entry, 2, value, size);
    wire_put_bytes(out, field, entry.data, entry.size);
    g_free(entry.data);
}

/* Context 5 has controller=checkout; string 3 is the name of a span. */
static WireBuffer
small_labels(void)
{
    WireBuffer out = {0};
    static const uint8_t CONTEXT[] = {0x0a, 4, 0x08, 1, 0x10, 2, 0x0a, 4, 0x08, 1, 0x10, 99};
    put_entry(&out, 1, 5, CONTEXT, sizeof CONTEXT);
    put_entry(&out, 2, 1, "controller", 10);
    put_entry(&out, 2, 2, "checkout", 8);
    put_entry(&out, 2, 3, "POST /", 6);
    return out;
}

static void
test_contexts_and_spans_become_labels(void **state)
{
    (void)state;
    WireBuffer events = {0}, labels = small_labels();
    EVENT(&events, W_EXECUTION, 2, 1, 5, 0, 0);
    EVENT(&events, W_EXECUTION, 2, 1, 5, 0xabc, 3);
    EVENT(&events, W_EXECUTION, 2, 1, 6, UINT64_C(0xfedcba9876543210), 4);
    EVENT(&events, W_EXECUTION, 2, 1, 0, 0, 3);
    expect(&events, &labels,
           CPU MAIN ":3 10000000\n" MAIN ":3 10000000 {controller=checkout}\n" MAIN
                    ":3 10000000 {controller=checkout,profile_id=0000000000000abc,span_name=POST "
                    "/}\n" MAIN ":3 10000000 {profile_id=fedcba9876543210}\n");
    ProfileSource source = test_source("shop");
    WireBuffer none = {0}, recording = jfr_recording(&none);
    for (size_t size = labels.size; size > 0; size--) {
        labels.size = size;
        g_free(read_bytes(&recording, recording.size, &labels, &source));
    }
    labels.data[0] = 0x0b;
    labels.size = 5;
    g_autofree char *damaged = read_bytes(&recording, recording.size, &labels, &source);
    assert_contains(damaged, "error labels: byte 0");
    g_free(labels.data);
    g_free(recording.data);
}

static void
test_strings_in_every_encoding(void **state)
{
    (void)state;
    static const struct {
        uint8_t bytes[8];
        size_t size;
        const char *text;
    } cases[] = {
        {{JFR_STRING_NULL}, 1, ""},
        {{JFR_STRING_EMPTY}, 1, ""},
        {{JFR_STRING_UTF8, 3, 0xc3, 0xa9, 'x'}, 5, "éx"},
        {{JFR_STRING_UTF8, 1, 0xff}, 3, "\xef\xbf\xbd"},
        {{JFR_STRING_CHARS, 2, 0xe9, 0x01, 'x'}, 5, "éx"},
        {{JFR_STRING_CHARS, 0}, 2, ""},
        {{JFR_STRING_LATIN1, 2, 0xe9, 'x'}, 4, "éx"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        WireSpan span = {cases[i].bytes, cases[i].bytes + cases[i].size}, at = span;
        assert_true(jfr_skip_string(&at));
        assert_ptr_equal(at.at, span.end);
        g_autofree char *text = jfr_string_text(span);
        assert_string_equal(text, cases[i].text);
        for (size_t size = 0; size < cases[i].size; size++) {
            WireSpan cut = {span.at, span.at + size};
            assert_false(jfr_skip_string(&cut));
        }
    }
    static const uint8_t UNKNOWN[] = {6, 1, 1};
    WireSpan unknown = {UNKNOWN, UNKNOWN + 3};
    assert_false(jfr_skip_string(&unknown));
}

static void
test_several_chunks_are_one_recording(void **state)
{
    (void)state;
    ProfileSource source = test_source("shop");
    WireBuffer events = {0}, more = {0};
    EVENT(&events, W_EXECUTION, 2, 1, 0, 0, 0);
    EVENT(&more, W_EXECUTION, 2, 1, 0, 0, 0);
    EVENT(&more, W_MALLOC, 2, 77);
    WireBuffer recording = jfr_recording(&events), second = jfr_recording(&more);
    wire_put_raw(&recording, second.data, second.size);
    g_autofree char *got = read_bytes(&recording, recording.size, NULL, &source);
    assert_string_equal(got, CPU MAIN ":3 20000000\n"
                                      "__name__=memory\n"
                                      "malloc_objects:count malloc_bytes:bytes at 7+3\n" MAIN
                                      ":3 1 77\n");
    g_free(recording.data);
    g_free(second.data);
}

static void
test_every_truncation_is_an_error(void **state)
{
    (void)state;
    ProfileSource source = test_source("shop");
    WireBuffer events = {0};
    EVENT(&events, W_EXECUTION, 1, 1, 0, 0, 0);
    WireBuffer recording = jfr_recording(&events);
    for (size_t size = 0; size < recording.size; size++) {
        g_autofree char *got = read_bytes(&recording, size, NULL, &source);
        assert_true(g_str_has_prefix(got, "error "));
        if (size < 68)
            continue;
        /* The same with a header that agrees. */
        WireBuffer cut = {g_memdup2(recording.data, size), size, size};
        uint64_t length = GUINT64_TO_BE((uint64_t)size);
        memcpy(cut.data + 8, &length, sizeof length);
        g_autofree char *agreeing = read_bytes(&cut, size, NULL, &source);
        assert_true(g_str_has_prefix(agreeing, "error chunk 0: "));
        g_free(cut.data);
    }
    g_free(recording.data);
}

/* Whatever a byte becomes, the result is a profile or an error. */
static void
test_every_byte_may_be_wrong(void **state)
{
    (void)state;
    ProfileSource source = test_source("shop");
    WireBuffer events = {0};
    EVENT(&events, W_EXECUTION, 1, 1, 0, 0, 0);
    WireBuffer recording = jfr_recording(&events);
    static const uint8_t VALUES[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
    for (size_t i = 0; i < recording.size; i++) {
        uint8_t right = recording.data[i];
        for (size_t k = 0; k < G_N_ELEMENTS(VALUES); k++) {
            recording.data[i] = VALUES[k];
            g_free(read_bytes(&recording, recording.size, NULL, &source));
        }
        recording.data[i] = right;
    }
    g_free(recording.data);
}

static void
test_limits(void **state)
{
    (void)state;
    ProfileSource source = test_source("shop");
    TenantLimits limits = TEST_LIMITS;
    source.limits = &limits;
    limits.samples_max = 1;
    WireBuffer events = {0};
    EVENT(&events, W_EXECUTION, 1, 1, 0, 0, 0);
    EVENT(&events, W_EXECUTION, 2, 1, 0, 0, 0);
    EVENT(&events, W_MALLOC, 1, 77);
    WireBuffer recording = jfr_recording(&events);
    /* The profile that is within the limits is kept. */
    g_autofree char *samples = read_bytes(&recording, recording.size, NULL, &source);
    assert_string_equal(samples, "__name__=memory\n"
                                 "malloc_objects:count malloc_bytes:bytes at 7+3\n" MAIN
                                 ";shop/Cart.add:7 1 77\n"
                                 "error cpu: the profile has more than 1 different stacks "
                                 "(max_profile_stacktrace_samples)");
    limits.stack_depth_max = 1;
    limits.samples_max = 2;
    g_autofree char *depth = read_bytes(&recording, recording.size, NULL, &source);
    assert_contains(depth, "\n" MAIN " 10000000\n");
    assert_lacks(depth, "shop/Cart.add");
    limits.profile_bytes_max = 10;
    g_autofree char *size = read_bytes(&recording, recording.size, NULL, &source);
    assert_contains(size, "max_profile_size_bytes");
    g_free(recording.data);
}

/* A recording of tests/data/jfr_fixture/Small.java by JDK 17. */
static void
test_a_real_recording(void **state)
{
    (void)state;
    ProfileSource source = test_source("small");
    g_autofree char *packed = NULL;
    gsize packed_size;
    assert_true(g_file_get_contents(CRESSET_SOURCE_DIR "/tests/data/jfr_fixture/small.jfr.gz",
                                    &packed, &packed_size, NULL));
    g_autoptr(GByteArray) plain =
        gzip_decompress((const uint8_t *)packed, packed_size, 1 << 20, NULL);
    assert_non_null(plain);
    WireBuffer recording = {plain->data, plain->len, plain->len};
    g_autofree char *got = read_bytes(&recording, recording.size, NULL, &source);
    static const char *const LINES[] = {
        "__name__=process_cpu\ncpu:nanoseconds per cpu:nanoseconds 10000000 at 7+3\n",
        "\nSmall.main:57;Small.compute:21;Small.count:13;java/lang/Integer.bitCount:",
        "\nSmall.main:56;Small.allocate:38 16 67109120\n",
        "\nSmall.main:56;Small.allocate:38 16 84147800\n",
        ";Small.lambda$main$0:45;Small.hold:26 1 48050892\n",
        "\nSmall.main:55;Small.park:32;java/util/concurrent/locks/LockSupport.parkNanos:376;"
        "jdk/internal/misc/Unsafe.park 1 54469645\n",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(LINES); i++)
        assert_contains(got, LINES[i]);
    for (size_t size = 0; size < recording.size; size += 997) {
        g_autofree char *cut = read_bytes(&recording, size, NULL, &source);
        assert_true(g_str_has_prefix(cut, "error "));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_execution_samples),
        cmocka_unit_test(test_wall_clock),
        cmocka_unit_test(test_every_other_event),
        cmocka_unit_test(test_contexts_and_spans_become_labels),
        cmocka_unit_test(test_strings_in_every_encoding),
        cmocka_unit_test(test_several_chunks_are_one_recording),
        cmocka_unit_test(test_every_truncation_is_an_error),
        cmocka_unit_test(test_every_byte_may_be_wrong),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_a_real_recording),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
