/* Kernel names from text in the format of /proc/kallsyms, and from this kernel's own. */
#include "lib/symbol/kernel_symbols.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char text[] = "ffffffff81000000 T _text\n"
                           "ffffffff81000010 t __pfx_do_work\n"
                           "ffffffff81000020 T do_work\n"
                           "ffffffff81000020 T __do_work\n"
                           "ffffffff81000020 W weak_work\n"
                           "ffffffff81000100 D some_data\n"
                           "ffffffff81000200 t local_work\n"
                           "ffffffffc0001000 t filter_packet\t[nf_tables]\n"
                           "ffffffffc0000000 t early\t[nf_tables]\n"
                           "ffffffffc0002000 t bpf_prog_6deef7357e7b4530_count\t[bpf]\n"
                           "no line at all\n"
                           "ffffffff81000300 T last_without_newline";

static void
check(KernelSymbols *symbols, uint64_t address, const char *name, const char *module)
{
    const char *found, *in;
    assert_true(kernel_symbols_find(symbols, address, &found, &in));
    assert_string_equal(found, name);
    assert_string_equal(in, module);
}

static void
test_lookup(void **state)
{
    (void)state;
    g_autoptr(KernelSymbols) symbols = kernel_symbols_new_text(text, strlen(text), NULL);
    const char *name, *module;
    assert_int_equal(kernel_symbols_count(symbols), 7);
    check(symbols, 0xffffffff81000000, "_text", "");
    check(symbols, 0xffffffff81000020, "do_work", "");
    check(symbols, 0xffffffff810001ff, "do_work", "");
    check(symbols, 0xffffffff81000200, "local_work", "");
    check(symbols, 0xffffffff81000345, "last_without_newline", "");
    check(symbols, 0xffffffffc0000fff, "early", "nf_tables");
    check(symbols, 0xffffffffc0001001, "filter_packet", "nf_tables");
    check(symbols, 0xffffffffc0002fff, "bpf_prog_6deef7357e7b4530_count", "bpf");
    assert_false(kernel_symbols_find(symbols, 0xffffffff80ffffff, &name, &module));
    assert_false(kernel_symbols_find(symbols, 0xffffffffe0000000, &name, &module));
    assert_false(kernel_symbols_find(symbols, UINT64_MAX, &name, &module));
    assert_false(kernel_symbols_find(symbols, 0, &name, &module));
}

static void
test_hidden_addresses_are_an_error(void **state)
{
    (void)state;
    static const char hidden[] = "0000000000000000 T _text\n0000000000000000 T do_work\n";
    g_autoptr(GError) error = NULL;
    assert_null(kernel_symbols_new_text(hidden, strlen(hidden), &error));
    assert_non_null(strstr(error->message, "CAP_SYSLOG"));
}

static void
test_every_symbol_of_many_blocks(void **state)
{
    (void)state;
    g_autoptr(GString) many = g_string_new(NULL);
    for (unsigned i = 0; i < 5000; i++)
        g_string_append_printf(many, "ffffffff%08x t function_number_%u\n", 0x81000000 + i * 64, i);
    g_autoptr(KernelSymbols) symbols = kernel_symbols_new_text(many->str, many->len, NULL);
    for (unsigned i = 0; i < 5000; i++) {
        g_autofree char *name = g_strdup_printf("function_number_%u", i);
        check(symbols, 0xffffffff81000000 + i * 64 + 63, name, "");
    }
}

static void
test_this_kernel(void **state)
{
    (void)state;
    g_autoptr(GError) error = NULL;
    g_autoptr(KernelSymbols) symbols = kernel_symbols_new(&error);
    if (symbols == NULL) {
        print_message("skipped: %s\n", error->message);
        skip();
    }
    print_message("%zu symbols in %zu bytes\n", kernel_symbols_count(symbols),
                  kernel_symbols_bytes(symbols));
    assert_true(kernel_symbols_count(symbols) > 1000);
    assert_true(kernel_symbols_bytes(symbols) < kernel_symbols_count(symbols) * 32);
    assert_false(kernel_symbols_is_stale(symbols));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lookup),
        cmocka_unit_test(test_hidden_addresses_are_an_error),
        cmocka_unit_test(test_every_symbol_of_many_blocks),
        cmocka_unit_test(test_this_kernel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
