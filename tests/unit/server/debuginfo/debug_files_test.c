#include "server/debuginfo/debug_files.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/error.h"
#include "lib/symbol/elf_file.h"
#include "tests/harness/check.h"
#include "tests/harness/temp_dir.h"

static TempDir *dir;
static int64_t now_ns;
static char *build_id; /* of this program */

static int64_t
clock_ns(void)
{
    return now_ns;
}

enum { FILES_MAX = 3, FILE_MAX = 600 };

static DebugFiles *
open_files(int64_t tenant_max)
{
    g_autofree char *path = temp_dir_file(dir, "debug-info");
    const DebugFilesConfig config = {path, FILE_MAX, tenant_max, FILES_MAX, clock_ns};
    return debug_files_new(&config);
}

static bool
announce(DebugFiles *files, const char *tenant, const char *id, char **ret_reason)
{
    const DebugFile file = {.gnu_build_id = (char *)id,
                            .go_build_id = (char *)"",
                            .otel_file_id = (char *)"",
                            .name = (char *)"program",
                            .type = 1};
    return debug_files_announce(files, tenant, &file, ret_reason, NULL);
}

static void
expect_reason(DebugFiles *files, const char *tenant, const char *id, const char *says)
{
    g_autofree char *reason = NULL;
    assert_false(announce(files, tenant, id, &reason));
    assert_contains(reason, says);
}

static void
announce_well(DebugFiles *files, const char *tenant)
{
    g_autofree char *reason = NULL;
    assert_true(announce(files, tenant, build_id, &reason));
    assert_null(reason);
}

/* Receives a copy of `source`. */
static bool
receive(DebugFiles *files, const char *tenant, const char *id, const char *source, GError **error)
{
    g_autofree char *path = temp_dir_file(dir, "upload"), *content = NULL;
    gsize size;
    assert_true(g_file_get_contents(source, &content, &size, NULL));
    assert_true(g_file_set_contents(path, content, (gssize)size, NULL));
    bool ok = debug_files_receive(files, tenant, id, path, error);
    if (!ok)
        assert_int_equal(unlink(path), 0);
    return ok;
}

static void
test_an_upload_counts_when_it_is_finished(void **state)
{
    (void)state;
    g_autoptr(DebugFiles) files = open_files(0);
    announce_well(files, "a");
    expect_reason(files, "a", build_id, "upload in progress");
    assert_true(receive(files, "a", build_id, "/proc/self/exe", NULL));
    assert_int_equal(debug_files_open(files, "a", build_id), -1);
    assert_true(debug_files_finish(files, "a", build_id, NULL));
    int fd = debug_files_open(files, "a", build_id);
    assert_true(fd >= 0);
    close(fd);
    expect_reason(files, "a", build_id, "already uploaded");
    g_autoptr(GPtrArray) list = debug_files_list(files, "a");
    assert_int_equal(list->len, 1);
    const DebugFile *file = list->pdata[0];
    assert_string_equal(file->name, "program");
    assert_int_equal(file->state, DEBUG_FILE_UPLOADED);
    assert_true(file->size_bytes > 1000);
    assert_true(debug_files_delete(files, "a", build_id, NULL));
    assert_int_equal(debug_files_open(files, "a", build_id), -1);
    g_autoptr(GError) error = NULL;
    assert_false(debug_files_delete(files, "a", build_id, &error));
    assert_int_equal(error->code, CRESSET_ERROR_NOT_FOUND);
}

static void
test_tenants_do_not_see_each_other(void **state)
{
    (void)state;
    g_autoptr(DebugFiles) files = open_files(0);
    announce_well(files, "a");
    assert_true(receive(files, "a", build_id, "/proc/self/exe", NULL));
    assert_true(debug_files_finish(files, "a", build_id, NULL));
    assert_int_equal(debug_files_open(files, "b", build_id), -1);
    announce_well(files, "b");
    g_autoptr(GPtrArray) list = debug_files_list(files, "c");
    assert_int_equal(list->len, 0);
}

static void
test_files_outlive_a_restart(void **state)
{
    (void)state;
    DebugFiles *files = open_files(0);
    announce_well(files, "a");
    assert_true(receive(files, "a", build_id, "/proc/self/exe", NULL));
    assert_true(debug_files_finish(files, "a", build_id, NULL));
    debug_files_free(files);
    g_autoptr(DebugFiles) again = open_files(0);
    g_autofree char *upper = g_ascii_strup(build_id, -1);
    int fd = debug_files_open(again, "a", upper); /* build ids have no case */
    assert_true(fd >= 0);
    close(fd);
}

static void
test_an_upload_that_does_not_come_is_forgotten(void **state)
{
    (void)state;
    g_autoptr(DebugFiles) files = open_files(0);
    announce_well(files, "a");
    now_ns += (DEBUG_UPLOAD_STALE_S + 1) * INT64_C(1000000000);
    announce_well(files, "a");
}

static void
test_what_is_not_as_announced_is_refused(void **state)
{
    (void)state;
    g_autoptr(DebugFiles) files = open_files(0);
    g_autoptr(GError) error = NULL;
    expect_reason(files, "a", "xyz", "hexadecimal");
    expect_reason(files, "a", "../../../etc", "hexadecimal");
    assert_false(receive(files, "a", build_id, "/proc/self/exe", &error));
    assert_int_equal(error->code, CRESSET_ERROR_FAILED_PRECONDITION);
    g_clear_error(&error);
    g_autofree char *reason = NULL;
    assert_true(announce(files, "a", "abcdef", &reason));
    assert_false(receive(files, "a", "abcdef", "/proc/self/exe", &error));
    assert_error_says(error, "the file has the build id ");
    g_clear_error(&error);
    assert_false(receive(files, "a", "abcdef", CRESSET_SOURCE_DIR "/README.md", &error));
    assert_int_equal(error->code, CRESSET_ERROR_INVALID_ARGUMENT);
    g_clear_error(&error);
    assert_false(debug_files_finish(files, "a", "abcdef", &error));
    assert_int_equal(error->code, CRESSET_ERROR_NOT_FOUND);
}

static void
test_limits_name_their_option(void **state)
{
    (void)state;
    g_autoptr(GError) error = NULL;
    g_autoptr(DebugFiles) small = open_files(1000);
    announce_well(small, "a");
    assert_null(debug_files_admit(small, "a", build_id, 1001, NULL));
    g_autoptr(DebugUpload) all = debug_files_admit(small, "a", build_id, 1000, NULL);
    assert_non_null(all);
    assert_false(receive(small, "a", build_id, "/proc/self/exe", &error));
    assert_int_equal(error->code, CRESSET_ERROR_RESOURCE_EXHAUSTED);
    assert_error_says(error, "limit debuginfo-tenant-bytes");
    g_autoptr(DebugFiles) large = open_files(1 << 30);
    assert_true(receive(large, "a", build_id, "/proc/self/exe", NULL));
    assert_true(receive(large, "a", build_id, "/proc/self/exe", NULL)); /* instead of the first */
    assert_true(debug_files_finish(large, "a", build_id, NULL));
    g_autoptr(DebugFiles) full = open_files(1000);
    expect_reason(full, "a", "abcdef", "limit debuginfo-tenant-bytes");
}

static void
test_a_tenant_has_so_many_files(void **state)
{
    (void)state;
    g_autoptr(DebugFiles) files = open_files(0);
    static const char *const ids[] = {"aa", "bb", "cc"};
    for (size_t i = 0; i < G_N_ELEMENTS(ids); i++) {
        g_autofree char *reason = NULL;
        assert_true(announce(files, "a", ids[i], &reason));
    }
    expect_reason(files, "a", build_id, "too many debug files");
    expect_reason(files, "a", "bb", "upload in progress");
    announce_well(files, "b");
    assert_true(debug_files_delete(files, "a", "bb", NULL));
    announce_well(files, "a");
}

static void
test_a_broken_metadata_file_is_no_file(void **state)
{
    (void)state;
    g_autoptr(DebugFiles) files = open_files(0);
    announce_well(files, "a");
    g_autofree char *lower = g_ascii_strdown(build_id, -1);
    g_autofree char *path =
        g_build_filename(temp_dir_path(dir), "debug-info", "a", lower, "metadata", NULL);
    assert_true(g_file_set_contents(path, "{\"gnuBuildId\": 7", -1, NULL));
    announce_well(files, "a");
}

static long
peak_kib(void)
{
    struct rusage usage;
    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    return usage.ru_maxrss;
}

static void
test_a_huge_metadata_file_is_not_read(void **state)
{
    (void)state;
    g_autoptr(DebugFiles) files = open_files(0);
    announce_well(files, "a");
    g_autofree char *lower = g_ascii_strdown(build_id, -1);
    g_autofree char *path =
        g_build_filename(temp_dir_path(dir), "debug-info", "a", lower, "metadata", NULL);
    assert_int_equal(truncate(path, 256 << 20), 0);
    long before = peak_kib();
    announce_well(files, "a");
    assert_true(peak_kib() - before < 64 << 10);
}

static void
expect_no_upload(DebugFiles *files, const char *id, int64_t size, CressetError code)
{
    g_autoptr(GError) error = NULL;
    assert_null(debug_files_admit(files, "a", id, size, &error));
    assert_non_null(error);
    assert_int_equal(error->code, code);
}

static void
test_uploads_under_way_count(void **state)
{
    (void)state;
    g_autoptr(DebugFiles) files = open_files(1000);
    g_autofree char *reason = NULL;
    announce_well(files, "a");
    assert_true(announce(files, "a", "bb", &reason));
    DebugUpload *first = debug_files_admit(files, "a", build_id, -1, NULL); /* FILE_MAX */
    assert_non_null(first);
    expect_no_upload(files, build_id, 1, CRESSET_ERROR_ABORTED);
    expect_no_upload(files, "bb", 401, CRESSET_ERROR_RESOURCE_EXHAUSTED);
    g_autoptr(DebugUpload) rest = debug_files_admit(files, "a", "BB", 400, NULL);
    assert_non_null(rest);
    assert_true(debug_files_delete(files, "a", build_id, NULL));
    announce_well(files, "a"); /* what comes for the first announcement still counts */
    expect_no_upload(files, build_id, 1, CRESSET_ERROR_ABORTED);
    debug_upload_end(first);
    expect_no_upload(files, build_id, 601, CRESSET_ERROR_RESOURCE_EXHAUSTED);
    g_autoptr(DebugUpload) second = debug_files_admit(files, "a", build_id, 600, NULL);
    assert_non_null(second);
}

static void
test_a_received_file_counts_as_what_it_is(void **state)
{
    (void)state;
    struct stat status;
    assert_int_equal(stat("/proc/self/exe", &status), 0);
    g_autoptr(DebugFiles) files = open_files(2 * status.st_size);
    announce_well(files, "a");
    DebugUpload *first = debug_files_admit(files, "a", build_id, 2 * status.st_size, NULL);
    assert_non_null(first);
    assert_true(receive(files, "a", build_id, "/proc/self/exe", NULL));
    DebugUpload *second = debug_files_admit(files, "a", build_id, status.st_size, NULL);
    assert_non_null(second);
    debug_upload_end(first); /* which leaves the second alone */
    expect_no_upload(files, build_id, 0, CRESSET_ERROR_ABORTED);
    debug_upload_end(second);
    expect_no_upload(files, build_id, status.st_size + 1, CRESSET_ERROR_RESOURCE_EXHAUSTED);
}

static void
test_bytes_of_an_upload_that_was_not_finished_go(void **state)
{
    (void)state;
    g_autoptr(DebugFiles) files = open_files(0);
    announce_well(files, "a");
    assert_true(receive(files, "a", build_id, "/proc/self/exe", NULL));
    g_autofree char *exe =
        g_build_filename(temp_dir_path(dir), "debug-info", "a", build_id, "exe", NULL);
    assert_int_equal(access(exe, F_OK), 0);
    now_ns += (DEBUG_UPLOAD_STALE_S + 1) * INT64_C(1000000000);
    announce_well(files, "a");
    assert_int_not_equal(access(exe, F_OK), 0);
}

static void *
announce_bb(void *files)
{
    g_autofree char *reason = NULL;
    return GINT_TO_POINTER(announce(files, "a", "bb", &reason));
}

typedef struct {
    DebugFiles *files;
    GAsyncQueue *admitted;
} Admission;

static void *
admit(void *data)
{
    const Admission *admission = data;
    g_autoptr(DebugUpload) upload = debug_files_admit(admission->files, "a", build_id, 1, NULL);
    g_async_queue_push(admission->admitted, GINT_TO_POINTER(upload != NULL ? 1 : 2));
    return NULL;
}

/* Opens a FIFO once somebody reads it, so that they wait until it is closed. */
static int
hold_reader(const char *fifo)
{
    int64_t end_us = g_get_monotonic_time() + 10 * G_USEC_PER_SEC;
    int fd;
    while ((fd = open(fifo, O_WRONLY | O_NONBLOCK | O_CLOEXEC)) < 0 &&
           g_get_monotonic_time() < end_us)
        g_usleep(1000);
    return fd;
}

static void
test_admission_waits_for_no_disk(void **state)
{
    (void)state;
    g_autoptr(DebugFiles) files = open_files(0);
    announce_well(files, "a");
    g_autofree char *folder = g_build_filename(temp_dir_path(dir), "debug-info", "a", "bb", NULL);
    g_autofree char *fifo = g_build_filename(folder, "metadata", NULL);
    assert_int_equal(g_mkdir(folder, 0700), 0);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    GThread *announcing = g_thread_new("announce", announce_bb, files);
    int fd = hold_reader(fifo);
    assert_true(fd >= 0);
    g_autoptr(GAsyncQueue) admitted = g_async_queue_new();
    Admission admission = {files, admitted};
    GThread *admitting = g_thread_new("admit", admit, &admission);
    const void *in_time = g_async_queue_timeout_pop(admitted, 5 * G_USEC_PER_SEC);
    assert_int_equal(g_unlink(fifo), 0);
    close(fd);
    g_thread_join(admitting);
    assert_int_equal(GPOINTER_TO_INT(g_thread_join(announcing)), true);
    assert_int_equal(GPOINTER_TO_INT(in_time), 1);
}

static void
test_an_announcement_outlives_a_restart(void **state)
{
    (void)state;
    DebugFiles *files = open_files(1 << 30);
    announce_well(files, "a");
    debug_files_free(files);
    g_autoptr(DebugFiles) again = open_files(1 << 30);
    assert_true(receive(again, "a", build_id, "/proc/self/exe", NULL));
    g_autoptr(DebugFiles) small = open_files(1000);
    expect_reason(small, "a", "abcdef", "limit debuginfo-tenant-bytes");
}

static int
setup(void **state)
{
    (void)state;
    dir = temp_dir_new();
    now_ns = INT64_C(1700000000000000000);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    temp_dir_free(dir);
    return 0;
}

static bool
read_build_id(void)
{
    uint8_t id[ELF_FILE_BUILD_ID_MAX];
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    g_autoptr(ElfFile) elf = elf_file_open(fd, NULL);
    size_t size = elf != NULL ? elf_file_build_id(elf, id) : 0;
    GString *text = g_string_new(NULL);
    for (size_t i = 0; i < size; i++)
        g_string_append_printf(text, "%02x", id[i]);
    build_id = g_string_free(text, FALSE);
    close(fd);
    return size > 0;
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_an_upload_counts_when_it_is_finished),
        TEST(test_tenants_do_not_see_each_other),
        TEST(test_files_outlive_a_restart),
        TEST(test_an_upload_that_does_not_come_is_forgotten),
        TEST(test_what_is_not_as_announced_is_refused),
        TEST(test_limits_name_their_option),
        TEST(test_a_tenant_has_so_many_files),
        TEST(test_a_broken_metadata_file_is_no_file),
        TEST(test_a_huge_metadata_file_is_not_read),
        TEST(test_admission_waits_for_no_disk),
        TEST(test_uploads_under_way_count),
        TEST(test_a_received_file_counts_as_what_it_is),
        TEST(test_bytes_of_an_upload_that_was_not_finished_go),
        TEST(test_an_announcement_outlives_a_restart),
    };
    if (!read_build_id()) {
        printf("skipped: this program was linked without a build id\n");
        return 77;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    g_free(build_id);
    return failed;
}
