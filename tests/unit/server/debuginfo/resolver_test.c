/* The resolver with its real process: this program, started anew, is that process. */
#include "server/debuginfo/resolver.h"

#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/symbol/elf_file.h"
#include "lib/symbolize/worker.h"
#include "tests/harness/check.h"
#include "tests/harness/temp_dir.h"

__attribute__((noinline)) int resolver_fixture(int n);

enum { FIXTURE_LINE = __LINE__ + 3 };
int
resolver_fixture(int n)
{
    return n * 3 + 1;
}

static TempDir *dir;
static DebugFiles *files;
static char *build_id; /* of this program */

/* The program itself comes first. */
static int
on_object(struct dl_phdr_info *info, size_t size, void *bias)
{
    (void)size;
    *(uint64_t *)bias = info->dlpi_addr;
    return 1;
}

static uint64_t
own_bias(void)
{
    uint64_t bias = 0;
    dl_iterate_phdr(on_object, &bias);
    return bias;
}

static void
read_build_id(void)
{
    uint8_t id[ELF_FILE_BUILD_ID_MAX];
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    g_autoptr(ElfFile) elf = elf_file_open(fd, NULL);
    size_t size = elf_file_build_id(elf, id);
    GString *text = g_string_new(NULL);
    for (size_t i = 0; i < size; i++)
        g_string_append_printf(text, "%02x", id[i]);
    build_id = g_string_free(text, FALSE);
    close(fd);
}

static void
upload(const char *tenant)
{
    g_autofree char *path = temp_dir_file(dir, "upload"), *content = NULL, *reason = NULL;
    const DebugFile file = {.gnu_build_id = build_id,
                            .go_build_id = (char *)"",
                            .otel_file_id = (char *)"",
                            .name = (char *)"resolver_test"};
    gsize size;
    assert_true(g_file_get_contents("/proc/self/exe", &content, &size, NULL));
    assert_true(debug_files_announce(files, tenant, &file, &reason, NULL));
    assert_true(g_file_set_contents(path, content, (gssize)size, NULL));
    assert_true(debug_files_receive(files, tenant, build_id, path, NULL));
    assert_true(debug_files_finish(files, tenant, build_id, NULL));
}

static void
expect_fixture(DebugResolver *resolver, const DebugMapping *mapping, uint64_t address)
{
    const uint64_t addresses[] = {address, 1};
    const AddressLine *found;
    g_autoptr(AddressLines) lines = debug_resolver_lines(resolver, mapping, addresses, 2);
    assert_non_null(lines);
    assert_int_equal(address_lines_get(lines, 0, &found), 1);
    assert_string_equal(found->name, "resolver_fixture");
    assert_string_equal(found->system_name, "resolver_fixture");
    assert_true(g_str_has_suffix(found->filename, "resolver_test.c"));
    assert_true(found->start_line == FIXTURE_LINE || found->start_line == FIXTURE_LINE - 1);
    assert_true(found->line >= found->start_line);
    assert_int_equal(address_lines_get(lines, 1, &found), 0);
}

static void
test_lines_of_file_addresses_and_of_mapped_ones(void **state)
{
    (void)state;
    g_autoptr(DebugResolver) resolver = debug_resolver_new(files, &(DebugResolverConfig){0});
    uint64_t address = (uint64_t)(uintptr_t)resolver_fixture + 1, bias = own_bias();
    upload("a");
    expect_fixture(resolver, &(DebugMapping){"a", build_id, "resolver_test", 0, 0, 0},
                   address - bias);
    /* As /proc/self/maps shows the text: its start is page-aligned, at that offset of the file. */
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    g_autoptr(ElfFile) elf = elf_file_open(fd, NULL);
    uint64_t offset;
    assert_true(elf_file_address_to_offset(elf, address - bias, &offset));
    close(fd);
    uint64_t start = (address & ~UINT64_C(4095));
    DebugMapping mapped = {"a",   build_id,     "resolver_test",
                           start, start + 4096, offset & ~UINT64_C(4095)};
    expect_fixture(resolver, &mapped, address);
    g_autoptr(GString) metrics = g_string_new(NULL);
    debug_resolver_write_metrics(resolver, metrics);
    assert_contains(metrics->str, "cresset_server_symbolizer_cache_hits_total 1\n");
}

static void
test_another_tenant_has_no_names(void **state)
{
    (void)state;
    g_autoptr(DebugResolver) resolver = debug_resolver_new(files, &(DebugResolverConfig){0});
    upload("a");
    uint64_t address = (uint64_t)(uintptr_t)resolver_fixture - own_bias();
    const DebugMapping mapping = {"b", build_id, "resolver_test", 0, 0, 0};
    assert_null(debug_resolver_lines(resolver, &mapping, &address, 1));
}

static void
test_a_process_that_cannot_start_leaves_addresses_without_names(void **state)
{
    (void)state;
    const DebugResolverConfig config = {.program = "/nonexistent"};
    g_autoptr(DebugResolver) resolver = debug_resolver_new(files, &config);
    upload("a");
    uint64_t address = (uint64_t)(uintptr_t)resolver_fixture - own_bias();
    const DebugMapping mapping = {"a", build_id, "resolver_test", 0, 0, 0};
    const AddressLine *found;
    g_autoptr(AddressLines) lines = debug_resolver_lines(resolver, &mapping, &address, 1);
    assert_non_null(lines);
    assert_int_equal(address_lines_get(lines, 0, &found), 0);
}

static int
setup(void **state)
{
    (void)state;
    dir = temp_dir_new();
    g_autofree char *path = temp_dir_file(dir, "debug-info");
    const DebugFilesConfig config = {.dir = path};
    files = debug_files_new(&config);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    debug_files_free(files);
    temp_dir_free(dir);
    return 0;
}

int
main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    if (argc == 2 && strcmp(argv[1], WORKER_ARGUMENT) == 0)
        return worker_main(WORKER_FD);
    read_build_id();
    if (build_id[0] == '\0') {
        printf("skipped: this program was linked without a build id\n");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        TEST(test_lines_of_file_addresses_and_of_mapped_ones),
        TEST(test_another_tenant_has_no_names),
        TEST(test_a_process_that_cannot_start_leaves_addresses_without_names),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    g_free(build_id);
    return failed;
}
