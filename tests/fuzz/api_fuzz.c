/* A request to a whole server: path and query string up to the first line break, then the body. The
 * first byte chooses the method, and the media type and coding of the body. Nothing that a client
 * sends is an internal error. */
#include "server/server.h"
#include "tests/fuzz/loopback.h"
#include "tests/harness/temp_dir.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const media_types[4] = {"application/proto", "application/json",
                                           "application/grpc-web",
                                           "multipart/form-data; boundary=X"};
static const char *const codings[4] = {"identity", "identity", "gzip", "zstd"};

static TempDir *dir;
static ServerOptions options;
static Server *server;

static void
stop(void)
{
    server_stop(server);
    option_clear(&server_option_table, &options);
    temp_dir_free(dir);
}

/* Profiles and queries of any time are taken, so that inputs do not grow old. */
static void
start(void)
{
    dir = temp_dir_new();
    char *arguments[] = {
        (char *)(uintptr_t) "fuzz",
        (char *)(uintptr_t) "--listen=127.0.0.1:0",
        g_strdup_printf("--data-dir=%s", temp_dir_path(dir)),
        (char *)(uintptr_t) "--self-profile=false",
        (char *)(uintptr_t) "--workers=1",
        (char *)(uintptr_t) "--reject-older-than=0",
        (char *)(uintptr_t) "--reject-newer-than=0",
        (char *)(uintptr_t) "--max-query-lookback=0",
        (char *)(uintptr_t) "--max-query-length=0",
    };
    g_autoptr(GError) error = NULL;
    if (option_parse(&server_option_table, G_N_ELEMENTS(arguments), arguments, &options, &error) ==
        OPTION_RUN)
        server = server_start(&options, &error);
    if (server == NULL)
        g_error("%s", error != NULL ? error->message : "no server");
    g_free(arguments[2]);
    atexit(stop);
}

/* What a line of a request may not hold becomes '+'. */
static char *
target_of(const uint8_t *text, size_t size)
{
    char *target = g_strndup((const char *)text, size);
    for (char *at = target; *at != '\0'; at++) {
        if (!g_ascii_isgraph(*at))
            *at = '+';
    }
    return target;
}

static GByteArray *
make_request(const uint8_t *data, const uint8_t *line_end, const uint8_t *end)
{
    unsigned choice = data[0];
    size_t body_size = (size_t)(end - line_end - 1);
    g_autofree char *target = target_of(data + 1, (size_t)(line_end - data - 1));
    g_autofree char *head =
        g_strdup_printf("%s %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: %s\r\n"
                        "Content-Encoding: %s\r\nContent-Length: %zu\r\n\r\n",
                        choice % 2 == 0 ? "POST" : "GET", target, media_types[choice / 2 % 4],
                        codings[choice / 8 % 4], body_size);
    GByteArray *request = g_byte_array_new();
    g_byte_array_append(request, (const guint8 *)head, (guint)strlen(head));
    g_byte_array_append(request, line_end + 1, (guint)body_size);
    return request;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *line_end = size > 1 ? memchr(data + 1, '\n', size - 1) : NULL;
    if (line_end == NULL)
        return 0;
    if (server == NULL)
        start();
    g_autoptr(GByteArray) request = make_request(data, line_end, data + size);
    g_autoptr(GByteArray) answer =
        loopback_exchange(server_address(server), request->data, request->len);
    if (answer->len >= 12 && memcmp(answer->data, "HTTP/1.1 500", 12) == 0)
        g_error("%.*s", (int)answer->len, (const char *)answer->data);
    return 0;
}
