#include "server/api/protojson.h"

#include <debuginfo.pb-c.h>
#include <push.pb-c.h>
#include <querier.pb-c.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/error.h"
#include "server/api/codec.h"

#define STACKTRACES querier__v1__select_merge_stacktraces_request__descriptor

static const void *
decode(const ProtobufCMessageDescriptor *descriptor, const char *text, Arena *arena)
{
    g_autoptr(GError) error = NULL;
    const void *message = protojson_decode(descriptor, text, strlen(text), arena, &error);
    if (message == NULL)
        fail_msg("%s: %s", text, error->message);
    return message;
}

static void
expect_encoded(const ProtobufCMessage *message, const char *expected)
{
    JsonWriter json;
    jsonw_init(&json, 0);
    protojson_encode(&json, message);
    g_autoptr(GBytes) bytes = jsonw_finish(&json);
    g_autofree char *text = g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
    assert_string_equal(text, expected);
}

static void
test_both_name_styles_and_number_forms(void **state)
{
    (void)state;
    g_autoptr(Arena) arena = arena_new(65536);
    const Querier__V1__SelectMergeStacktracesRequest *request =
        decode(&STACKTRACES,
               "{\"profile_typeID\":\"a\",\"labelSelector\":\"{}\",\"start\":\"5\",\"end\":6e0,"
               "\"maxNodes\":\"16384\",\"format\":\"PROFILE_FORMAT_TREE\",\"new\":[{}],"
               "\"stackTraceSelector\":{\"call_site\":[{\"name\":\"main\"}]},"
               "\"span_selector\":null}",
               arena);
    assert_string_equal(request->profile_typeid, "a");
    assert_string_equal(request->label_selector, "{}");
    assert_int_equal(request->start, 5);
    assert_int_equal(request->end, 6);
    assert_int_equal(request->max_nodes, 16384);
    assert_int_equal(request->format, QUERIER__V1__PROFILE_FORMAT__PROFILE_FORMAT_TREE);
    assert_string_equal(request->stack_trace_selector->call_site[0]->name, "main");
    assert_int_equal(request->n_span_selector, 0);
}

static void
test_presence_and_unknown_enums(void **state)
{
    (void)state;
    g_autoptr(Arena) arena = arena_new(65536);
    const Querier__V1__SelectMergeStacktracesRequest *request =
        decode(&STACKTRACES, "{\"format\":\"PROFILE_FORMAT_NO_SUCH\",\"max_nodes\":0}", arena);
    assert_int_equal(request->format, 0);
    assert_int_equal(request->max_nodes_presence_case,
                     QUERIER__V1__SELECT_MERGE_STACKTRACES_REQUEST__MAX_NODES_PRESENCE_MAX_NODES);
    expect_encoded(&request->base, "{\"maxNodes\":\"0\"}");
    request = decode(&STACKTRACES, "{\"format\":3}", arena);
    assert_int_equal(request->max_nodes_presence_case, 0);
    expect_encoded(&request->base, "{\"format\":\"PROFILE_FORMAT_DOT\"}");
}

static void
test_output_omits_defaults_and_quotes_integers(void **state)
{
    (void)state;
    Types__V1__Point point = TYPES__V1__POINT__INIT, zero = TYPES__V1__POINT__INIT;
    Types__V1__Point *points[] = {&point, &zero};
    Types__V1__Series series = TYPES__V1__SERIES__INIT;
    point.value = 1.5;
    point.timestamp = INT64_MAX;
    series.n_points = 2;
    series.points = points;
    expect_encoded(&series.base,
                   "{\"points\":[{\"value\":1.5,\"timestamp\":\"9223372036854775807\"},{}]}");
    Types__V1__ProfileType type = TYPES__V1__PROFILE_TYPE__INIT;
    type.id = (char *)"x";
    type.sample_type = (char *)"cpu";
    expect_encoded(&type.base, "{\"ID\":\"x\",\"sampleType\":\"cpu\"}");
}

static void
test_times_are_texts(void **state)
{
    (void)state;
    static const struct {
        int64_t seconds;
        int32_t nanos;
        const char *text;
    } times[] = {
        {1714557600, 0, "2024-05-01T10:00:00Z"},
        {1714557600, 250000000, "2024-05-01T10:00:00.250Z"},
        {1714557600, 1000, "2024-05-01T10:00:00.000001Z"},
        {-1, 7, "1969-12-31T23:59:59.000000007Z"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(times); i++) {
        Google__Protobuf__Timestamp time = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
        time.seconds = times[i].seconds;
        time.nanos = times[i].nanos;
        Debuginfo__V1alpha1__ObjectMetadata object = DEBUGINFO__V1ALPHA1__OBJECT_METADATA__INIT;
        object.finished_at = &time;
        g_autoptr(GBytes) json = codec_encode(CODEC_JSON, &object.base);
        g_autofree char *wanted = g_strdup_printf("{\"finishedAt\":\"%s\"}", times[i].text);
        assert_int_equal(g_bytes_get_size(json), strlen(wanted));
        assert_memory_equal(g_bytes_get_data(json, NULL), wanted, strlen(wanted));
    }
}

static void
test_bytes_are_base64_in_all_forms(void **state)
{
    (void)state;
    g_autoptr(Arena) arena = arena_new(65536);
    static const char *const forms[] = {"+/8=", "-_8=", "-_8"};
    for (size_t i = 0; i < G_N_ELEMENTS(forms); i++) {
        g_autofree char *text = g_strdup_printf("{\"rawProfile\":\"%s\",\"ID\":\"i\"}", forms[i]);
        const Push__V1__RawSample *sample = decode(&push__v1__raw_sample__descriptor, text, arena);
        assert_int_equal(sample->raw_profile.len, 2);
        assert_memory_equal(sample->raw_profile.data, "\xfb\xff", 2);
        expect_encoded(&sample->base, "{\"rawProfile\":\"+/8=\",\"ID\":\"i\"}");
    }
}

static void
test_bad_input_names_the_field(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"", "not valid JSON"},
        {"{\"start\":", "not valid JSON"},
        {"[]", "not a JSON object"},
        {"{\"start\":\"x\"}", "start"},
        {"{\"start\":1.5}", "start"},
        {"{\"start\":true}", "start"},
        {"{\"start\":\"99999999999999999999\"}", "start"},
        {"{\"label_selector\":5}", "label_selector"},
        {"{\"spanSelector\":\"x\"}", "span_selector"},
        {"{\"stack_trace_selector\":[]}", "stack_trace_selector"},
        {"{\"stack_trace_selector\":{\"goPgo\":{\"keepLocations\":-1}}}", "keep_locations"},
        {"{\"stack_trace_selector\":{\"goPgo\":{\"aggregateCallees\":1}}}", "aggregate_callees"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(Arena) arena = arena_new(65536);
        g_autoptr(GError) error = NULL;
        assert_null(protojson_decode(&STACKTRACES, bad[i][0], strlen(bad[i][0]), arena, &error));
        if (strstr(error->message, bad[i][1]) == NULL)
            fail_msg("no '%s' in '%s'", bad[i][1], error->message);
    }
}

static void
test_binary_codec_checks_utf8_and_memory(void **state)
{
    (void)state;
    g_autoptr(Arena) arena = arena_new(65536);
    g_autoptr(GError) error = NULL;
    assert_non_null(codec_decode(CODEC_PROTO, &STACKTRACES, NULL, 0, arena, &error));
    assert_null(codec_decode(CODEC_JSON, &STACKTRACES, NULL, 0, arena, &error));
    assert_non_null(strstr(error->message, "empty"));
    g_clear_error(&error);
    static const uint8_t not_utf8[] = {0x12, 0x01, 0xff}, cut[] = {0x12, 0x05, 'a'};
    assert_null(codec_decode(CODEC_PROTO, &STACKTRACES, not_utf8, 3, arena, &error));
    assert_non_null(strstr(error->message, "label_selector"));
    g_clear_error(&error);
    assert_null(codec_decode(CODEC_PROTO, &STACKTRACES, cut, 3, arena, &error));
    g_clear_error(&error);
    g_autoptr(Arena) tiny = arena_new(64);
    assert_null(codec_decode(CODEC_PROTO, &STACKTRACES, NULL, 0, tiny, &error));
    g_clear_error(&error);
    assert_null(codec_decode(CODEC_JSON, &STACKTRACES, (const uint8_t *)"{}", 2, tiny, &error));
}

/* A list of so many small values would take hundreds of megabytes; text in strings does not count.
 */
static void
test_values_are_counted_before_they_are_parsed(void **state)
{
    (void)state;
    g_autoptr(Arena) arena = arena_new(4 * 1024 * 1024);
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) text = g_string_new("{\"new\":[");
    for (int i = 0; i < 300000; i++)
        g_string_append(text, "{},");
    g_string_append(text, "{}]}");
    assert_null(protojson_decode(&STACKTRACES, text->str, text->len, arena, &error));
    assert_true(g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_INVALID_ARGUMENT));
    assert_non_null(strstr(error->message, "limited to 262144 values"));

    g_autofree char *commas = g_strnfill(300000, ',');
    g_string_printf(text, "{\"labelSelector\":\"\\\"%s\"}", commas);
    const Querier__V1__SelectMergeStacktracesRequest *request =
        decode(&STACKTRACES, text->str, arena);
    assert_int_equal(strlen(request->label_selector), 300001);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_name_styles_and_number_forms),
        cmocka_unit_test(test_presence_and_unknown_enums),
        cmocka_unit_test(test_output_omits_defaults_and_quotes_integers),
        cmocka_unit_test(test_times_are_texts),
        cmocka_unit_test(test_bytes_are_base64_in_all_forms),
        cmocka_unit_test(test_bad_input_names_the_field),
        cmocka_unit_test(test_binary_codec_checks_utf8_and_memory),
        cmocka_unit_test(test_values_are_counted_before_they_are_parsed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
