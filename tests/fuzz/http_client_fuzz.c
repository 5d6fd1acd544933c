/* Any bytes as the reply of a server: the call ends when the server closes, within its caps, and
 * either fails with one of its errors or has a reply that makes sense.
 *
 * The first byte says what is asked and how: see the enum. */
#include "lib/base/error.h"
#include "lib/net/http_client.h"
#include "tests/fuzz/loopback.h"

enum {
    AS_HEAD = 1,
    WITH_BODY = 2,
    IN_PIECES = 4, /* the reply comes in two */
    SMALL_CAP = 8,
    UNCOMPRESSED = 16,
    KEEP_OPEN = 32, /* the connection may be used again, for one more reply */
};
enum { SMALL_CAP_BYTES = 256, CAP_BYTES = 1024 * 1024, TIMEOUT_MS = LOOPBACK_ANSWER_MS };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static HttpClient *clients[2]; /* that asks for compressed replies, and that does not */
static char *url;
static GMutex lock;
static GBytes *input; /* of which the first byte is no part of the reply */

/* Reads the head of a request; false when the client has left. */
static bool
read_request(int fd)
{
    g_autoptr(GString) head = g_string_new(NULL);
    while (strstr(head->str, "\r\n\r\n") == NULL) {
        char bytes[LOOPBACK_READ_BYTES];
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        if (TEMP_FAILURE_RETRY(poll(&ready, 1, LOOPBACK_ANSWER_MS)) <= 0)
            return false;
        ssize_t got = TEMP_FAILURE_RETRY(read(fd, bytes, sizeof bytes));
        if (got <= 0)
            return false;
        g_string_append_len(head, bytes, got);
    }
    return true;
}

/* Whether the connection goes on. */
static bool
answer_request(int fd)
{
    g_mutex_lock(&lock);
    g_autoptr(GBytes) now = g_bytes_ref(input);
    g_mutex_unlock(&lock);
    gsize size;
    const uint8_t *data = g_bytes_get_data(now, &size);
    size_t first = (data[0] & IN_PIECES) != 0 ? size / 2 : 0;
    loopback_send(fd, data + 1, first);
    loopback_send(fd, data + 1 + first, size - 1 - first);
    return (data[0] & KEEP_OPEN) != 0;
}

static void *
serve(void *data)
{
    int listener = GPOINTER_TO_INT(data);
    for (;;) {
        int fd = TEMP_FAILURE_RETRY(accept4(listener, NULL, NULL, SOCK_CLOEXEC));
        if (fd < 0)
            return NULL;
        if (read_request(fd) && answer_request(fd)) {
            /* One that is used again gets one more reply; one that waits for more is ended. */
            struct pollfd ready = {.fd = fd, .events = POLLIN};
            if (TEMP_FAILURE_RETRY(poll(&ready, 1, 1)) > 0 && read_request(fd))
                (void)answer_request(fd);
        }
        close(fd);
    }
}

static void
stop(void)
{
    http_client_free(clients[0]);
    http_client_free(clients[1]);
    g_free(url);
}

static void
start(void)
{
    static const char *const proxies[] = {"http_proxy", "all_proxy", "ALL_PROXY"};
    const HttpClientConfig uncompressed = {.uncompressed = true};
    unsigned port;
    for (size_t i = 0; i < G_N_ELEMENTS(proxies); i++)
        g_unsetenv(proxies[i]);
    int listener = loopback_listen(&port);
    url = g_strdup_printf("http://127.0.0.1:%u/path", port);
    clients[0] = http_client_new(NULL);
    clients[1] = http_client_new(&uncompressed);
    g_thread_unref(g_thread_new("peer", serve, GINT_TO_POINTER(listener)));
    atexit(stop);
}

static void
check_header(void *name, void *value, void *user)
{
    (void)user;
    g_autofree char *lower = g_ascii_strdown(name, -1);
    if (strcmp(lower, name) != 0 || strlen(value) > HTTP_REPLY_HEADER_BYTES_MAX)
        g_error("header %s is not as it should be", (const char *)name);
}

static void
check_reply(const HttpClientReply *reply, const HttpClientRequest *request)
{
    gsize size = g_bytes_get_size(reply->body);
    if (size > request->reply_bytes_max || (request->method != NULL && size > 0))
        g_error("a body of %zu bytes", size);
    if (reply->status < 0 || reply->status > 999 || reply->retry_after_ms < 0 ||
        http_client_reply_date(reply) < 0)
        g_error("status %d, retry after %" G_GINT64_FORMAT " ms", reply->status,
                reply->retry_after_ms);
    g_hash_table_foreach(reply->headers, check_header, NULL);
}

static void
check_error(const GError *error)
{
    static const int CODES[] = {CRESSET_ERROR_UNAVAILABLE, CRESSET_ERROR_RESOURCE_EXHAUSTED,
                                CRESSET_ERROR_FAILED_PRECONDITION};
    for (size_t i = 0; i < G_N_ELEMENTS(CODES); i++) {
        if (g_error_matches(error, CRESSET_ERROR, CODES[i]))
            return;
    }
    g_error("a reply is no reason for: %s", error->message);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char BODY[] = "what is posted";
    if (size == 0)
        return 0;
    if (url == NULL)
        start();
    g_mutex_lock(&lock);
    g_clear_pointer(&input, g_bytes_unref);
    input = g_bytes_new(data, size);
    g_mutex_unlock(&lock);
    g_autoptr(GBytes) body =
        (data[0] & WITH_BODY) != 0 ? g_bytes_new_static(BODY, sizeof BODY - 1) : NULL;
    const HttpClientRequest request = {
        .url = url,
        .method = (data[0] & AS_HEAD) != 0 && body == NULL ? "HEAD" : NULL,
        .body = body,
        .timeout_ms = TIMEOUT_MS,
        .reply_bytes_max = (data[0] & SMALL_CAP) != 0 ? SMALL_CAP_BYTES : CAP_BYTES,
    };
    g_auto(HttpClientReply) reply = {0};
    g_autoptr(GError) error = NULL;
    if (http_client_send(clients[(data[0] & UNCOMPRESSED) != 0], &request, &reply, &error))
        check_reply(&reply, &request);
    else
        check_error(error);
    return 0;
}
