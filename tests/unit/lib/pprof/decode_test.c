#include "lib/pprof/decode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/error.h"
#include "lib/pprof/encode.h"
#include "lib/pprof/gzip.h"
#include "lib/pprof/wire.h"

enum { CAP_BYTES = 64 * 1024 * 1024 };

static PprofResult
decode_with(Arena *arena, const WireBuffer *bytes, Profile *ret_profile, GError **error)
{
    PprofInput input = {.data = bytes->data,
                        .size = bytes->size,
                        .samples_max = 3,
                        .sample_labels_max = 2,
                        .arena = arena};
    return pprof_decode(&input, ret_profile, error);
}

static bool
string_is(const Profile *profile, uint32_t index, const char *text)
{
    const ProfileString *string = &profile->strings[index];
    return string->length == strlen(text) && memcmp(string->data, text, string->length) == 0;
}

/* ---- A small profile out of hand-made messages, each of which a test may replace. ---- */

typedef struct {
    const char *sample_type, *sample, *mapping, *location, *function, *rest;
    const char *strings; /* separated by '|', the empty first one left out */
} Parts;

static const Parts GOOD = {
    .sample_type = "08 01 10 02",
    .sample = "0a 02 01 02 12 01 07 1a 04 08 01 10 02",
    .mapping = "08 01 10 80 20 28 03",
    .location = "08 01 10 01 18 05 22 04 08 01 10 2a",
    .function = "08 01 10 03 20 04",
    .rest = "48 01 50 02 5a 04 08 01 10 02 60 0a 6a 02 03 04 68 01 70 01",
    .strings = "cpu|nanoseconds|main|main.c",
};

static void
put_hex(WireBuffer *out, uint32_t field, const char *hex)
{
    WireBuffer body = {0};
    for (; *hex != '\0'; hex += hex[2] == ' ' ? 3 : 2) {
        uint8_t byte = (uint8_t)(g_ascii_xdigit_value(hex[0]) << 4 | g_ascii_xdigit_value(hex[1]));
        wire_put_raw(&body, &byte, 1);
    }
    if (field == 0)
        wire_put_raw(out, body.data, body.size);
    else
        wire_put_bytes(out, field, body.data, body.size);
    g_free(body.data);
}

static WireBuffer
assemble(const Parts *parts)
{
    WireBuffer out = {0};
    put_hex(&out, 1, parts->sample_type);
    put_hex(&out, 2, parts->sample);
    put_hex(&out, 3, parts->mapping);
    put_hex(&out, 4, parts->location);
    put_hex(&out, 4, "08 02 18 09"); /* location 2: no mapping, no lines */
    put_hex(&out, 5, parts->function);
    wire_put_bytes(&out, 6, "", 0);
    g_auto(GStrv) strings = g_strsplit(parts->strings, "|", -1);
    for (size_t i = 0; strings[i] != NULL; i++)
        wire_put_bytes(&out, 6, strings[i], strlen(strings[i]));
    put_hex(&out, 0, parts->rest);
    return out;
}

static void
check_good(const Profile *p)
{
    assert_int_equal(p->n_sample_types, 1);
    assert_true(string_is(p, p->sample_types[0].type, "cpu"));
    assert_int_equal(p->n_samples, 1);
    assert_int_equal(p->samples[0].n_locations, 2);
    assert_int_equal(p->stack_locations[0], 0);
    assert_int_equal(p->stack_locations[1], 1);
    assert_int_equal(p->values[0], 7);
    assert_int_equal(p->samples[0].n_labels, 1);
    assert_int_equal(p->labels[0].str, 2);
    assert_int_equal(p->mappings[0].start, 4096);
    assert_int_equal(p->locations[0].mapping, 0);
    assert_int_equal(p->locations[1].mapping, PROFILE_NONE);
    assert_int_equal(p->locations[0].n_lines, 1);
    assert_int_equal(p->lines[0].line, 42);
    assert_true(string_is(p, p->functions[p->lines[0].function].name, "main"));
    assert_true(string_is(p, p->functions[0].filename, "main.c"));
    assert_int_equal(p->time_ns, 1);
    assert_int_equal(p->duration_ns, 2);
    assert_true(p->has_period_type);
    assert_true(string_is(p, p->period_type.unit, "nanoseconds"));
    assert_int_equal(p->period, 10);
    assert_int_equal(p->n_comments, 3);
    assert_int_equal(p->comments[2], 1);
    assert_int_equal(p->default_sample_type, 1);
}

static void
test_every_field(void **state)
{
    (void)state;
    g_autoptr(Arena) arena = arena_new(CAP_BYTES);
    g_autoptr(GError) error = NULL;
    WireBuffer bytes = assemble(&GOOD);
    Profile profile;
    assert_int_equal(decode_with(arena, &bytes, &profile, &error), PPROF_OK);
    assert_null(error);
    check_good(&profile);
    g_free(bytes.data);
}

/* Repeated numbers one by one, as older encoders write them, and unknown fields of every type. */
static void
test_unpacked_and_unknown_fields(void **state)
{
    (void)state;
    g_autoptr(Arena) arena = arena_new(CAP_BYTES);
    Parts parts = GOOD;
    parts.sample = "08 01 08 02 10 07 1a 07 08 01 10 02 f8 01 05 7a 01 00";
    parts.rest = "48 01 50 02 5a 04 08 01 10 02 60 0a 68 03 68 04 68 01 70 01 "
                 "78 05 82 01 01 aa 89 01 01 02 03 04 05 06 07 08 95 01 01 02 03 04";
    WireBuffer bytes = assemble(&parts);
    Profile profile;
    assert_int_equal(decode_with(arena, &bytes, &profile, NULL), PPROF_OK);
    check_good(&profile);
    g_free(bytes.data);
}

static void
assert_refused(const WireBuffer *bytes, PprofResult result, const char *text)
{
    g_autoptr(Arena) arena = arena_new(CAP_BYTES);
    g_autoptr(GError) error = NULL;
    Profile profile;
    memset(&profile, 0xee, sizeof profile);
    Profile before = profile;
    assert_int_equal(decode_with(arena, bytes, &profile, &error), result);
    assert_true(g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_INVALID_ARGUMENT));
    if (strstr(error->message, text) == NULL)
        fail_msg("'%s' is not in '%s'", text, error->message);
    assert_memory_equal(&profile, &before, sizeof before);
}

#define BAD(field, hex, text)                                                                      \
    {                                                                                              \
        {field, hex}, PPROF_MALFORMED, text                                                        \
    }

static void
test_every_rule_names_its_place(void **state)
{
    (void)state;
    static const struct {
        struct {
            size_t offset;
            const char *value;
        } part;
        PprofResult result;
        const char *text;
    } cases[] = {
        BAD(offsetof(Parts, sample), "0a 02 01 63 12 01 07", "sample 0: location_id 99 is not in"),
        BAD(offsetof(Parts, sample), "0a 02 01 00 12 01 07", "sample 0: location_id 0 is not in"),
        BAD(offsetof(Parts, sample), "08 03 12 01 07", "sample 0: location_id 3 is not in"),
        BAD(offsetof(Parts, sample), "0a 01 01 12 02 07 08", "sample 0: 2 values for 1 sample"),
        BAD(offsetof(Parts, sample), "0a 01 01", "sample 0: 0 values for 1 sample types"),
        BAD(offsetof(Parts, sample), "0a 01 81 12 01 07", "sample.location_id: cut or"),
        BAD(offsetof(Parts, sample), "12 01 07 18 01", "sample.label has the wrong wire type 0"),
        BAD(offsetof(Parts, sample), "12 01 07 1a 02 10 09", "label 0: str: string index 9 is out"),
        BAD(offsetof(Parts, sample), "12 01 07 1a 02 08 09", "label 0: key: string index 9"),
        BAD(offsetof(Parts, sample_type), "08 63", "sample_type 0: type: string index 99"),
        BAD(offsetof(Parts, sample_type), "08 ff ff ff ff ff ff ff ff ff 01", "string index -1"),
        BAD(offsetof(Parts, mapping), "08 00 10 01", "mapping 0: id is 0 or missing"),
        BAD(offsetof(Parts, mapping), "08 01 28 09", "mapping 0: filename: string index 9"),
        BAD(offsetof(Parts, mapping), "08 01 32 00", "mapping.build_id has the wrong wire type 2"),
        BAD(offsetof(Parts, location), "08 02", "location 1: id is used twice"),
        BAD(offsetof(Parts, location), "18 05", "location 0: id is 0 or missing"),
        BAD(offsetof(Parts, location), "08 01 10 07", "location 0: mapping_id 7 is not in"),
        BAD(offsetof(Parts, location), "08 01 22 02 08 07", "location 0: function_id 7 is not in"),
        BAD(offsetof(Parts, location), "08 01 22 00", "location 0: function_id 0 is not in"),
        BAD(offsetof(Parts, location), "08 01 20 00", "location.line has the wrong wire type 0"),
        BAD(offsetof(Parts, function), "10 01", "function 0: id is 0 or missing"),
        BAD(offsetof(Parts, function), "08 01 18 09", "function 0: system_name: string index 9"),
        BAD(offsetof(Parts, strings), "c-u|n|m|f", "sample_type 0: type 'c-u' contains '-'"),
        BAD(offsetof(Parts, strings), "cpu|\xff\xfe|m|f", "string_table 2: the text is not valid"),
        BAD(offsetof(Parts, rest), "68 09", "comment 0: text: string index 9"),
        BAD(offsetof(Parts, rest), "70 09", "default_sample_type: string index 9"),
        BAD(offsetof(Parts, rest), "38 09", "drop_frames: string index 9"),
        BAD(offsetof(Parts, rest), "5a 02 08 09", "period_type 0: type: string index 9"),
        BAD(offsetof(Parts, rest), "08 01", "profile.sample_type has the wrong wire type 0"),
        BAD(offsetof(Parts, rest), "4a 00", "profile.time_nanos has the wrong wire type 2"),
        BAD(offsetof(Parts, rest), "0b", "sample_type: unknown wire type"),
        BAD(offsetof(Parts, rest), "32 7f 61", "string_table: the field is longer than what is"),
        BAD(offsetof(Parts, sample), "12 7f 07", "sample: the field is longer than what is left"),
        BAD(offsetof(Parts, location), "08 01 22 7f", "location: the field is longer than what"),
        BAD(offsetof(Parts, rest), "00 01", "wrong field number"),
        {{offsetof(Parts, rest), "12 03 12 01 01 12 03 12 01 01 12 03 12 01 01"},
         PPROF_SAMPLES,
         "4 samples, the limit is 3 (max_profile_stacktrace_samples)"},
        {{offsetof(Parts, sample), "12 01 07 1a 00 1a 00 1a 00"},
         PPROF_SAMPLE_LABELS,
         "sample 0: 3 labels, the limit is 2 (max_profile_stacktrace_sample_labels)"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        Parts parts = GOOD;
        *(const char **)((char *)&parts + cases[i].part.offset) = cases[i].part.value;
        WireBuffer bytes = assemble(&parts);
        assert_refused(&bytes, cases[i].result, cases[i].text);
        g_free(bytes.data);
    }
}

static void
test_a_profile_needs_its_basics(void **state)
{
    (void)state;
    WireBuffer empty = {0}, types = {0}, strings = {0}, first = {0};
    assert_refused(&empty, PPROF_MALFORMED, "the profile is empty");
    wire_put_bytes(&types, 6, "", 0);
    assert_refused(&types, PPROF_MALFORMED, "sample_type: a profile needs at least one");
    put_hex(&strings, 1, "");
    assert_refused(&strings, PPROF_MALFORMED, "string_table: the first string must be empty");
    put_hex(&first, 1, "");
    wire_put_bytes(&first, 6, "x", 1);
    assert_refused(&first, PPROF_MALFORMED, "string_table: the first string must be empty");
    g_free(types.data);
    g_free(strings.data);
    g_free(first.data);
}

/* Every cut of the profile fails, or is a profile that ends before its optional tail. */
static void
test_every_cut(void **state)
{
    (void)state;
    WireBuffer bytes = assemble(&GOOD);
    size_t n_refused = 0;
    for (size_t size = 0; size < bytes.size; size++) {
        g_autoptr(Arena) arena = arena_new(CAP_BYTES);
        g_autoptr(GError) error = NULL;
        g_autofree uint8_t *copy = g_memdup2(bytes.data, size);
        WireBuffer cut = {copy, size, size};
        Profile profile;
        PprofResult result = decode_with(arena, &cut, &profile, &error);
        assert_int_equal(result == PPROF_OK, error == NULL);
        n_refused += result != PPROF_OK;
    }
    assert_true(n_refused > bytes.size * 8 / 10);
    g_free(bytes.data);
}

static void
test_memory_is_capped(void **state)
{
    (void)state;
    g_autoptr(Arena) arena = arena_new(100);
    g_autoptr(GError) error = NULL;
    WireBuffer bytes = assemble(&GOOD);
    Profile profile;
    assert_int_equal(decode_with(arena, &bytes, &profile, &error), PPROF_SIZE);
    assert_non_null(strstr(error->message, "max_profile_size_bytes"));
    g_free(bytes.data);
}

/* Locations with ids 1, 2, 3 …; in steps; and far apart. */
static void
test_ids_dense_and_sparse(void **state)
{
    (void)state;
    static const uint64_t STEPS[] = {1, 3, UINT64_C(0x123456789abcd)};
    for (size_t s = 0; s < G_N_ELEMENTS(STEPS); s++) {
        g_autoptr(Arena) arena = arena_new(CAP_BYTES);
        WireBuffer out = {0}, stack = {0}, sample = {0}, location = {0};
        enum { N = 300 };
        for (uint64_t i = 0; i < N; i++) {
            location.size = 0;
            wire_put_uint(&location, 1, (i + 1) * STEPS[s]);
            wire_put_uint(&location, 3, i);
            wire_put_bytes(&out, 4, location.data, location.size);
            wire_put_varint(&stack, (N - i) * STEPS[s]);
        }
        put_hex(&out, 1, "");
        wire_put_bytes(&sample, 1, stack.data, stack.size);
        wire_put_bytes(&sample, 2, "\x01", 1);
        wire_put_bytes(&out, 2, sample.data, sample.size);
        wire_put_bytes(&out, 6, "", 0);
        Profile profile;
        assert_int_equal(decode_with(arena, &out, &profile, NULL), PPROF_OK);
        assert_int_equal(profile.n_stack_locations, N);
        for (uint32_t i = 0; i < N; i++)
            assert_int_equal(profile.stack_locations[i], N - 1 - i);

        sample.size = 0;
        wire_put_uint(&sample, 1, (N + 1) * STEPS[s]);
        wire_put_bytes(&sample, 2, "\x01", 1);
        wire_put_bytes(&out, 2, sample.data, sample.size);
        assert_refused(&out, PPROF_MALFORMED, "sample 1: location_id");
        g_free(out.data);
        g_free(stack.data);
        g_free(sample.data);
        g_free(location.data);
    }
}

/* A profile of a Go program: decoding and encoding again keeps every byte's meaning. */
static void
test_real_go_profiles(void **state)
{
    (void)state;
    static const char *const NAMES[] = {"cpu", "heap"};
    for (size_t i = 0; i < G_N_ELEMENTS(NAMES); i++) {
        g_autofree char *path =
            g_strdup_printf(CRESSET_SOURCE_DIR "/tests/fixtures/go_pprof/%s.pb.gz", NAMES[i]);
        g_autofree char *packed = NULL;
        gsize size = 0;
        assert_true(g_file_get_contents(path, &packed, &size, NULL));
        g_autoptr(GByteArray) raw = gzip_decompress((uint8_t *)packed, size, CAP_BYTES, NULL);
        g_autoptr(Arena) arena = arena_new(CAP_BYTES);
        PprofInput input = {.data = raw->data, .size = raw->len, .arena = arena};
        Profile profile;
        assert_int_equal(pprof_decode(&input, &profile, NULL), PPROF_OK);
        assert_int_equal(profile.n_sample_types, i == 0 ? 2 : 4);
        assert_true(profile.n_samples > 20);
        assert_true(profile.has_period_type);
        /* Go writes its fields in the order that the encoder writes them. */
        g_autoptr(GByteArray) again = pprof_encode(&profile);
        input.data = again->data;
        input.size = again->len;
        Profile second;
        assert_int_equal(pprof_decode(&input, &second, NULL), PPROF_OK);
        g_autoptr(GByteArray) third = pprof_encode(&second);
        assert_int_equal(again->len, third->len);
        assert_memory_equal(again->data, third->data, third->len);
        assert_int_equal(second.n_stack_locations, profile.n_stack_locations);
        assert_memory_equal(second.stack_locations, profile.stack_locations,
                            profile.n_stack_locations * sizeof(uint32_t));
        assert_memory_equal(second.values, profile.values,
                            profile.n_samples * profile.n_sample_types * sizeof(int64_t));
        assert_memory_equal(second.lines, profile.lines, profile.n_lines * sizeof(ProfileLine));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_field),
        cmocka_unit_test(test_unpacked_and_unknown_fields),
        cmocka_unit_test(test_every_rule_names_its_place),
        cmocka_unit_test(test_a_profile_needs_its_basics),
        cmocka_unit_test(test_every_cut),
        cmocka_unit_test(test_memory_is_capped),
        cmocka_unit_test(test_ids_dense_and_sparse),
        cmocka_unit_test(test_real_go_profiles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
