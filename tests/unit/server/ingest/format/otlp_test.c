#include "server/ingest/format/otlp.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/pprof/wire.h"
#include "tests/harness/check.h"
#include "tests/unit/server/ingest/format/read_back.h"

/* Strings of the test's requests, by their position. */
enum {
    S_EMPTY,
    S_SAMPLES,
    S_COUNT,
    S_CPU,
    S_NANOSECONDS,
    S_MAIN,
    S_WORK,
    S_FILE,
    S_BUILD_ID_KEY,
    S_BUILD_ID,
    S_THREAD_KEY,
    S_THREAD,
    S_SERVICE_KEY,
    S_OTHER,
    S_REGION_KEY,
    S_EAST,
    S_OFF_CPU,
    S_SPACE,
};
static const char *const STRINGS[] = {"",
                                      "samples",
                                      "count",
                                      "cpu",
                                      "nanoseconds",
                                      "main",
                                      "work",
                                      "shop.c",
                                      "process.executable.build_id.gnu",
                                      "abcd",
                                      "thread.name",
                                      "worker",
                                      "service.name",
                                      "other",
                                      "region",
                                      "east",
                                      "off_cpu",
                                      "space"};

static void
put_message(WireBuffer *out, uint32_t field, WireBuffer *message)
{
    wire_put_bytes(out, field, message->data, message->size);
    g_free(message->data);
    *message = (WireBuffer){0};
}

static void
put_text(WireBuffer *out, uint32_t field, const char *text)
{
    wire_put_bytes(out, field, text, strlen(text));
}

/* A packed field; numbers end in UINT64_MAX. */
static void
put_packed(WireBuffer *out, uint32_t field, const uint64_t *numbers)
{
    WireBuffer packed = {0};
    for (; *numbers != UINT64_MAX; numbers++)
        wire_put_varint(&packed, *numbers);
    put_message(out, field, &packed);
}
#define PACKED(...)                                                                                \
    (const uint64_t[])                                                                             \
    {                                                                                              \
        __VA_ARGS__, UINT64_MAX                                                                    \
    }

static void
put_pair(WireBuffer *out, uint32_t field, uint64_t first, uint64_t second)
{
    WireBuffer message = {0};
    wire_put_uint(&message, 1, first);
    wire_put_uint(&message, 2, second);
    put_message(out, field, &message);
}

static void
put_attribute(WireBuffer *out, uint64_t key, const char *value)
{
    WireBuffer entry = {0}, any = {0};
    wire_put_uint(&entry, 1, key);
    put_text(&any, 1, value);
    put_message(&entry, 2, &any);
    put_message(out, 6, &entry);
}

/* Attributes: 1 is the build id, 2 a thread, 3 a service. Locations and functions: 1 is main, 2
 * work, 3 an address only. Stacks: 1 is work below main, 2 main, 3 the address below main, 4 one
 * that is out of range. */
static void
put_dictionary(WireBuffer *out)
{
    WireBuffer dictionary = {0}, mapping = {0}, none = {0};
    put_message(&dictionary, 1, &none);
    wire_put_uint(&mapping, 1, 0x1000);
    wire_put_uint(&mapping, 2, 0x9000);
    wire_put_uint(&mapping, 4, S_FILE);
    put_packed(&mapping, 5, PACKED(1));
    put_message(&dictionary, 1, &mapping);
    put_message(&dictionary, 2, &none);
    put_message(&dictionary, 3, &none);
    for (uint64_t i = 1; i <= 3; i++) {
        WireBuffer location = {0};
        wire_put_uint(&location, 1, 1);
        wire_put_uint(&location, 2, 0x1000 + i);
        if (i < 3)
            put_pair(&location, 3, i, 10 + i);
        put_message(&dictionary, 2, &location);
        put_pair(&dictionary, 3, S_MAIN + i - 1, 0);
    }
    WireBuffer link = {0};
    put_message(&dictionary, 4, &none);
    put_text(&link, 1, "\x4b\xf9\x2f\x35\x77\xb3\x4d\xa6\xa3\xce\x92\x9d\x0e\x0e\x47\x36");
    put_text(&link, 2, "\x12\xf0\x67\xaa\x0b\xa9\x02\xb7");
    put_message(&dictionary, 4, &link);
    for (size_t i = 0; i < G_N_ELEMENTS(STRINGS); i++)
        put_text(&dictionary, 5, STRINGS[i]);
    put_message(&dictionary, 6, &none);
    put_attribute(&dictionary, S_BUILD_ID_KEY, "abcd");
    put_attribute(&dictionary, S_THREAD_KEY, "worker");
    put_attribute(&dictionary, S_SERVICE_KEY, "other");
    put_message(&dictionary, 7, &none);
    static const uint64_t STACKS[][3] = {
        {2, 1, UINT64_MAX}, {1, UINT64_MAX}, {3, 1, UINT64_MAX}, {2, 9, UINT64_MAX}};
    for (size_t i = 0; i < G_N_ELEMENTS(STACKS); i++) {
        WireBuffer stack = {0};
        put_packed(&stack, 1, STACKS[i]);
        put_message(&dictionary, 7, &stack);
    }
    put_message(out, 2, &dictionary);
}

/* One sample in either numbering; attribute, link and value 0 are left out. */
static void
put_sample(WireBuffer *profile, bool is_new, uint64_t stack, uint64_t value, uint64_t attribute,
           uint64_t link)
{
    WireBuffer sample = {0};
    wire_put_uint(&sample, 1, stack);
    if (value != 0)
        put_packed(&sample, is_new ? 4 : 2, PACKED(value));
    if (attribute != 0)
        put_packed(&sample, is_new ? 2 : 3, PACKED(attribute));
    wire_put_uint(&sample, is_new ? 3 : 4, link);
    put_message(profile, 2, &sample);
}

static void
put_time(WireBuffer *profile, uint64_t time_ns)
{
    uint64_t bytes = GUINT64_TO_LE(time_ns);
    wire_put_varint(profile, WIRE_TAG(3, WIRE_FIXED64));
    wire_put_raw(profile, &bytes, sizeof bytes);
}

static void
put_header(WireBuffer *profile, uint64_t type, uint64_t unit, uint64_t period_type,
           uint64_t period_unit)
{
    put_pair(profile, 1, type, unit);
    put_time(profile, 7000);
    wire_put_uint(profile, 4, 30);
    if (period_type != 0)
        put_pair(profile, 5, period_type, period_unit);
    wire_put_uint(profile, 6, 100);
}

static void
put_key_value(WireBuffer *out, uint32_t field, const char *key, const char *value)
{
    WireBuffer pair = {0}, any = {0};
    put_text(&pair, 1, key);
    put_text(&any, 1, value);
    put_message(&pair, 2, &any);
    put_message(out, field, &pair);
}

/* A request with these profiles, which are taken, of service shop. */
static WireBuffer
request_of(WireBuffer *profiles, size_t n)
{
    WireBuffer request = {0}, resource_profiles = {0}, resource = {0}, scopes = {0}, scope = {0};
    for (size_t i = 0; i < n; i++)
        put_message(&scopes, 2, &profiles[i]);
    put_key_value(&scope, 3, "region", "west");
    put_key_value(&scope, 3, "tier", "1");
    put_message(&scopes, 1, &scope);
    put_message(&resource_profiles, 2, &scopes);
    put_key_value(&resource, 1, "service.name", "shop");
    WireBuffer by_index = {0}, any = {0};
    wire_put_uint(&by_index, 3, S_REGION_KEY);
    wire_put_uint(&any, 8, S_EAST);
    put_message(&by_index, 2, &any);
    put_message(&resource, 1, &by_index);
    put_message(&resource_profiles, 1, &resource);
    put_message(&request, 1, &resource_profiles);
    put_dictionary(&request);
    return request;
}

/* Reads the first `size` bytes: what was read and then what was rejected, or "error …". */
static char *
read_request(const WireBuffer *request, size_t size, const TenantLimits *limits)
{
    g_autoptr(ProfileSet) set = profile_set_new();
    g_autoptr(GError) error = NULL;
    g_auto(OtlpRejected) rejected = {0};
    g_autofree uint8_t *copy = g_memdup2(request->data, size);
    const OtlpRequest input = {.data = copy, .size = size};
    uint64_t n;
    if (!otlp_read(&input, limits, 99, set, &n, &rejected, &error)) {
        assert_non_null(error);
        return g_strconcat("error ", error->message, NULL);
    }
    assert_null(error);
    g_autofree char *text = read_back(set);
    return rejected.n == 0 ? g_steal_pointer(&text)
                           : g_strdup_printf("%srejected %d of %d: %s\n", text, (int)rejected.n,
                                             (int)n, rejected.reason->str);
}

static void
expect(WireBuffer *profiles, size_t n, const char *expected)
{
    WireBuffer request = request_of(profiles, n);
    g_autofree char *got = read_request(&request, request.size, &TEST_LIMITS);
    assert_string_equal(got, expected);
    g_free(request.data);
}

#define LABELS(name, service)                                                                      \
    "__name__=" name " service_name=" service " __delta__=false __otel__=true "                    \
    "service.name=" service " region=east tier=1\n"

static void
test_both_numberings(void **state)
{
    (void)state;
    for (int is_new = 0; is_new < 2; is_new++) {
        WireBuffer profile = {0};
        put_header(&profile, S_SAMPLES, S_COUNT, S_CPU, S_NANOSECONDS);
        put_sample(&profile, is_new, 1, 5, 2, 1);
        put_sample(&profile, is_new, 2, 3, 2, 0);
        put_sample(&profile, is_new, 3, 2, 0, 0);
        expect(&profile, 1,
               LABELS("process_cpu", "shop") "cpu:nanoseconds per cpu:nanoseconds 100 at 7000+30\n"
                                             "main:11;work:12 500 "
                                             "{thread.name=worker,trace_id="
                                             "4bf92f3577b34da6a3ce929d0e0e4736,"
                                             "span_id=12f067aa0ba902b7}\n"
                                             "main:11 300 {thread.name=worker}\n"
                                             "main:11;0x1003 200\n");
    }
}

/* A sample that only has a stack and values is of 1.9 or older, or of a later one in field 4. */
static void
test_numberings_of_plain_samples(void **state)
{
    (void)state;
    for (int is_new = 0; is_new < 2; is_new++) {
        WireBuffer profile = {0};
        put_header(&profile, S_SAMPLES, S_COUNT, S_CPU, S_NANOSECONDS);
        put_sample(&profile, is_new, 2, 3, 0, 0);
        expect(&profile, 1,
               LABELS("process_cpu", "shop") "cpu:nanoseconds per cpu:nanoseconds 100 at 7000+30\n"
                                             "main:11 300\n");
    }
}

static void
test_samples_of_services_are_split(void **state)
{
    (void)state;
    WireBuffer profile = {0};
    put_header(&profile, S_OFF_CPU, S_NANOSECONDS, 0, 0);
    put_sample(&profile, true, 1, 5, 0, 0);
    put_sample(&profile, true, 1, 7, 3, 0);
    expect(&profile, 1,
           LABELS("off_cpu", "shop") "off_cpu:nanoseconds at 7000+30\n"
                                     "main:11;work:12 5\n" LABELS(
                                         "off_cpu", "other") "off_cpu:nanoseconds at 7000+30\n"
                                                             "main:11;work:12 7\n");
}

/* Values are added up; without any the timestamps count. */
static void
test_values_and_timestamps(void **state)
{
    (void)state;
    WireBuffer profile = {0}, sample = {0}, times = {0};
    static const uint8_t THREE[24] = {1};
    put_header(&profile, S_SPACE, S_COUNT, S_SPACE, S_COUNT);
    wire_put_uint(&sample, 1, 1);
    put_packed(&sample, 4, PACKED(4, 5));
    wire_put_bytes(&sample, 5, THREE, 16);
    put_message(&profile, 2, &sample);
    wire_put_uint(&times, 1, 2);
    wire_put_bytes(&times, 5, THREE, 24);
    put_message(&profile, 2, &times);
    expect(&profile, 1,
           LABELS("space", "shop") "space:count per space:count 100 at 7000+30\n"
                                   "main:11;work:12 9\n"
                                   "main:11 3\n");
}

static void
test_the_good_profiles_of_a_request_are_read(void **state)
{
    (void)state;
    WireBuffer profiles[5] = {0};
    put_header(&profiles[0], S_SAMPLES, S_COUNT, S_CPU, S_NANOSECONDS);
    put_sample(&profiles[0], true, 2, 0, 2, 0); /* by itself it would be of 1.9 */
    put_header(&profiles[1], S_SAMPLES, S_COUNT, S_SAMPLES, S_COUNT);
    put_sample(&profiles[1], true, 2, 1, 0, 0);
    put_header(&profiles[2], S_SAMPLES, S_COUNT, S_CPU, S_NANOSECONDS);
    put_sample(&profiles[2], true, 2, 1, 9, 0);
    put_header(&profiles[3], S_SPACE, S_COUNT, 0, 0);
    put_sample(&profiles[3], true, 2, 1, 0, 0);
    put_header(&profiles[4], S_SAMPLES, S_COUNT, S_CPU, S_NANOSECONDS);
    put_sample(&profiles[4], true, 4, 1, 0, 0);
    expect(profiles, 5,
           LABELS("samples", "shop") "samples:count per samples:count 100 at 7000+30\n"
                                     "main:11 1\n"
                                     "rejected 4 of 5: profile 0: samples[0]: it has neither "
                                     "values nor timestamps; "
                                     "profile 2: samples[0]: attribute_indices is 9, the "
                                     "attribute_table has 4 entries; "
                                     "profile 3: there is no period_type, which names profiles of "
                                     "space; "
                                     "profile 4: samples[0]: location_indices is 9, the "
                                     "location_table has 4 entries\n");
}

/* Releases up to 1.7 listed locations in the profile, where later ones have the time. */
static void
test_releases_without_stacks_are_refused(void **state)
{
    (void)state;
    WireBuffer profile = {0};
    put_packed(&profile, 3, PACKED(1, 2));
    expect(&profile, 1,
           "rejected 1 of 1: profile 0: the profile is of opentelemetry-proto 1.7 or older, which "
           "had no table of stacks: 1.8 or newer is wanted\n");
}

static void
test_requests_that_are_none(void **state)
{
    (void)state;
    WireBuffer request = {0}, none = {0};
    g_autofree char *empty = read_request(&request, 0, &TEST_LIMITS);
    assert_string_equal(empty, "error request: there is no dictionary");
    put_message(&request, 2, &none);
    g_autofree char *bare = read_request(&request, request.size, &TEST_LIMITS);
    assert_string_equal(bare, "error request: there are no resource_profiles");
    put_message(&request, 1, &none);
    g_autofree char *idle = read_request(&request, request.size, &TEST_LIMITS);
    assert_string_equal(idle, "");
    put_text(&none, 5, "x");
    put_message(&request, 2, &none);
    g_autofree char *strings = read_request(&request, request.size, &TEST_LIMITS);
    assert_string_equal(strings, "error dictionary.string_table[0] is not empty");
    g_free(request.data);
}

/* Cut anywhere, a request is an error, or says less. */
static void
test_every_truncation(void **state)
{
    (void)state;
    WireBuffer profile = {0};
    put_header(&profile, S_SAMPLES, S_COUNT, S_CPU, S_NANOSECONDS);
    put_sample(&profile, true, 1, 5, 2, 1);
    WireBuffer request = request_of(&profile, 1);
    for (size_t size = 0; size < request.size; size++) {
        g_autofree char *got = read_request(&request, size, &TEST_LIMITS);
        assert_true(g_str_has_prefix(got, "error "));
    }
    g_free(request.data);
}

/* A small request can ask for far more than its size. */
static void
test_work_and_size_are_limited(void **state)
{
    (void)state;
    TenantLimits limits = TEST_LIMITS;
    limits.samples_max = 1;
    WireBuffer profile = {0}, many = {0}, dictionary = {0}, stack = {0}, packed = {0};
    put_header(&profile, S_SAMPLES, S_COUNT, S_CPU, S_NANOSECONDS);
    put_sample(&profile, true, 1, 5, 0, 0);
    put_sample(&profile, true, 2, 5, 0, 0);
    WireBuffer request = request_of(&profile, 1);
    g_autofree char *samples = read_request(&request, request.size, &limits);
    assert_contains(samples, "max_profile_stacktrace_samples");
    g_free(request.data);

    /* 100000 samples of one stack of 2000 frames. */
    put_header(&many, S_SAMPLES, S_COUNT, S_CPU, S_NANOSECONDS);
    for (size_t i = 0; i < 100000; i++)
        put_sample(&many, true, 5, 1, 0, 0);
    request = request_of(&many, 1);
    for (size_t i = 0; i < 2000; i++)
        wire_put_varint(&packed, 1);
    put_message(&stack, 1, &packed);
    put_message(&dictionary, 7, &stack);
    put_message(&request, 2, &dictionary);
    g_autofree char *work = read_request(&request, request.size, &TEST_LIMITS);
    assert_contains(work, "far larger than the request");
    g_free(request.data);
}

static void
test_entries_of_the_dictionary_are_limited(void **state)
{
    (void)state;
    WireBuffer dictionary = {0}, request = {0};
    for (size_t i = 0; i < 10 * 1000 * 1000; i++)
        wire_put_bytes(&dictionary, 5, "", 0);
    put_message(&request, 2, &dictionary);
    g_autofree char *text = read_request(&request, request.size, &TEST_LIMITS);
    assert_contains(text, "string_table has too many entries: send fewer profiles at once");
    g_free(request.data);
}

/* An entry of a table: its field 1, a line for a location, and `padding` fields nobody reads. */
static void
put_padded(WireBuffer *out, uint32_t table, uint64_t first, uint64_t function, size_t padding)
{
    WireBuffer entry = {0};
    wire_put_uint(&entry, 1, first);
    if (function != 0)
        put_pair(&entry, 3, function, 0);
    for (size_t i = 0; i < padding; i++)
        wire_put_uint(&entry, 15, 1);
    put_message(out, table, &entry);
}

/* Entries of the dictionary are decoded for every profile that uses them. */
static void
test_work_on_the_dictionary_is_limited(void **state)
{
    (void)state;
    enum { MAPPING = 1, LOCATION, FUNCTION, PROFILES = 5000, LONG = 100000 };
    for (uint32_t table = MAPPING; table <= FUNCTION; table++) {
        WireBuffer dictionary = {0}, stack = {0};
        g_autofree WireBuffer *profiles = g_new0(WireBuffer, PROFILES);
        for (size_t i = 0; i < PROFILES; i++) {
            put_header(&profiles[i], S_SAMPLES, S_COUNT, S_CPU, S_NANOSECONDS);
            put_sample(&profiles[i], true, 5, 1, 0, 0);
        }
        WireBuffer request = request_of(profiles, PROFILES);
        /* Stack 5 is location 4, on mapping 2 and in function 4; one of these is long. */
        put_padded(&dictionary, MAPPING, 1, 0, table == MAPPING ? LONG : 0);
        put_padded(&dictionary, LOCATION, 2, 4, table == LOCATION ? LONG : 0);
        put_padded(&dictionary, FUNCTION, S_WORK, 0, table == FUNCTION ? LONG : 0);
        put_packed(&stack, 1, PACKED(4));
        put_message(&dictionary, 7, &stack);
        put_message(&request, 2, &dictionary);
        g_autofree char *text = read_request(&request, request.size, &TEST_LIMITS);
        assert_contains(text, "send fewer profiles at once");
        g_free(request.data);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_numberings),
        cmocka_unit_test(test_numberings_of_plain_samples),
        cmocka_unit_test(test_samples_of_services_are_split),
        cmocka_unit_test(test_values_and_timestamps),
        cmocka_unit_test(test_the_good_profiles_of_a_request_are_read),
        cmocka_unit_test(test_releases_without_stacks_are_refused),
        cmocka_unit_test(test_requests_that_are_none),
        cmocka_unit_test(test_every_truncation),
        cmocka_unit_test(test_work_and_size_are_limited),
        cmocka_unit_test(test_work_on_the_dictionary_is_limited),
        cmocka_unit_test(test_entries_of_the_dictionary_are_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
