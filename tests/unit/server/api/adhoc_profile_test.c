#include "server/api/adhoc_profile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/error.h"
#include "lib/pprof/encode.h"
#include "lib/pprof/gzip.h"
#include "server/api/flame.h"
#include "server/api/render.h"
#include "server/query/folded.h"

enum { SIZE_MAX_BYTES = 1024 * 1024 };

static void
assert_file(const void *data, size_t size, const char *type, const char *unit, const char *stacks)
{
    g_auto(AdhocProfile) profile = {0};
    g_autoptr(GError) error = NULL;
    if (!adhoc_profile_read(data, size, SIZE_MAX_BYTES, NULL, &profile, &error))
        fail_msg("%s", error->message);
    g_autoptr(GString) text = tree_collapsed(profile.tree, NULL);
    assert_string_equal(text->str, stacks);
    assert_string_equal(profile.type, type);
    assert_string_equal(profile.unit, unit);
}

static void
assert_text(const char *file, const char *stacks)
{
    assert_file(file, strlen(file), "samples", "count", stacks);
}

static void
assert_bad(const void *data, size_t size, const char *type, const char *message)
{
    g_auto(AdhocProfile) profile = {0};
    g_autoptr(GError) error = NULL;
    assert_false(adhoc_profile_read(data, size, SIZE_MAX_BYTES, type, &profile, &error));
    assert_true(g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_INVALID_ARGUMENT));
    if (strstr(error->message, message) == NULL)
        fail_msg("'%s' does not say '%s'", error->message, message);
}

static void
assert_bad_text(const char *file, const char *message)
{
    assert_bad(file, strlen(file), NULL, message);
}

static void
test_collapsed(void **state)
{
    (void)state;
    assert_text("a;b 3\na 1\r\n\n# a note\na;b 2\n\xc3\xa4 b 7", "a 1\na;b 5\n\xc3\xa4 b 7\n");
    assert_bad_text("a;b 3\na;b\n", "line 2: expected frames");
    assert_bad_text("a;b -3\n", "line 1: expected frames");
    assert_bad_text("a;b 99999999999999999999\n", "line 1: expected frames");
    assert_bad_text("", "the file is empty");
}

static void
test_perf_script(void **state)
{
    (void)state;
    assert_text("# captured\n"
                "python 12 [001] 3.14: 250000 cycles:u: \n"
                "\t    7f00 sort(int, char)+0x1f (/usr/lib/libc.so (deleted))\n"
                "\t    4001 main+0x2 (/bin/x)\n"
                "\n"
                "python 12 [001] 3.15: cycles:\n"
                "\tffffffff81 [unknown] ([kernel.kallsyms])\n",
                "[unknown] 1\nmain;sort(int, char) 250000\n");
    assert_bad_text("x 1 1.0: cycles:\n\tnot a frame\n", "line 2: expected an address");
}

/* What we export reads back. */
static void
test_round_trips(void **state)
{
    (void)state;
    static const char STACKS[] = "a 1\na;b 3\nc;d;e 12\n";
    g_auto(AdhocProfile) profile = {0};
    assert_true(adhoc_profile_read((const uint8_t *)STACKS, strlen(STACKS), SIZE_MAX_BYTES, NULL,
                                   &profile, NULL));
    g_autoptr(GString) perf = tree_perf_script(profile.tree, "cpu", NULL);
    assert_text(perf->str, STACKS);
    g_auto(FlameLayout) layout = {0};
    flame_layout_init(&layout, profile.tree);
    g_autoptr(GBytes) document = render_document(&layout, "inuse_space", "bytes");
    size_t size;
    const void *data = g_bytes_get_data(document, &size);
    assert_file(data, size, "inuse_space", "bytes", STACKS);
}

static void
test_bad_flamebearers(void **state)
{
    (void)state;
    assert_bad_text("{", "flamebearer: line 1");
    assert_bad_text("{}", "names and levels are required");
#define BEARER(names, levels) "{\"flamebearer\":{\"names\":" names ",\"levels\":" levels "}}"
    assert_bad_text(BEARER("[\"total\"]", "[[0,1,0]]"), "level 0 is not a list of four");
    assert_bad_text(BEARER("[\"total\"]", "[[0,1,0,0,0,1,0,0]]"), "with one node");
    assert_bad_text(BEARER("[\"total\"]", "[[0,1,0,0],[0,1,0,1]]"), "level 1, node 0: there is no");
    assert_bad_text(BEARER("[\"total\"]", "[[0,1,0,0],[0,2,0,0]]"), "does not lie below");
    assert_bad_text(BEARER("[\"total\"]", "[[0,1,0,0],[-1,1,0,0]]"), "not negative");
    assert_bad_text("{\"flamebearer\":{},\"metadata\":{\"format\":\"double\"}}", "must be single");
}

static GByteArray *
make_pprof(void)
{
    g_autoptr(PprofBuilder) builder = pprof_builder_new();
    pprof_builder_sample_type(builder, "samples", "count");
    pprof_builder_sample_type(builder, "cpu", "nanoseconds");
    pprof_builder_default_sample_type(builder, "cpu");
    PprofLine lines[2];
    for (uint32_t i = 0; i < 2; i++) {
        PprofFunction function = {.name =
                                      pprof_builder_text(builder, i == 0 ? "inlined" : "outer")};
        lines[i] = (PprofLine){pprof_builder_function(builder, &function), 1};
    }
    PprofLocation named = {.lines = lines, .n_lines = 2}, bare = {.address = 0x1234};
    uint32_t ids[] = {pprof_builder_location(builder, &named),
                      pprof_builder_location(builder, &bare)};
    int64_t values[] = {1, 10};
    PprofSample sample = {.locations = ids, .n_locations = 2, .values = values};
    pprof_builder_sample(builder, &sample);
    return pprof_builder_finish(builder);
}

static void
test_pprof(void **state)
{
    (void)state;
    g_autoptr(GByteArray) plain = make_pprof();
    assert_file(plain->data, plain->len, "cpu", "nanoseconds", "0x1234;outer;inlined 10\n");
    g_autoptr(GByteArray) packed = gzip_compress(plain->data, plain->len, 6);
    assert_file(packed->data, packed->len, "cpu", "nanoseconds", "0x1234;outer;inlined 10\n");
    g_auto(AdhocProfile) counts = {0};
    assert_true(
        adhoc_profile_read(plain->data, plain->len, SIZE_MAX_BYTES, "samples", &counts, NULL));
    assert_int_equal(counts.tree->total[0], 1);
    assert_string_equal(counts.types[1], "cpu");
    assert_bad(plain->data, plain->len, "wall", "has no values of type 'wall'");
    assert_bad(plain->data, plain->len - 1, NULL, "");
    g_autofree uint8_t *zeros = g_malloc0(SIZE_MAX_BYTES + 1);
    g_autoptr(GByteArray) bomb = gzip_compress(zeros, SIZE_MAX_BYTES + 1, 6);
    assert_bad(bomb->data, bomb->len, NULL, "max_profile_size_bytes");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_collapsed),   cmocka_unit_test(test_perf_script),
        cmocka_unit_test(test_round_trips), cmocka_unit_test(test_bad_flamebearers),
        cmocka_unit_test(test_pprof),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
