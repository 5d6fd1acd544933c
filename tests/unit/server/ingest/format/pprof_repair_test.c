#include "server/ingest/format/pprof_repair.h"

#include "lib/base/error.h"
#include "lib/pprof/encode.h"
#include "tests/harness/check.h"
#include "tests/unit/server/ingest/format/read_back.h"

static WireBuffer
script_profile(void)
{
    static const char *const FRAMES[][2] = {
        {"work", "app.py"}, {"main", "/usr/lib/x.py"}, {"[native]", ""}};
    g_autoptr(PprofBuilder) builder = pprof_builder_new();
    uint32_t locations[G_N_ELEMENTS(FRAMES)];
    pprof_builder_sample_type(builder, "cpu", "nanoseconds");
    for (size_t i = 0; i < G_N_ELEMENTS(FRAMES); i++) {
        const PprofFunction function = {.name = pprof_builder_text(builder, FRAMES[i][0]),
                                        .filename = pprof_builder_text(builder, FRAMES[i][1])};
        const PprofLine line = {.function = pprof_builder_function(builder, &function)};
        const PprofLocation location = {.lines = &line, .n_lines = 1};
        locations[i] = pprof_builder_location(builder, &location);
    }
    const int64_t value = 5;
    const PprofSample sample = {
        .locations = locations, .n_locations = G_N_ELEMENTS(FRAMES), .values = &value};
    pprof_builder_sample(builder, &sample);
    g_autoptr(GByteArray) pprof = pprof_builder_finish(builder);
    WireBuffer out = {0};
    wire_put_raw(&out, pprof->data, pprof->len);
    return out;
}

/* Takes `profile`. */
static void
expect(WireBuffer profile, const char *spy, const char *expected)
{
    g_autoptr(GError) error = NULL;
    pprof_repair(&profile, spy, &TEST_LIMITS, &error);
    assert_no_error(error);
    g_autoptr(ProfileSet) set = profile_set_new();
    profile_set_add(set, g_byte_array_new_take(profile.data, profile.size));
    g_autofree char *text = read_back(set);
    assert_string_equal(text, expected);
}

static void
test_functions_of_scripts_have_their_files(void **state)
{
    (void)state;
    expect(script_profile(), "gospy", "\ncpu:nanoseconds at 0+0\n[native];main;work 5\n");
    expect(script_profile(), "pyspy", "\ncpu:nanoseconds at 0+0\n[native];main;app.py work 5\n");
    expect(script_profile(), "rbspy",
           "\ncpu:nanoseconds at 0+0\n[native];/usr/lib/x.py main;app.py work 5\n");
    TenantLimits limits = TEST_LIMITS;
    limits.profile_bytes_max = 1;
    WireBuffer cut = {(uint8_t *)g_strdup("xyz"), 3, 3};
    assert_true(pprof_repair(&cut, "rbspy", &limits, NULL));
    assert_memory_equal(cut.data, "xyz", 3);
    g_free(cut.data);
}

static void
put_message(WireBuffer *out, uint32_t field, WireBuffer *message)
{
    wire_put_bytes(out, field, message->data, message->size);
    g_free(message->data);
    *message = (WireBuffer){0};
}

/* Two functions, with ids from `first` on or without any, and a sample of the second below the
 * first; the sample type is "alloc-size". Lines name functions by ids from `first_line` on. */
static WireBuffer
dotnet_profile(uint64_t first, bool has_ids, uint64_t first_line)
{
    static const char *const STRINGS[] = {"", "alloc-size", "bytes", "Main-Loop", "Work"};
    WireBuffer out = {0}, message = {0}, packed = {0};
    wire_put_uint(&message, 1, 1);
    wire_put_uint(&message, 2, 2);
    put_message(&out, 1, &message);
    wire_put_raw(&packed, "\2\1", 2);
    put_message(&message, 1, &packed);
    wire_put_raw(&packed, "\5", 1);
    put_message(&message, 2, &packed);
    put_message(&out, 2, &message);
    for (uint64_t i = 0; i < 2; i++) {
        WireBuffer line = {0};
        wire_put_uint(&line, 1, first_line + i);
        wire_put_uint(&line, 2, 40 + i);
        wire_put_uint(&message, 1, i + 1);
        put_message(&message, 4, &line);
        put_message(&out, 4, &message);
        wire_put_uint(&message, 2, 3 + i);
        wire_put_uint(&message, 1, has_ids ? first + i : 0);
        put_message(&out, 5, &message);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(STRINGS); i++)
        wire_put_bytes(&out, 6, STRINGS[i], strlen(STRINGS[i]));
    return out;
}

static void
test_ids_and_types_of_dotnet(void **state)
{
    (void)state;
    static const char EXPECTED[] = "\nalloc_size:bytes at 0+0\nMain-Loop:40;Work:41 5\n";
    expect(dotnet_profile(1, true, 1), "dotnetspy", EXPECTED);
    expect(dotnet_profile(0, true, 0), "dotnetspy", EXPECTED);
    expect(dotnet_profile(0, false, 1), "dotnetspy", EXPECTED);
}

/* Whatever is damaged stays damaged, for the pipeline to say so. */
static void
test_every_truncation(void **state)
{
    (void)state;
    for (int is_script = 0; is_script < 2; is_script++) {
        WireBuffer whole = is_script ? script_profile() : dotnet_profile(0, true, 0);
        for (size_t size = 0; size < whole.size; size++) {
            WireBuffer cut = {0};
            wire_put_raw(&cut, whole.data, size);
            assert_true(pprof_repair(&cut, is_script ? "rbspy" : "dotnetspy", &TEST_LIMITS, NULL));
            g_free(cut.data);
        }
        g_free(whole.data);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_functions_of_scripts_have_their_files),
        cmocka_unit_test(test_ids_and_types_of_dotnet),
        cmocka_unit_test(test_every_truncation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
