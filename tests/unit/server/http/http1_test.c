/* A real server on a free port, asked over a plain socket in HTTP/1.1. */
#include "server/http/server.h"

#include <arpa/inet.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/harness/check.h"

enum { IDLE_S = 60 };

static GAsyncQueue *held; /* requests that /hold keeps for the test to answer */

static void
handle_hold(HttpRequest *request, void *app)
{
    (void)app;
    g_async_queue_push(held, request);
}

static const HttpRoute routes[] = {
    {"GET", "/hold", HTTP_READ, HTTP_BODY_NONE, false, handle_hold, NULL, NULL},
};

/* Sends `text` and closes the sending side. */
static int
half_closed_client(const HttpServer *server, const char *text)
{
    const char *colon = strrchr(http_server_address(server), ':');
    const struct sockaddr_in to = {.sin_family = AF_INET,
                                   .sin_port =
                                       htons((uint16_t)g_ascii_strtoull(colon + 1, NULL, 10)),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    return fd;
}

static int64_t
processor_us(void)
{
    struct timespec spent;
    assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent), 0);
    return spent.tv_sec * G_USEC_PER_SEC + spent.tv_nsec / 1000;
}

/* A client that has said all it wants to say waits for its answer: the loop rests meanwhile. */
static void
test_a_half_closed_client_costs_nothing(void **state)
{
    enum { WAIT_MS = 1000, SPENT_MAX_US = WAIT_MS * 1000 / 5 };
    int fd = half_closed_client(*state, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    HttpRequest *request = g_async_queue_pop(held);
    int64_t before_us = processor_us();
    struct pollfd answer = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&answer, 1, WAIT_MS), 0);
    assert_in_range(processor_us() - before_us, 0, SPENT_MAX_US);
    http_reply(request, http_response_new(200, NULL, NULL));
    char text[256] = {0};
    assert_int_equal(poll(&answer, 1, 60 * 1000), 1);
    assert_true(read(fd, text, sizeof text - 1) > 0);
    assert_true(g_str_has_prefix(text, "HTTP/1.1 200"));
    while (read(fd, text, sizeof text) > 0)
        ;
    close(fd);
}

/* What may become the preface of HTTP/2 becomes nothing once its client has closed. */
static void
test_half_a_preface_is_dropped(void **state)
{
    char bytes[16];
    int fd = half_closed_client(*state, "PRI * HTTP/2.0\r\n");
    struct pollfd end = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&end, 1, IDLE_S * 1000 / 2), 1);
    assert_true(read(fd, bytes, sizeof bytes) <= 0); /* a reset, as its bytes were not read */
    close(fd);
}

static int
setup(void **state)
{
    const HttpConfig config = {
        .listen = "127.0.0.1:0",
        .connections_max = 16,
        .header_memory_bytes = 7 * 1024,
        .idle_timeout_ns = IDLE_S * (int64_t)1000000000,
        .workers = 1,
        .body_memory_bytes = 1024 * 1024,
        .tenant_mode = TENANT_OPTIONAL,
        .routes = routes,
        .n_routes = G_N_ELEMENTS(routes),
    };
    held = g_async_queue_new();
    HttpServer *server = http_server_new(&config, NULL);
    assert_non_null(server);
    assert_true(http_server_start(server, NULL));
    *state = server;
    return 0;
}

static int
teardown(void **state)
{
    assert_true(http_server_drain(*state, 60 * (int64_t)1000000000));
    http_server_free(*state);
    g_async_queue_unref(held);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_half_closed_client_costs_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_half_a_preface_is_dropped, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
