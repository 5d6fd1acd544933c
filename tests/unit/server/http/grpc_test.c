#include "server/http/grpc.h"

#include <string.h>

#include "lib/base/error.h"
#include "server/http/encoding.h"
#include "tests/harness/check.h"

/* A request with one header beside its type. */
static HttpRequest
request_of(HttpPair pairs[2], const char *type, const char *name, const char *value)
{
    pairs[0] = (HttpPair){"content-type", type};
    pairs[1] = (HttpPair){name, value};
    return (HttpRequest){.version = 2, .headers = pairs, .n_headers = name != NULL ? 2 : 1};
}

static void
test_kinds(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        GrpcKind kind;
    } cases[] = {
        {"application/grpc", GRPC_PLAIN},   {"application/grpc+proto; charset=x", GRPC_PLAIN},
        {"Application/gRPC-Web", GRPC_WEB}, {"application/grpc-web-text+proto", GRPC_WEB_TEXT},
        {"application/grpcx", GRPC_NONE},   {"application/proto", GRPC_NONE}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        HttpPair pairs[2];
        HttpRequest request = request_of(pairs, cases[i].type, NULL, NULL);
        assert_int_equal(grpc_kind(&request), cases[i].kind);
    }
    assert_int_equal(grpc_kind(&(HttpRequest){0}), GRPC_NONE);
}

static void
test_timeouts(void **state)
{
    (void)state;
    assert_int_equal(grpc_timeout_us("10S"), 10000000);
    assert_int_equal(grpc_timeout_us("250m"), 250000);
    assert_int_equal(grpc_timeout_us("7u"), 7);
    assert_int_equal(grpc_timeout_us("2000n"), 2);
    assert_int_equal(grpc_timeout_us("99999999H"), INT64_C(99999999) * 3600000000);
    static const char *const bad[] = {"", "S", "10", "10s", "999999999S", "-1S", "10SS"};
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
        assert_int_equal(grpc_timeout_us(bad[i]), -1);
    assert_int_equal(grpc_timeout_us(NULL), -1);
}

static void
expect_bad(GrpcKind kind, const char *bytes, size_t size, const char *says)
{
    GrpcMessage message;
    g_autoptr(GError) error = NULL;
    g_autofree uint8_t *body = g_memdup2(bytes, size + 1);
    assert_false(grpc_read_message(kind, body, size, &message, &error));
    assert_int_equal(error->code, CRESSET_ERROR_INVALID_ARGUMENT);
    assert_error_says(error, says);
}

static void
test_one_whole_frame_is_read(void **state)
{
    (void)state;
    GrpcMessage message;
    uint8_t frame[] = {0, 0, 0, 0, 3, 'a', 'b', 'c'}, packed[] = {1, 0, 0, 0, 1, 'x'};
    assert_true(grpc_read_message(GRPC_PLAIN, frame, sizeof frame, &message, NULL));
    assert_int_equal(message.size, 3);
    assert_memory_equal(message.data, "abc", 3);
    assert_false(message.is_compressed);
    assert_true(grpc_read_message(GRPC_WEB, packed, sizeof packed, &message, NULL));
    assert_true(message.is_compressed);
    char text[] = "AAAAAANhYmM=";
    assert_true(grpc_read_message(GRPC_WEB_TEXT, (uint8_t *)text, strlen(text), &message, NULL));
    assert_memory_equal(message.data, "abc", 3);
    expect_bad(GRPC_PLAIN, "", 0, "holds no gRPC message");
    expect_bad(GRPC_PLAIN, "\0\0\0\0", 4, "holds no gRPC message");
    expect_bad(GRPC_PLAIN, "\0\0\0\0\4abc", 8, "says 4 bytes and has 3");
    expect_bad(GRPC_PLAIN, "\0\0\0\0\2abc", 8, "says 2 bytes and has 3");
    expect_bad(GRPC_PLAIN,
               "\0\xff\xff\xff\xff"
               "abc",
               8, "says 4294967295 bytes");
    expect_bad(GRPC_PLAIN, "\2\0\0\0\3abc", 8, "unknown flags 0x02");
    expect_bad(GRPC_WEB_TEXT, "!!!!", 4, "holds no gRPC message");
}

/* Nothing is done with a body that is not there, which GLib would call critical. */
static void
test_the_body_may_be_absent(void **state)
{
    (void)state;
    GLogLevelFlags before = g_log_set_always_fatal(G_LOG_FATAL_MASK | G_LOG_LEVEL_CRITICAL);
    for (int kind = GRPC_PLAIN; kind <= GRPC_WEB_TEXT; kind++) {
        GrpcMessage message;
        g_autoptr(GError) error = NULL;
        assert_false(grpc_read_message((GrpcKind)kind, NULL, 0, &message, &error));
        assert_error_says(error, "holds no gRPC message");
    }
    g_log_set_always_fatal(before);
}

static const char *
header_of(const HttpResponse *response, const char *name)
{
    for (guint i = 0; i + 1 < response->headers->len; i += 2) {
        if (g_ascii_strcasecmp(response->headers->pdata[i], name) == 0)
            return response->headers->pdata[i + 1];
    }
    return NULL;
}

static void
test_a_message_has_its_frame_and_trailers(void **state)
{
    (void)state;
    HttpPair pairs[2];
    HttpRequest request = request_of(pairs, "application/grpc+proto", NULL, NULL);
    g_autoptr(HttpResponse) response =
        http_response_new(200, "application/proto", g_bytes_new_static("abc", 3));
    grpc_shape_response(&request, response);
    assert_string_equal(header_of(response, "content-type"), "application/grpc+proto");
    assert_int_equal(response->prefix_size, 5);
    assert_memory_equal(response->prefix, "\0\0\0\0\3", 5);
    assert_int_equal(response->trailers->len, 2);
    assert_string_equal(response->trailers->pdata[0], "grpc-status");
    assert_string_equal(response->trailers->pdata[1], "0");
}

static void
test_an_error_is_all_trailers(void **state)
{
    (void)state;
    HttpPair pairs[2];
    HttpRequest request = request_of(pairs, "application/grpc", NULL, NULL);
    g_autoptr(HttpResponse) response =
        http_response_error(429, "resource_exhausted", "100 % gone\nfor ever");
    grpc_shape_response(&request, response);
    assert_int_equal(http_response_status(response), 200);
    assert_int_equal(response->status, 429); /* for logs and metrics */
    assert_null(response->body);
    assert_string_equal(header_of(response, "grpc-status"), "8");
    assert_string_equal(header_of(response, "grpc-message"), "100 %25 gone%0Afor ever");
}

static void
test_large_messages_are_compressed_when_taken(void **state)
{
    (void)state;
    HttpPair pairs[2];
    char text[4096] = "";
    HttpRequest request =
        request_of(pairs, "application/grpc", "grpc-accept-encoding", "identity,gzip");
    g_autoptr(HttpResponse) response =
        http_response_new(200, NULL, g_bytes_new_static(text, sizeof text));
    grpc_shape_response(&request, response);
    assert_string_equal(header_of(response, "grpc-encoding"), "gzip");
    assert_int_equal(response->prefix[0], 1);
    assert_true(g_bytes_get_size(response->body) < sizeof text);
}

static void
test_the_web_has_trailers_in_the_body(void **state)
{
    (void)state;
    HttpPair pairs[2];
    HttpRequest request = request_of(pairs, "application/grpc-web+proto", NULL, NULL);
    g_autoptr(HttpResponse) response = http_response_new(200, NULL, g_bytes_new_static("abc", 3));
    grpc_shape_response(&request, response);
    static const char expected[] = "\0\0\0\0\3abc\x80\0\0\0\x10grpc-status: 0\r\n";
    gsize size;
    const void *body = g_bytes_get_data(response->body, &size);
    assert_int_equal(size, sizeof expected - 1);
    assert_memory_equal(body, expected, size);
    request = request_of(pairs, "application/grpc-web-text", NULL, NULL);
    g_autoptr(HttpResponse) error = http_response_error(404, "not_found", "no");
    grpc_shape_response(&request, error);
    body = g_bytes_get_data(error->body, &size);
    g_autofree char *text = g_strndup(body, size);
    gsize n;
    g_autofree guchar *plain = g_base64_decode(text, &n);
    assert_int_equal(plain[0], 0x80);
    assert_memory_equal(plain + 5, "grpc-status: 5\r\ngrpc-message: no\r\n", n - 5);
}

static void
test_others_stay_as_they_are(void **state)
{
    (void)state;
    HttpPair pairs[2];
    HttpRequest request = request_of(pairs, "application/proto", NULL, NULL);
    g_autoptr(HttpResponse) response =
        http_response_new(200, "application/proto", g_bytes_new_static("abc", 3));
    grpc_shape_response(&request, response);
    assert_string_equal(header_of(response, "content-type"), "application/proto");
    assert_int_equal(response->prefix_size, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_timeouts),
        cmocka_unit_test(test_one_whole_frame_is_read),
        cmocka_unit_test(test_the_body_may_be_absent),
        cmocka_unit_test(test_a_message_has_its_frame_and_trailers),
        cmocka_unit_test(test_an_error_is_all_trailers),
        cmocka_unit_test(test_large_messages_are_compressed_when_taken),
        cmocka_unit_test(test_the_web_has_trailers_in_the_body),
        cmocka_unit_test(test_others_stay_as_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
