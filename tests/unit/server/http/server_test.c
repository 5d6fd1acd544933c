/* A real server on a free port, asked by libcurl in HTTP/1.1 and in HTTP/2. */
#include "server/http/server.h"

#include <curl/curl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/error.h"
#include "server/http/encoding.h"
#include "tests/harness/temp_dir.h"

#define BODY_CAP 100000
#define FILE_CAP (80 * 1024 * 1024)
/* The number of ready sockets at which the library's own event thread stands still. */
#define LOCKSTEP_CLIENTS 256
#define LOCKSTEP_ROUNDS  20

static long version;      /* CURL_HTTP_VERSION_… */
static GAsyncQueue *held; /* requests that /hold keeps for the test to answer */
static TempDir *dir;

static void
reply_text(HttpRequest *request, const char *text)
{
    http_reply(request, http_response_new(200, "text/plain", g_bytes_new(text, strlen(text))));
}

static void
handle_echo(HttpRequest *request, void *app)
{
    (void)app;
    GBytes *body = g_bytes_new(request->body, request->body_size);
    HttpResponse *response = http_response_new(200, "application/octet-stream", body);
    http_response_set_header(response, "X-Tenant", request->tenant);
    http_reply(request, response);
}

static void
handle_param(HttpRequest *request, void *app)
{
    (void)app;
    const char *value = http_request_param(request, "q");
    reply_text(request, value != NULL ? value : "none");
}

static void
handle_hold(HttpRequest *request, void *app)
{
    (void)app;
    g_async_queue_push(held, request);
}

/* Answers with the sum of the file. */
static void
handle_file(HttpRequest *request, void *app)
{
    (void)app;
    g_autofree char *content = NULL;
    gsize size;
    assert_null(request->body);
    assert_true(g_file_get_contents(request->body_path, &content, &size, NULL));
    assert_int_equal(size, request->body_size);
    g_autofree char *sum =
        g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)content, size);
    reply_text(request, sum);
}

static HttpResponse *
admit_file(HttpRequest *request, void *app)
{
    (void)app;
    return http_request_header(request, "X-Unwanted") != NULL
               ? http_response_error(412, "failed_precondition", "not wanted")
               : NULL;
}

static const HttpRoute routes[] = {
    {"POST", "/echo", HTTP_WRITE, HTTP_BODY_PUSH, 0, handle_echo, NULL, NULL},
    {"POST", "/file", HTTP_WRITE, HTTP_BODY_FILE, HTTP_RAW_BODY, handle_file, NULL, admit_file},
    {"GET", "/param", HTTP_PUBLIC, HTTP_BODY_NONE, 0, handle_param, NULL, NULL},
    {"GET", "/hold", HTTP_READ, HTTP_BODY_NONE, 0, handle_hold, NULL, NULL},
};

static HttpServer *
start_server_with(int64_t body_memory_bytes)
{
    HttpConfig config = {
        .listen = "127.0.0.1:0",
        .connections_max = 1024,
        .header_memory_bytes = 7 * 1024,
        .idle_timeout_ns = 60 * (int64_t)1000000000,
        .workers = 2,
        .body_caps = {[HTTP_BODY_PUSH] = {BODY_CAP, "the-body-knob"},
                      [HTTP_BODY_FILE] = {FILE_CAP, "the-file-knob"}},
        .body_memory_bytes = body_memory_bytes,
        .spool_dir = temp_dir_path(dir),
        .tenant_mode = TENANT_OPTIONAL,
        .routes = routes,
        .n_routes = G_N_ELEMENTS(routes),
    };
    GError *error = NULL;
    HttpServer *server = http_server_new(&config, &error);
    assert_null(error);
    assert_true(http_server_start(server, &error));
    return server;
}

static HttpServer *
start_server(void)
{
    return start_server_with(64 * 1024 * 1024);
}

typedef struct {
    GString *body, *headers;
    long status;
} Answer;

static size_t
append(char *data, size_t size, size_t count, void *target)
{
    g_string_append_len(target, data, (gssize)(size * count));
    return size * count;
}

static CURL *
client_new(const HttpServer *server, const char *path, Answer *answer)
{
    CURL *curl = curl_easy_init();
    g_autofree char *url = g_strdup_printf("http://%s%s", http_server_address(server), path);
    answer->body = g_string_new(NULL);
    answer->headers = g_string_new(NULL);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, version);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, append);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer->body);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, append);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, answer->headers);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 30L);
    return curl;
}

static void
answer_clear(Answer *answer)
{
    g_string_free(answer->body, TRUE);
    g_string_free(answer->headers, TRUE);
}

/* Sends one request; `body` NULL is a GET. `header` may be NULL. */
static Answer
ask(const HttpServer *server, const char *path, const void *body, size_t size, const char *header)
{
    Answer answer = {0};
    CURL *curl = client_new(server, path, &answer);
    struct curl_slist *headers = curl_slist_append(NULL, "Expect:");
    if (header != NULL)
        headers = curl_slist_append(headers, header);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    if (body != NULL) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)size);
    }
    assert_int_equal(curl_easy_perform(curl), CURLE_OK);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer.status);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    return answer;
}

static void
expect(Answer answer, long status, const char *fragment)
{
    assert_int_equal(answer.status, status);
    if (fragment != NULL && strstr(answer.body->str, fragment) == NULL)
        fail_msg("no '%s' in '%s'", fragment, answer.body->str);
    answer_clear(&answer);
}

static void
test_routes_methods_and_bodies(void **state)
{
    HttpServer *server = *state;
    expect(ask(server, "/echo", "hello", 5, NULL), 200, "hello");
    expect(ask(server, "/echo", "", 0, NULL), 200, NULL);
    expect(ask(server, "/param?q=a%20b%2Bc+d&q=2", NULL, 0, NULL), 200, "a b+c d");
    expect(ask(server, "/param", NULL, 0, NULL), 200, "none");
    expect(ask(server, "/param?q=%ff", NULL, 0, NULL), 400, "UTF-8");
    expect(ask(server, "/nowhere", NULL, 0, NULL), 404, "\"code\":\"unimplemented\"");
    expect(ask(server, "/param", "x", 1, NULL), 405, "GET");
    expect(ask(server, "/param", "x", 1, "Allow: x"), 405, NULL);
}

static void
test_tenant_reaches_the_handler(void **state)
{
    HttpServer *server = *state;
    Answer answer = ask(server, "/echo", "x", 1, "X-Scope-OrgID: team-a");
    assert_non_null(strcasestr(answer.headers->str, "X-Tenant: team-a"));
    expect(answer, 200, NULL);
    expect(ask(server, "/echo", "x", 1, "X-Scope-OrgID: a/b"), 401, "unauthenticated");
    expect(ask(server, "/echo", "x", 1, "X-Scope-OrgID: a|b"), 400, "exactly one");
}

/* Sends `text` compressed. */
static Answer
ask_packed(const HttpServer *server, const char *text, size_t size)
{
    g_autoptr(GBytes) plain = g_bytes_new_static(text, size);
    g_autoptr(GBytes) packed = encoding_encode(ENCODING_GZIP, plain);
    return ask(server, "/echo", g_bytes_get_data(packed, NULL), g_bytes_get_size(packed),
               "Content-Encoding: gzip");
}

/* A request is forgotten a moment after its answer has gone. */
static void
expect_bodies_forgotten(const HttpServer *server)
{
    int64_t end_us = g_get_monotonic_time() + 10 * G_USEC_PER_SEC;
    while (http_server_body_bytes(server) != 0 && g_get_monotonic_time() < end_us)
        g_usleep(1000);
    assert_int_equal(http_server_body_bytes(server), 0);
}

static void
test_bodies_over_the_cap_name_the_knob(void **state)
{
    HttpServer *server = *state;
    g_autofree char *big = g_strnfill(BODY_CAP + 1, 'x');
    expect(ask(server, "/echo", big, BODY_CAP, NULL), 200, "xxx");
    expect(ask(server, "/echo", big, BODY_CAP + 1, NULL), 413, "the-body-knob");
    expect(ask(server, "/echo", big, BODY_CAP + 1, "Transfer-Encoding: chunked"), 413,
           "the-body-knob");
    expect(ask_packed(server, big, BODY_CAP), 200, "xxx");
    expect(ask_packed(server, big, BODY_CAP + 1), 413, "the-body-knob");
    expect_bodies_forgotten(server);
    expect(ask(server, "/echo", "not gzip", 8, "Content-Encoding: gzip"), 400, "gzip");
    expect(ask(server, "/echo", "x", 1, "Content-Encoding: br"), 501, "gzip, zstd");
}

/* Decoded bodies count as well, and what was taken is given back. */
static void
test_body_memory_is_bounded(void **state)
{
    (void)state;
    HttpServer *server = start_server_with(30000);
    g_autofree char *text = g_strnfill(BODY_CAP, 'x');
    expect(ask(server, "/echo", text, 50000, NULL), 503, "http-body-memory");
    expect(ask_packed(server, text, 50000), 503, "http-body-memory");
    expect(ask(server, "/echo", text, 20000, NULL), 200, "xxx");
    expect(ask(server, "/echo", text, 20000, NULL), 200, "xxx");
    if (version != CURL_HTTP_VERSION_1_1) { /* of which one connection has many heads */
        g_autofree char *head = g_strdup_printf("X-Large: %.*s", 30000, text);
        expect(ask(server, "/param", NULL, 0, head), 503, "http-body-memory");
        expect(ask(server, "/param", NULL, 0, NULL), 200, "none");
    }
    http_server_free(server);
}

static void
expect_no_files(void)
{
    int64_t end_us = g_get_monotonic_time() + 10 * G_USEC_PER_SEC;
    guint n = 1;
    while (n > 0 && g_get_monotonic_time() < end_us) {
        g_autoptr(GDir) listed = g_dir_open(temp_dir_path(dir), 0, NULL);
        for (n = 0; g_dir_read_name(listed) != NULL;)
            n++;
        g_usleep(1000);
    }
    assert_int_equal(n, 0);
}

/* A body for a file needs no more memory than two pieces of it and what a client of HTTP/2 may send
 * unasked. */
static void
test_a_body_goes_into_a_file(void **state)
{
    (void)state;
    HttpServer *server = start_server_with(2 * 1024 * 1024);
    GRand *random = g_rand_new_with_seed(7);
    g_autofree guint32 *data = g_new(guint32, FILE_CAP / 4 + 1);
    for (size_t i = 0; i <= FILE_CAP / 4; i++)
        data[i] = g_rand_int(random);
    g_rand_free(random);
    static const size_t sizes[] = {0, 1, 256 * 1024, 1000001, FILE_CAP};
    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        g_autofree char *sum =
            g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)data, sizes[i]);
        expect(ask(server, "/file", data, sizes[i], NULL), 200, sum);
        expect(ask(server, "/file", data, sizes[i], "Transfer-Encoding: chunked"), 200, sum);
    }
    expect(ask(server, "/file", data, FILE_CAP + 1, "Transfer-Encoding: chunked"), 413,
           "the-file-knob");
    expect(ask(server, "/file", "x", 1, "X-Unwanted: 1"), 412, "not wanted");
    expect(ask(server, "/file", "x", 1, "Content-Encoding: gzip"), 400, "Content-Encoding");
    expect_bodies_forgotten(server);
    expect_no_files();
    http_server_free(server);
}

static size_t
send_and_stop(char *data, size_t size, size_t count, void *left)
{
    size_t *bytes = left, n = MIN(size * count, *bytes);
    memset(data, 'x', n);
    *bytes -= n;
    return n > 0 ? n : CURL_READFUNC_ABORT;
}

static void
test_a_broken_upload_leaves_no_file(void **state)
{
    HttpServer *server = *state;
    Answer answer = {0};
    size_t left = 3000000;
    CURL *curl = client_new(server, "/file", &answer);
    curl_easy_setopt(curl, CURLOPT_POST, 1L);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)FILE_CAP);
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, send_and_stop);
    curl_easy_setopt(curl, CURLOPT_READDATA, &left);
    assert_int_equal(curl_easy_perform(curl), CURLE_ABORTED_BY_CALLBACK);
    curl_easy_cleanup(curl);
    answer_clear(&answer);
    expect_bodies_forgotten(server);
    expect_no_files();
}

/* What a server that died has left. */
static void
test_remains_are_removed(void **state)
{
    (void)state;
    g_autofree char *remains = temp_dir_file(dir, ".body-abcdef");
    assert_true(g_file_set_contents(remains, "x", 1, NULL));
    HttpServer *server = start_server();
    expect_no_files();
    http_server_free(server);
}

static void
test_large_answers_are_compressed(void **state)
{
    HttpServer *server = *state;
    g_autofree char *big = g_strnfill(50000, 'x');
    Answer answer = ask(server, "/echo", big, 50000, "Accept-Encoding: gzip");
    assert_non_null(strcasestr(answer.headers->str, "Content-Encoding: gzip"));
    assert_true(answer.body->len < 1000);
    expect(answer, 200, NULL);
    answer = ask(server, "/echo", big, 50000, "Accept-Encoding: gzip;q=0.5, zstd");
    assert_non_null(strcasestr(answer.headers->str, "Content-Encoding: zstd"));
    assert_true(answer.body->len < 1000);
    expect(answer, 200, NULL);
    answer = ask(server, "/echo", big, 50000, NULL);
    assert_null(strcasestr(answer.headers->str, "Content-Encoding"));
    assert_int_equal(answer.body->len, 50000);
    expect(answer, 200, NULL);
}

static void
test_deadline_is_kept(void **state)
{
    HttpServer *server = *state;
    expect(ask(server, "/hold", NULL, 0, "Connect-Timeout-Ms: 100"), 504, "deadline_exceeded");
    HttpRequest *request = g_async_queue_try_pop(held);
    if (request != NULL) /* else no worker came to it in time, and none will */
        reply_text(request, "too late");
}

static void
reply_to_all_held(void)
{
    HttpRequest *request;
    while ((request = g_async_queue_try_pop(held)) != NULL)
        reply_text(request, "ok");
}

/* All clients send, and only when every request has reached a handler all are answered at once: the
 * server sees exactly that many sockets ready together, again and again. */
static void
test_lockstep_clients_never_stall(void **state)
{
    HttpServer *server = *state;
    CURLM *multi = curl_multi_init();
    CURL *clients[LOCKSTEP_CLIENTS];
    Answer answers[LOCKSTEP_CLIENTS];
    for (int i = 0; i < LOCKSTEP_CLIENTS; i++)
        clients[i] = client_new(server, "/hold", &answers[i]);
    for (int round = 0; round < LOCKSTEP_ROUNDS; round++) {
        int running = LOCKSTEP_CLIENTS;
        for (int i = 0; i < LOCKSTEP_CLIENTS; i++)
            curl_multi_add_handle(multi, clients[i]);
        while (running > 0) {
            assert_int_equal(curl_multi_perform(multi, &running), CURLM_OK);
            if (g_async_queue_length(held) >= LOCKSTEP_CLIENTS)
                reply_to_all_held();
            curl_multi_poll(multi, NULL, 0, 10, NULL);
        }
        for (int i = 0; i < LOCKSTEP_CLIENTS; i++)
            curl_multi_remove_handle(multi, clients[i]);
    }
    for (int i = 0; i < LOCKSTEP_CLIENTS; i++) {
        assert_int_equal(answers[i].body->len, 2 * LOCKSTEP_ROUNDS);
        answer_clear(&answers[i]);
        curl_easy_cleanup(clients[i]);
    }
    curl_multi_cleanup(multi);
}

static void
test_a_taken_port_is_one_clear_error(void **state)
{
    HttpServer *server = *state;
    HttpConfig config = {.listen = http_server_address(server)};
    g_autoptr(GError) error = NULL;
    assert_null(http_server_new(&config, &error));
    assert_int_equal(error->code, CRESSET_ERROR_UNAVAILABLE);
    assert_non_null(strstr(error->message, "Address already in use"));
    g_clear_error(&error);
    config.listen = "nonsense";
    assert_null(http_server_new(&config, &error));
    assert_int_equal(error->code, CRESSET_ERROR_INVALID_ARGUMENT);
}

static void *
ask_in_thread(void *server)
{
    Answer answer = ask(server, "/hold", NULL, 0, NULL);
    long status = answer.status;
    answer_clear(&answer);
    return GINT_TO_POINTER((int)status);
}

static void
test_drain_finishes_or_cuts_off(void **state)
{
    (void)state;
    HttpServer *server = start_server();
    GThread *client = g_thread_new("client", ask_in_thread, server);
    HttpRequest *request = g_async_queue_pop(held);
    assert_false(http_server_drain(server, 1000000));
    assert_int_equal(GPOINTER_TO_INT(g_thread_join(client)), 503);
    reply_text(request, "too late");
    http_server_free(server);

    server = start_server();
    expect(ask(server, "/echo", "x", 1, NULL), 200, "x");
    assert_true(http_server_drain(server, 60 * (int64_t)1000000000));
    http_server_free(server);
}

static int
setup(void **state)
{
    held = g_async_queue_new();
    dir = temp_dir_new();
    *state = start_server();
    return 0;
}

static int
teardown(void **state)
{
    http_server_free(*state);
    g_async_queue_unref(held);
    temp_dir_free(dir);
    return 0;
}

int
main(void)
{
    curl_global_init(CURL_GLOBAL_ALL);
    const struct CMUnitTest of_both[] = {
        cmocka_unit_test(test_routes_methods_and_bodies),
        cmocka_unit_test(test_tenant_reaches_the_handler),
        cmocka_unit_test(test_bodies_over_the_cap_name_the_knob),
        cmocka_unit_test(test_body_memory_is_bounded),
        cmocka_unit_test(test_a_body_goes_into_a_file),
        cmocka_unit_test(test_a_broken_upload_leaves_no_file),
        cmocka_unit_test(test_remains_are_removed),
        cmocka_unit_test(test_large_answers_are_compressed),
        cmocka_unit_test(test_deadline_is_kept),
        cmocka_unit_test(test_drain_finishes_or_cuts_off),
    };
    const struct CMUnitTest of_http1[] = {
        cmocka_unit_test(test_lockstep_clients_never_stall),
        cmocka_unit_test(test_a_taken_port_is_one_clear_error),
    };
    version = CURL_HTTP_VERSION_1_1;
    int failed = cmocka_run_group_tests_name("HTTP/1.1", of_both, setup, teardown);
    failed += cmocka_run_group_tests_name("HTTP/1.1 only", of_http1, setup, teardown);
    version = CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE;
    return failed + cmocka_run_group_tests_name("HTTP/2", of_both, setup, teardown);
}
