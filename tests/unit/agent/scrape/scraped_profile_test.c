#include "agent/scrape/scraped_profile.h"

#include <string.h>

#include "lib/pprof/decode.h"
#include "lib/pprof/encode.h"
#include "lib/pprof/gzip.h"
#include "lib/pprof/wire.h"
#include "tests/harness/check.h"

#define MADE_TIME_NS INT64_C(1700000000000000000)

/* A heap-like profile: `n` stacks, each with this many allocations, taken so many ns after
 * MADE_TIME_NS. */
static GByteArray *
made_profile(uint32_t n, int64_t allocations)
{
    g_autoptr(PprofBuilder) builder = pprof_builder_new();
    pprof_builder_sample_type(builder, "alloc_objects", "count");
    pprof_builder_sample_type(builder, "inuse_objects", "count");
    pprof_builder_period(builder, "space", "bytes", 512);
    pprof_builder_time(builder, MADE_TIME_NS + allocations, 0);
    for (uint32_t i = 0; i < n; i++) {
        const PprofLocation location = {.address = 0x1000 + 16 * (uint64_t)i};
        uint32_t id = pprof_builder_location(builder, &location);
        const int64_t values[] = {allocations, 1};
        const PprofSample sample = {.locations = &id, .n_locations = 1, .values = values};
        pprof_builder_sample(builder, &sample);
    }
    return pprof_builder_finish(builder);
}

typedef struct {
    ScrapeJob *job;
    int64_t start_ns;  /* of the target; 0: not known */
    PprofDelta *delta; /* NULL: none is made */
    GByteArray *out;
} Fixture;

static int
setup(void **state)
{
    Fixture *fixture = g_new0(Fixture, 1);
    fixture->job = scrape_job_new();
    fixture->out = g_byte_array_new();
    *state = fixture;
    return 0;
}

static int
teardown(void **state)
{
    Fixture *fixture = *state;
    scrape_job_unref(fixture->job);
    pprof_delta_free(fixture->delta);
    g_byte_array_unref(fixture->out);
    g_free(fixture);
    return 0;
}

/* Reads an answer with this content type (NULL: none). */
static ScrapeResult
answer(Fixture *fixture, const char *type, const void *data, size_t size, GError **error)
{
    g_autoptr(GHashTable) headers = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GBytes) body = g_bytes_new(data, size);
    if (type != NULL)
        g_hash_table_insert(headers, (char *)"content-type", (char *)(uintptr_t)type);
    const HttpClientReply reply = {.status = 200, .body = body, .headers = headers};
    const ScrapeTarget target = {.job = fixture->job, .start_ns = fixture->start_ns};
    return scraped_profile_read(&target, fixture->delta, &reply, fixture->out, error);
}

static void
test_a_profile_passes_as_it_is(void **state)
{
    Fixture *fixture = *state;
    g_autoptr(GByteArray) plain = made_profile(3, 7);
    g_autoptr(GByteArray) packed = gzip_compress(plain->data, plain->len, 1);
    const GByteArray *const bodies[] = {plain, packed};
    for (size_t i = 0; i < G_N_ELEMENTS(bodies); i++) {
        assert_int_equal(
            answer(fixture, "application/octet-stream", bodies[i]->data, bodies[i]->len, NULL),
            SCRAPE_OK);
        assert_int_equal(fixture->out->len, plain->len);
        assert_memory_equal(fixture->out->data, plain->data, plain->len);
    }
}

static void
test_what_is_no_profile(void **state)
{
    Fixture *fixture = *state;
    static const char page[] = "<html><body>pprof</body></html>";
    g_autoptr(GByteArray) plain = made_profile(3, 7);
    g_autoptr(GByteArray) packed = gzip_compress(plain->data, plain->len, 1);
    g_autoptr(GByteArray) empty = made_profile(0, 0);
    const struct {
        const char *type;
        const void *data;
        size_t size;
        ScrapeResult wanted;
    } cases[] = {
        {"text/html; charset=utf-8", plain->data, plain->len, SCRAPE_NOT_PROFILE},
        {"application/json", "{}", 2, SCRAPE_NOT_PROFILE},
        {NULL, page, sizeof page - 1, SCRAPE_NOT_PROFILE},
        {NULL, "", 0, SCRAPE_NOT_PROFILE},
        {NULL, packed->data, packed->len - 9, SCRAPE_MALFORMED},
        {NULL, plain->data, plain->len - 1, SCRAPE_MALFORMED},
        {NULL, "\x0a\x7f\x00\x01", 4, SCRAPE_MALFORMED},
        {NULL, empty->data, empty->len, SCRAPE_EMPTY},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        ScrapeResult result = answer(fixture, cases[i].type, cases[i].data, cases[i].size, &error);
        if (result != cases[i].wanted)
            fail_msg("case %zu: %s", i, scrape_result_text(result));
        assert_int_equal(error != NULL, result != SCRAPE_EMPTY);
        assert_int_equal(fixture->out->len, 0);
    }
}

static void
test_bombs(void **state)
{
    Fixture *fixture = *state;
    g_autoptr(GByteArray) zeros = g_byte_array_new();
    g_byte_array_set_size(zeros, 1 << 20);
    memset(zeros->data, 0, zeros->len);
    g_autoptr(GByteArray) packed = gzip_compress(zeros->data, zeros->len, 9);
    fixture->job->profile_bytes_max = 100 * 1000;
    g_autoptr(GError) error = NULL;
    assert_int_equal(answer(fixture, NULL, packed->data, packed->len, &error), SCRAPE_BOMB);
    assert_error_says(error, "more than 100000 bytes (profile_size_limit of the job)");
    assert_int_equal(answer(fixture, NULL, zeros->data, zeros->len, NULL), SCRAPE_BOMB);
}

static void
test_deltas(void **state)
{
    static const char *const cumulative[] = {"alloc_objects", NULL};
    Fixture *fixture = *state;
    fixture->delta = pprof_delta_new(cumulative);
    g_autoptr(GByteArray) first = made_profile(3, 7), second = made_profile(3, 9);
    assert_int_equal(answer(fixture, NULL, first->data, first->len, NULL), SCRAPE_FIRST);
    assert_int_equal(answer(fixture, NULL, second->data, second->len, NULL), SCRAPE_OK);
    g_autoptr(Arena) arena = arena_new(1 << 20);
    Profile profile;
    const PprofInput input = {
        .data = fixture->out->data, .size = fixture->out->len, .arena = arena};
    assert_int_equal(pprof_decode(&input, &profile, NULL), PPROF_OK);
    assert_int_equal(profile.n_samples, 3);
    assert_int_equal(profile.values[0], 2);
    assert_int_equal(profile.values[1], 1);
    /* What is damaged in between does not count. */
    g_autoptr(GByteArray) third = made_profile(3, 12);
    assert_int_equal(answer(fixture, NULL, "\x0a\x7f\x00\x01", 4, NULL), SCRAPE_MALFORMED);
    assert_int_equal(answer(fixture, "text/html", "<html>", 6, NULL), SCRAPE_NOT_PROFILE);
    assert_int_equal(answer(fixture, NULL, third->data, third->len, NULL), SCRAPE_OK);
    arena_reset(arena);
    const PprofInput next = {.data = fixture->out->data, .size = fixture->out->len, .arena = arena};
    assert_int_equal(pprof_decode(&next, &profile, NULL), PPROF_OK);
    assert_int_equal(profile.values[0], 3);
}

/* A target that started anew since the last scrape, and has counted more already than before: what
 * it has counted is the delta, and not how much more that is. */
static void
test_a_target_that_started_anew(void **state)
{
    static const char *const cumulative[] = {"alloc_objects", NULL};
    Fixture *fixture = *state;
    fixture->delta = pprof_delta_new(cumulative);
    g_autoptr(GByteArray) first = made_profile(3, 7), second = made_profile(3, 9);
    fixture->start_ns = MADE_TIME_NS - INT64_C(3600000000000);
    assert_int_equal(answer(fixture, NULL, first->data, first->len, NULL), SCRAPE_FIRST);
    fixture->start_ns = MADE_TIME_NS + 8;
    assert_int_equal(answer(fixture, NULL, second->data, second->len, NULL), SCRAPE_OK);
    g_autoptr(Arena) arena = arena_new(1 << 20);
    Profile profile;
    const PprofInput input = {
        .data = fixture->out->data, .size = fixture->out->len, .arena = arena};
    assert_int_equal(pprof_decode(&input, &profile, NULL), PPROF_OK);
    assert_int_equal(profile.values[0], 9);
    assert_int_equal(profile.time_ns, MADE_TIME_NS + 8);
}

typedef struct {
    uint32_t n_parts, n_samples, n_largest;
    size_t bytes_largest;
} Parts;

static void
on_part(const uint8_t *pprof, size_t size, void *data)
{
    Parts *parts = data;
    Profile profile;
    g_autoptr(Arena) arena = arena_new(256 << 20);
    const PprofInput input = {.data = pprof, .size = size, .arena = arena};
    assert_int_equal(pprof_decode(&input, &profile, NULL), PPROF_OK);
    parts->n_parts++;
    parts->n_samples += profile.n_samples;
    parts->n_largest = MAX(parts->n_largest, profile.n_samples);
    parts->bytes_largest = MAX(parts->bytes_largest, size);
}

static void
test_large_profiles_go_in_parts(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {1, 10000, 15000, 15001, 40000};
    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        g_autoptr(GByteArray) pprof = made_profile(sizes[i], 5);
        Parts parts = {0};
        uint64_t n_dropped;
        assert_true(scraped_profile_split(pprof, on_part, &parts, &n_dropped));
        assert_int_equal(n_dropped, 0);
        assert_int_equal(parts.n_samples, sizes[i]);
        assert_true(parts.n_largest <= SCRAPED_PROFILE_SAMPLES_MAX);
        assert_int_equal(parts.n_parts > 1, sizes[i] > SCRAPED_PROFILE_SAMPLES_MAX);
    }
}

/* Names that are more than a part may have come with every part. */
static void
test_tables_that_are_too_large(void **state)
{
    (void)state;
    g_autoptr(GByteArray) pprof = made_profile(10, 5);
    g_autofree char *text = g_strnfill(SCRAPED_PROFILE_BYTES_MAX, 'x');
    WireBuffer field = {0};
    wire_put_bytes(&field, 6, text, SCRAPED_PROFILE_BYTES_MAX); /* of string_table */
    g_byte_array_append(pprof, field.data, (guint)field.size);
    g_free(field.data);
    Parts parts = {0};
    uint64_t n_dropped;
    assert_false(scraped_profile_split(pprof, on_part, &parts, &n_dropped));
    assert_int_equal(n_dropped, 10);
    assert_int_equal(parts.n_parts, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_profile_passes_as_it_is),
        TEST(test_what_is_no_profile),
        TEST(test_bombs),
        TEST(test_deltas),
        TEST(test_a_target_that_started_anew),
        cmocka_unit_test(test_large_profiles_go_in_parts),
        cmocka_unit_test(test_tables_that_are_too_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
