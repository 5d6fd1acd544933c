/* Names and lines of real executables, built here in every shape that distributions ship, compared
 * with what addr2line and the Go tool chain say. */
#include "lib/symbol/symbol_file.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/symbol/demangle.h"

static const char cpp_source[] =
    "#include <stdlib.h>\n"
    "namespace shop {\n"
    "template <typename T> struct Cart {\n"
    "  T items[64];\n"
    "  inline __attribute__((always_inline)) T price(int i) {\n"
    "    T sum = items[i & 63];\n"
    "    for (int k = 0; k < i; k++) sum = sum * 31 + items[k & 63];\n"
    "    return sum;\n"
    "  }\n"
    "  inline __attribute__((always_inline)) T total(int n) {\n"
    "    T all = 0;\n"
    "    for (int i = 0; i < n; i++)\n"
    "      all += price(i);\n"
    "    return all;\n"
    "  }\n"
    "};\n"
    "__attribute__((noinline)) long checkout(Cart<long> &cart, int n) {\n"
    "  if (n > 1000) abort();\n"
    "  return cart.total(n) * 2 + cart.price(n);\n"
    "}\n"
    "}\n"
    "int main(int argc, char **argv) {\n"
    "  (void)argv;\n"
    "  shop::Cart<long> cart = {};\n"
    "  return (int)shop::checkout(cart, argc);\n"
    "}\n";

static const char go_source[] = "package main\n"
                                "\n"
                                "import \"fmt\"\n"
                                "\n"
                                "func leaf(n int) int {\n"
                                "\treturn n*3 + 1\n"
                                "}\n"
                                "\n"
                                "//go:noinline\n"
                                "func work(n int) int {\n"
                                "\tsum := 0\n"
                                "\tfor i := 0; i < n; i++ {\n"
                                "\t\tsum += leaf(i)\n"
                                "\t}\n"
                                "\treturn sum\n"
                                "}\n"
                                "\n"
                                "func main() {\n"
                                "\tfmt.Println(work(10))\n"
                                "}\n";

static char folder[] = "/tmp/cresset-symbols-XXXXXX";

static bool
have_tool(const char *name)
{
    g_autofree char *path = g_find_program_in_path(name);
    if (path == NULL)
        print_message("skipped: %s is not installed\n", name);
    return path != NULL;
}

/* Runs a shell command in the folder and returns its output; NULL when it fails. */
static char *
run(const char *command)
{
    g_autofree char *line = g_strdup_printf("cd %s && %s", folder, command);
    const char *argv[] = {"sh", "-c", line, NULL};
    char *out = NULL;
    int status = -1;
    if (!g_spawn_sync(NULL, (char **)(uintptr_t)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &out,
                      NULL, &status, NULL) ||
        !g_spawn_check_wait_status(status, NULL)) {
        g_free(out);
        return NULL;
    }
    return out;
}

static void
run_or_fail(const char *command)
{
    g_autofree char *out = run(command);
    if (out == NULL)
        fail_msg("failed: %s", command);
}

static int
set_up(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    g_autofree char *cpp = g_build_filename(folder, "shop.cc", NULL);
    g_autofree char *go = g_build_filename(folder, "work.go", NULL);
    return g_file_set_contents(cpp, cpp_source, -1, NULL) &&
                   g_file_set_contents(go, go_source, -1, NULL)
               ? 0
               : -1;
}

static int
tear_down(void **state)
{
    (void)state;
    g_free(run("rm -rf \"$PWD\""));
    return 0;
}

typedef struct {
    int fd;
    char *path;
    SymbolFile *file;
} Opened;

static Opened
open_file(const char *name)
{
    Opened opened = {.path = g_build_filename(folder, name, NULL)};
    opened.fd = open(opened.path, O_RDONLY | O_CLOEXEC);
    assert_true(opened.fd >= 0);
    SymbolFileOptions options = {.fd = opened.fd, .path = opened.path, .root_fd = -1};
    g_autoptr(GError) error = NULL;
    opened.file = symbol_file_new(&options, &error);
    assert_null(error);
    return opened;
}

static void
close_file(Opened *opened)
{
    symbol_file_free(opened->file);
    close(opened->fd);
    g_free(opened->path);
}

/* Start and size of a function by nm. */
static void
find_function(const char *name, const char *function, uint64_t *ret_start, uint64_t *ret_size)
{
    g_autofree char *command =
        g_strdup_printf("nm -S %s | awk '$4 == \"%s\" {print $1, $2}'", name, function);
    g_autofree char *out = run(command);
    assert_non_null(out);
    char *rest;
    *ret_start = g_ascii_strtoull(out, &rest, 16);
    *ret_size = g_ascii_strtoull(rest, NULL, 16);
    assert_true(*ret_start > 0 && *ret_size > 0);
}

/* What addr2line -i -f prints for one address, made from our lines. */
static void
format_lines(GString *out, const SymbolLine *lines, size_t n)
{
    for (size_t i = 0; i < n; i++)
        g_string_append_printf(out, "%s\n%s:%u\n", lines[i].name, lines[i].file, lines[i].line);
}

/* Fails with the first line that differs. */
static void
assert_same_text(const char *ours, const char *theirs)
{
    g_auto(GStrv) a = g_strsplit(ours, "\n", -1);
    g_auto(GStrv) b = g_strsplit(theirs, "\n", -1);
    for (size_t i = 0; a[i] != NULL && b[i] != NULL; i++) {
        if (strcmp(a[i], b[i]) != 0)
            print_message("line %zu, after %s\n", i, i > 0 ? a[i - 1] : "");
        assert_string_equal(a[i], b[i]);
    }
    assert_int_equal(g_strv_length(a), g_strv_length(b));
}

/* Every address of a function has the same inlined calls and lines as addr2line says. */
static void
compare_with_addr2line(const char *tool, const char *name, const char *function)
{
    uint64_t start, size;
    find_function(name, function, &start, &size);
    Opened opened = open_file(name);
    g_autoptr(GString) command = g_string_new(NULL);
    g_autoptr(GString) ours = g_string_new(NULL);
    g_string_printf(command, "%s -i -f -e %s", tool, name);
    size_t deepest = 0;
    for (uint64_t address = start; address < start + size; address++) {
        SymbolLine lines[SYMBOL_LINES_MAX];
        size_t n = symbol_file_find(opened.file, address, lines);
        assert_true(n >= 1);
        assert_string_equal(lines[n - 1].name, function);
        deepest = MAX(deepest, n);
        format_lines(ours, lines, n);
        g_string_append_printf(command, " 0x%" G_GINT64_MODIFIER "x", address);
    }
    g_string_append(command, " | sed 's/ (discriminator.*//; s/:?$/:0/'");
    g_autofree char *theirs = run(command->str);
    assert_non_null(theirs);
    assert_same_text(ours->str, theirs);
    assert_true(deepest >= 3);
    close_file(&opened);
}

static void
test_inlined_calls_equal_addr2line(void **state)
{
    (void)state;
    if (!have_tool("g++") || !have_tool("addr2line"))
        skip();
    run_or_fail("g++ -g -O2 -o shop shop.cc");
    compare_with_addr2line("addr2line", "shop", "_ZN4shop8checkoutERNS_4CartIlEEi");
    run_or_fail("g++ -g -gdwarf-4 -O2 -static -o shop4 shop.cc");
    compare_with_addr2line("addr2line", "shop4", "_ZN4shop8checkoutERNS_4CartIlEEi");
}

static void
test_inlined_calls_of_compressed_debug_sections(void **state)
{
    (void)state;
    if (!have_tool("g++") || !have_tool("addr2line"))
        skip();
    run_or_fail("g++ -g -gz=zlib -O2 -o shopz shop.cc");
    compare_with_addr2line("addr2line", "shopz", "_ZN4shop8checkoutERNS_4CartIlEEi");
}

static void
test_inlined_calls_without_aranges(void **state)
{
    (void)state;
    if (!have_tool("clang++-14") || !have_tool("llvm-addr2line-14"))
        skip();
    run_or_fail("clang++-14 -g -O2 -o shopc shop.cc");
    compare_with_addr2line("llvm-addr2line-14", "shopc", "_ZN4shop8checkoutERNS_4CartIlEEi");
}

/* The name of the middle of checkout() in a variant of the program; NULL when it has none. */
static char *
name_in_variant(const char *variant, size_t *ret_n_lines)
{
    uint64_t start, size;
    find_function("base", "_ZN4shop8checkoutERNS_4CartIlEEi", &start, &size);
    Opened opened = open_file(variant);
    SymbolLine lines[SYMBOL_LINES_MAX];
    *ret_n_lines = symbol_file_find(opened.file, start + size / 2, lines);
    char *name = *ret_n_lines > 0 ? g_strdup(lines[*ret_n_lines - 1].name) : NULL;
    close_file(&opened);
    return name;
}

static void
check_variant(const char *command, const char *variant, bool is_named, bool is_inlined)
{
    size_t n_lines;
    run_or_fail(command);
    g_autofree char *name = name_in_variant(variant, &n_lines);
    uint64_t start, size;
    find_function("base", "_ZN4shop8checkoutERNS_4CartIlEEi", &start, &size);
    g_autofree char *start_name = g_strdup_printf("%s+0x%" G_GINT64_MODIFIER "x", variant, start);
    if (is_named)
        assert_string_equal(name, "_ZN4shop8checkoutERNS_4CartIlEEi");
    else
        assert_string_equal(name, start_name);
    assert_true(is_inlined == (n_lines > 1));
}

static void
test_stripped_files_use_what_is_left(void **state)
{
    (void)state;
    if (!have_tool("g++") || !have_tool("objcopy") || !have_tool("xz"))
        skip();
    run_or_fail("g++ -g -O2 -Wl,--build-id=none -o base shop.cc");
    check_variant("strip -g -o nodebug base", "nodebug", true, false);
    check_variant("strip -o stripped base", "stripped", false, false);
    check_variant("objcopy --only-keep-debug base linked.debug && strip -o linked base && "
                  "objcopy --add-gnu-debuglink=linked.debug linked",
                  "linked", true, true);
    check_variant("strip -o hidden base && objcopy --add-gnu-debuglink=linked.debug hidden && "
                  "mkdir .debug && mv linked.debug .debug/",
                  "hidden", true, true);
    check_variant("objcopy -S --remove-section .gnu_debuglink "
                  "--keep-symbol=_ZN4shop8checkoutERNS_4CartIlEEi base mini.elf && "
                  "xz -k mini.elf && strip -o mini base && "
                  "objcopy --add-section .gnu_debugdata=mini.elf.xz mini",
                  "mini", true, false);
}

static void
test_a_wrong_debug_file_is_not_taken(void **state)
{
    (void)state;
    if (!have_tool("g++") || !have_tool("objcopy"))
        skip();
    run_or_fail("g++ -g -O2 -Wl,--build-id=none -o base shop.cc");
    check_variant("objcopy --only-keep-debug base wrong.debug && strip -o wrong base && "
                  "objcopy --add-gnu-debuglink=wrong.debug wrong && printf x >> wrong.debug",
                  "wrong", false, false);
}

static void
test_a_build_id_leads_into_the_root_of_the_container(void **state)
{
    (void)state;
    if (!have_tool("g++") || !have_tool("objcopy"))
        skip();
    run_or_fail("g++ -g -O2 -Wl,--build-id=0xabcdef0123456789 -o base shop.cc && "
                "strip -o inside base && mkdir -p root/usr/lib/debug/.build-id/ab && "
                "objcopy --only-keep-debug base "
                "root/usr/lib/debug/.build-id/ab/cdef0123456789.debug");
    uint64_t start, size;
    find_function("base", "_ZN4shop8checkoutERNS_4CartIlEEi", &start, &size);
    g_autofree char *path = g_build_filename(folder, "inside", NULL);
    g_autofree char *root = g_build_filename(folder, "root", NULL);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    SymbolFileOptions options = {.fd = fd, .path = "/bin/inside", .root_fd = root_fd};
    g_autoptr(SymbolFile) file = symbol_file_new(&options, NULL);
    SymbolLine lines[SYMBOL_LINES_MAX];
    size_t n = symbol_file_find(file, start, lines);
    assert_true(n >= 1);
    assert_string_equal(lines[n - 1].name, "_ZN4shop8checkoutERNS_4CartIlEEi");
    close(fd);
}

static void
test_dynamic_symbols_of_a_stripped_library(void **state)
{
    (void)state;
    if (!have_tool("gcc"))
        skip();
    run_or_fail("printf 'int spend(int n){return n*n+1;}' > lib.c && gcc -O2 -shared -fPIC -o "
                "lib.so lib.c && "
                "nm -D lib.so | awk '$3 == \"spend\" {print $1}' > lib.address && strip lib.so");
    g_autofree char *text = run("cat lib.address");
    Opened opened = open_file("lib.so");
    SymbolLine lines[SYMBOL_LINES_MAX];
    assert_int_equal(symbol_file_find(opened.file, g_ascii_strtoull(text, NULL, 16) + 1, lines), 1);
    assert_string_equal(lines[0].name, "spend");
    assert_int_equal(symbol_file_find(opened.file, 0, lines), 0);
    close_file(&opened);
}

static void
test_the_vdso_from_memory(void **state)
{
    (void)state;
    const void *image = (const void *)getauxval(AT_SYSINFO_EHDR);
    if (image == NULL)
        skip();
    SymbolFileOptions options = {
        .fd = -1, .image = image, .image_size = 8192, .path = "[vdso]", .root_fd = -1};
    g_autoptr(SymbolFile) file = symbol_file_new(&options, NULL);
    assert_non_null(file);
    bool found = false;
    SymbolLine lines[SYMBOL_LINES_MAX];
    for (uint64_t address = 0; address < 8192 && !found; address++)
        found = symbol_file_find(file, address, lines) == 1 &&
                strstr(lines[0].name, "clock_gettime") != NULL;
    assert_true(found);
}

static void
test_go_functions_equal_the_tool_chain(void **state)
{
    (void)state;
    if (!have_tool("go"))
        skip();
    run_or_fail("HOME=$PWD GOFLAGS=-mod=mod go build -o work work.go && "
                "HOME=$PWD go build -ldflags='-s -w' -o works work.go");
    static const char *const variants[] = {"work", "works"};
    uint64_t start, size;
    find_function("work", "main.work", &start, &size);
    for (size_t i = 0; i < G_N_ELEMENTS(variants); i++) {
        Opened opened = open_file(variants[i]);
        bool has_inlined = false;
        for (uint64_t address = start; address < start + size; address++) {
            SymbolLine lines[SYMBOL_LINES_MAX];
            size_t n = symbol_file_find(opened.file, address, lines);
            if (n == 0 && address > start + size - 16) /* padding */
                continue;
            assert_true(n >= 1);
            assert_string_equal(lines[n - 1].name, "main.work");
            assert_true(g_str_has_suffix(lines[0].file, "/work.go"));
            has_inlined |= n == 2 && strcmp(lines[0].name, "main.leaf") == 0 && lines[0].line == 6;
        }
        assert_true(has_inlined);
        close_file(&opened);
    }
}

static void
test_damaged_files_are_survived(void **state)
{
    (void)state;
    if (!have_tool("g++"))
        skip();
    run_or_fail("g++ -g -O2 -o whole shop.cc");
    g_autofree char *path = g_build_filename(folder, "whole", NULL);
    g_autofree char *bytes = NULL;
    gsize size;
    assert_true(g_file_get_contents(path, &bytes, &size, NULL));
    uint64_t start, length;
    find_function("whole", "_ZN4shop8checkoutERNS_4CartIlEEi", &start, &length);
    /* Cut anywhere, and header fields set to all ones. */
    for (size_t i = 0; i < 64; i++) {
        g_autofree char *copy = g_memdup2(bytes, size);
        memset(copy + i, 0xff, 8);
        size_t kept = i % 2 == 0 ? size : size * i / 64;
        SymbolFileOptions options = {
            .fd = -1, .image = copy, .image_size = kept, .path = "damaged", .root_fd = -1};
        g_autoptr(SymbolFile) file = symbol_file_new(&options, NULL);
        SymbolLine lines[SYMBOL_LINES_MAX];
        if (file != NULL)
            assert_true(symbol_file_find(file, start, lines) <= SYMBOL_LINES_MAX);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inlined_calls_equal_addr2line),
        cmocka_unit_test(test_inlined_calls_of_compressed_debug_sections),
        cmocka_unit_test(test_inlined_calls_without_aranges),
        cmocka_unit_test(test_stripped_files_use_what_is_left),
        cmocka_unit_test(test_a_wrong_debug_file_is_not_taken),
        cmocka_unit_test(test_a_build_id_leads_into_the_root_of_the_container),
        cmocka_unit_test(test_dynamic_symbols_of_a_stripped_library),
        cmocka_unit_test(test_the_vdso_from_memory),
        cmocka_unit_test(test_go_functions_equal_the_tool_chain),
        cmocka_unit_test(test_damaged_files_are_survived),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
