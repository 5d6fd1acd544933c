/* Debug files of a real server: announced, uploaded, listed, deleted. The file is this program. */
#include <fcntl.h>
#include <gio/gio.h>
#include <string.h>
#include <unistd.h>

#include "lib/symbol/elf_file.h"
#include "tests/harness/check.h"
#include "tests/harness/server.h"
#include "tests/harness/temp_dir.h"

#define DEBUG "/debuginfo.v1alpha1.DebuginfoService/"

typedef struct {
    TempDir *dir;
    TestServer *server;
    GBytes *program;
    char *build_id, *id_body, *file_body;
} Fixture;

static void
start(Fixture *fixture, const char *option)
{
    const char *const options[] = {"--self-profile=false", option, NULL};
    fixture->server = test_server_start(temp_dir_path(fixture->dir), options);
}

static void
stop(Fixture *fixture)
{
    test_server_stop(fixture->server);
    test_server_free(fixture->server);
}

static char *
own_build_id(void)
{
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    g_autoptr(ElfFile) elf = elf_file_open(fd, NULL);
    assert_non_null(elf);
    uint8_t id[ELF_FILE_BUILD_ID_MAX];
    size_t size = elf_file_build_id(elf, id);
    assert_true(size > 0);
    GString *text = g_string_new(NULL);
    for (size_t i = 0; i < size; i++)
        g_string_append_printf(text, "%02x", id[i]);
    close(fd);
    return g_string_free(text, FALSE);
}

static int
setup(void **state)
{
    Fixture *fixture = g_new0(Fixture, 1);
    fixture->dir = temp_dir_new();
    char *bytes;
    gsize size;
    assert_true(g_file_get_contents("/proc/self/exe", &bytes, &size, NULL));
    fixture->program = g_bytes_new_take(bytes, size);
    fixture->build_id = own_build_id();
    fixture->id_body = g_strdup_printf("{\"gnuBuildId\":\"%s\"}", fixture->build_id);
    fixture->file_body =
        g_strdup_printf("{\"file\":{\"gnuBuildId\":\"%s\",\"name\":\"debuginfo_test\",\"type\":"
                        "\"TYPE_EXECUTABLE_FULL\"}}",
                        fixture->build_id);
    start(fixture, NULL);
    *state = fixture;
    return 0;
}

static int
teardown(void **state)
{
    Fixture *fixture = *state;
    stop(fixture);
    temp_dir_free(fixture->dir);
    g_bytes_unref(fixture->program);
    g_free(fixture->build_id);
    g_free(fixture->id_body);
    g_free(fixture->file_body);
    g_free(fixture);
    return 0;
}

static void
expect(const Fixture *fixture, const char *tenant, const char *method, const char *body, int status,
       const char *part)
{
    g_autofree char *path = g_strconcat(DEBUG, method, NULL), *text = NULL;
    int got = test_server_json(fixture->server, path, tenant, body, &text);
    if (got != status)
        fail_msg("%s %s: %d %s", method, body, got, text);
    assert_contains(text, part);
}

static int
try_upload(const Fixture *fixture, const char *tenant, const char *build_id, GBytes *bytes,
           char **ret_text)
{
    g_autofree char *path = g_strconcat(DEBUG "Upload/", build_id, NULL);
    g_auto(HttpClientReply) reply =
        test_server_call(fixture->server, path, tenant, "application/octet-stream", bytes);
    *ret_text = g_strndup(g_bytes_get_data(reply.body, NULL), g_bytes_get_size(reply.body));
    return reply.status;
}

static void
upload(const Fixture *fixture, const char *tenant, const char *build_id, GBytes *bytes, int status,
       const char *part)
{
    g_autofree char *text = NULL;
    int got = try_upload(fixture, tenant, build_id, bytes, &text);
    if (got != status)
        fail_msg("Upload/%s: %d %s", build_id, got, text);
    assert_contains(text, part);
}

static bool
has_remains(const char *folder)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    assert_non_null(dir);
    for (const char *name; (name = g_dir_read_name(dir)) != NULL;) {
        if (g_str_has_prefix(name, ".body"))
            return true;
    }
    return false;
}

/* No upload leaves its bytes behind, but for a moment after the answer. */
static void
assert_no_remains(const Fixture *fixture)
{
    g_autofree char *folder = temp_dir_file(fixture->dir, "debug-info");
    int64_t end_us = g_get_monotonic_time() + 10 * G_USEC_PER_SEC;
    while (has_remains(folder) && g_get_monotonic_time() < end_us)
        g_usleep(1000);
    assert_false(has_remains(folder));
}

static void
test_a_file_is_uploaded(void **state)
{
    Fixture *fixture = *state;
    upload(fixture, "a", fixture->build_id, fixture->program, 412, "failed_precondition");
    expect(fixture, "a", "ShouldInitiateUpload", fixture->file_body, 200,
           "{\"shouldInitiateUpload\":true}");
    expect(fixture, "a", "ShouldInitiateUpload", fixture->file_body, 200, "upload in progress");
    expect(fixture, "a", "UploadFinished", fixture->id_body, 404, "not_found");
    upload(fixture, "b", fixture->build_id, fixture->program, 412, "no upload of");
    upload(fixture, "a", fixture->build_id, fixture->program, 200, "");
    expect(fixture, "a", "ListDebuginfo", "{}", 200, "\"startedAt\":\"20");
    expect(fixture, "a", "UploadFinished", fixture->id_body, 200, "{}");
    stop(fixture);
    start(fixture, NULL);
    expect(fixture, "a", "ShouldInitiateUpload", fixture->file_body, 200,
           "{\"reason\":\"already uploaded\"}");
    g_autofree char *listed = g_strdup_printf(
        "{\"object\":[{\"file\":{\"gnuBuildId\":\"%s\",\"name\":\"debuginfo_test\",\"type\":"
        "\"TYPE_EXECUTABLE_FULL\"},\"state\":\"STATE_UPLOADED\",\"startedAt\":\"",
        fixture->build_id);
    g_autofree char *size =
        g_strdup_printf("\"sizeBytes\":\"%zu\"", g_bytes_get_size(fixture->program));
    expect(fixture, "a", "ListDebuginfo", "{}", 200, listed);
    expect(fixture, "a", "ListDebuginfo", "{}", 200, size);
    expect(fixture, "b", "ListDebuginfo", "{}", 200, "{}");
    expect(fixture, "b", "DeleteDebuginfo", fixture->id_body, 404, "not_found");
    expect(fixture, "a", "DeleteDebuginfo", fixture->id_body, 200, "{}");
    expect(fixture, "a", "DeleteDebuginfo", fixture->id_body, 404, "not_found");
    assert_no_remains(fixture);
}

static void
test_bad_calls_are_refused(void **state)
{
    Fixture *fixture = *state;
    expect(fixture, "bad", "ShouldInitiateUpload", "{}", 400, "file is required");
    expect(fixture, "bad", "ShouldInitiateUpload", "{\"file\":{}}", 200, "hexadecimal");
    expect(fixture, "bad", "ShouldInitiateUpload", "{\"file\":{\"gnuBuildId\":\"../../x\"}}", 200,
           "hexadecimal");
    g_autofree char *name = g_strnfill(5000, 'x');
    g_autofree char *long_name =
        g_strdup_printf("{\"file\":{\"gnuBuildId\":\"abcd\",\"name\":\"%s\"}}", name);
    expect(fixture, "bad", "ShouldInitiateUpload", long_name, 400, "file.name has 5000 bytes");
    expect(fixture, "bad", "UploadFinished", "{\"gnuBuildId\":\"../x\"}", 404, "not_found");
    expect(fixture, "bad", "DeleteDebuginfo", "{\"gnuBuildId\":\"../x\"}", 400, "hexadecimal");
    expect(fixture, "a|bad", "ListDebuginfo", "{}", 400, "exactly one tenant");
    expect(fixture, "a|bad", "ShouldInitiateUpload", "{}", 400, "exactly one tenant");
    upload(fixture, "bad", "", fixture->program, 412, "no upload of");
    upload(fixture, "bad", "..%2Fa%2Fabcd", fixture->program, 412, "no upload of");
    expect(fixture, "bad", "ShouldInitiateUpload", "{\"file\":{\"gnuBuildId\":\"abcd\"}}", 200,
           "true");
    upload(fixture, "bad", "abcd", fixture->program, 400, "the file has the build id");
    g_autoptr(GBytes) text = g_bytes_new_static("no ELF file", 11);
    upload(fixture, "bad", "abcd", text, 400, "invalid_argument");
    assert_no_remains(fixture);
}

static void
test_a_large_file_is_refused(void **state)
{
    Fixture *fixture = *state;
    stop(fixture);
    start(fixture, "--debuginfo-file-bytes=5000");
    expect(fixture, "large", "ShouldInitiateUpload", fixture->file_body, 200, "true");
    upload(fixture, "large", fixture->build_id, fixture->program, 413, "debuginfo-file-bytes");
    assert_no_remains(fixture);
}

/* Sends the head of an upload and reads how the server answers it: "HTTP/1.1 100 ", which asks for
 * the body, or a refusal. */
static GSocketConnection *
begin_upload(const Fixture *fixture, const char *tenant, const char *build_id, const char *header,
             const char *answer)
{
    g_autoptr(GSocketClient) client = g_socket_client_new();
    const char *address = test_server_url(fixture->server) + strlen("http://");
    GSocketConnection *connection = g_socket_client_connect_to_host(client, address, 0, NULL, NULL);
    assert_non_null(connection);
    g_socket_set_timeout(g_socket_connection_get_socket(connection), 10);
    g_autofree char *head = g_strdup_printf("POST " DEBUG "Upload/%s HTTP/1.1\r\nHost: x\r\n"
                                            "X-Scope-OrgID: %s\r\nExpect: 100-continue\r\n"
                                            "%s\r\n\r\n",
                                            build_id, tenant, header);
    GIOStream *stream = G_IO_STREAM(connection);
    assert_true(g_output_stream_write_all(g_io_stream_get_output_stream(stream), head, strlen(head),
                                          NULL, NULL, NULL));
    char got[sizeof("HTTP/1.1 100 ")] = "";
    assert_true(g_input_stream_read_all(g_io_stream_get_input_stream(stream), got, sizeof(got) - 1,
                                        NULL, NULL, NULL));
    assert_string_equal(got, answer);
    return connection;
}

static void
test_uploads_at_once_share_the_limit(void **state)
{
    Fixture *fixture = *state;
    gsize size = g_bytes_get_size(fixture->program);
    g_autofree char *option = g_strdup_printf("--debuginfo-tenant-bytes=%zu", size + 1000);
    g_autofree char *length = g_strdup_printf("Content-Length: %zu", size);
    stop(fixture);
    start(fixture, option);
    expect(fixture, "once", "ShouldInitiateUpload", fixture->file_body, 200, "true");
    expect(fixture, "once", "ShouldInitiateUpload", "{\"file\":{\"gnuBuildId\":\"abcd\"}}", 200,
           "true");
    g_autoptr(GSocketConnection) first =
        begin_upload(fixture, "once", "abcd", length, "HTTP/1.1 100 ");
    upload(fixture, "once", fixture->build_id, fixture->program, 429, "debuginfo-tenant-bytes");
    g_autoptr(GBytes) text = g_bytes_new_static("no ELF file", 11);
    upload(fixture, "once", "ABCD", text, 409, "an upload of abcd is under way");
    expect(fixture, "other", "ShouldInitiateUpload", fixture->file_body, 200, "true");
    upload(fixture, "other", fixture->build_id, fixture->program, 200, "");
    /* What is broken off counts no more, once the server has seen that. */
    assert_true(g_io_stream_close(G_IO_STREAM(first), NULL, NULL));
    int64_t end_us = g_get_monotonic_time() + 10 * G_USEC_PER_SEC;
    int status;
    do {
        g_autofree char *answer = NULL;
        status = try_upload(fixture, "once", fixture->build_id, fixture->program, &answer);
    } while (status == 429 && g_get_monotonic_time() < end_us);
    assert_int_equal(status, 200);
    upload(fixture, "once", "abcd", text, 400, "invalid_argument");
    upload(fixture, "once", "abcd", text, 400, "invalid_argument");
    assert_no_remains(fixture);
}

/* It counts as the largest file that may come. */
static void
test_an_upload_of_unknown_length_takes_the_most(void **state)
{
    Fixture *fixture = *state;
    stop(fixture);
    start(fixture, "--debuginfo-tenant-bytes=2047MiB");
    expect(fixture, "long", "ShouldInitiateUpload", "{\"file\":{\"gnuBuildId\":\"abcd\"}}", 200,
           "true");
    expect(fixture, "long", "ShouldInitiateUpload", "{\"file\":{\"gnuBuildId\":\"abce\"}}", 200,
           "true");
    static const char chunked[] = "Transfer-Encoding: chunked";
    g_autoptr(GSocketConnection) first =
        begin_upload(fixture, "long", "abcd", chunked, "HTTP/1.1 100 ");
    g_autoptr(GSocketConnection) second =
        begin_upload(fixture, "long", "abce", chunked, "HTTP/1.1 429 ");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_file_is_uploaded),
        cmocka_unit_test(test_bad_calls_are_refused),
        cmocka_unit_test(test_a_large_file_is_refused),
        cmocka_unit_test(test_uploads_at_once_share_the_limit),
        cmocka_unit_test(test_an_upload_of_unknown_length_takes_the_most),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
