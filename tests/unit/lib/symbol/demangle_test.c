/* Names as people read them. */
#include "lib/symbol/demangle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void
test_names(void **state)
{
    (void)state;
    static const struct {
        const char *mangled, *readable;
    } cases[] = {
        {"main", "main"},
        {"_start", "_start"},
        {"_Z", "_Z"},
        {"_ZN4shop8checkoutERNS_4CartIlEEi", "shop::checkout"},
        {"_ZNSt6vectorIiSaIiEE9push_backERKi", "std::vector<int, std::allocator<int> >::push_back"},
        {"_Z3foov.cold", "foo"},
        {"_Z3foov.part.0", "foo"},
        {"parse.isra.0", "parse.isra.0"},
        {"_ZN4core3fmt9Formatter9write_str17h1234567890abcdefE", "core::fmt::Formatter::write_str"},
        {"_ZN71_$LT$Test$u20$$u2b$$u20$$u27$static$u20$as$u20$foo..Bar$LT$Test$GT$$GT$3bar17h930b74"
         "0aa94f1d3aE",
         "<Test + 'static as foo::Bar<Test>>::bar"},
        {"_RNvC6_123foo3bar", "123foo::bar"},
        {"_RINvNtC3std3mem8align_ofdE", "std::mem::align_of::<f64>"},
    };
    g_autoptr(GString) scratch = g_string_new(NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
        assert_string_equal(demangle_name(cases[i].mangled, scratch), cases[i].readable);
}

static void
test_a_long_name_stays_as_it_is(void **state)
{
    (void)state;
    g_autoptr(GString) scratch = g_string_new(NULL);
    g_autoptr(GString) name = g_string_new("_Z5000");
    for (int i = 0; i < 5000; i++)
        g_string_append_c(name, 'a');
    g_string_append_c(name, 'v');
    assert_ptr_equal(demangle_name(name->str, scratch), name->str);
}

static void
test_an_exponential_name_is_given_up(void **state)
{
    (void)state;
    /* f(A<S,S>): every pair doubles the text. */
    g_autoptr(GString) scratch = g_string_new(NULL);
    g_autoptr(GString) name = g_string_new("_Z1f1aIiiE");
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    for (int i = 0; i < 34; i++)
        g_string_append_printf(name, "1aIS%c_S%c_E", digits[i], digits[i]);
    const char *result = demangle_name(name->str, scratch);
    assert_true(strlen(result) <= DEMANGLE_OUTPUT_MAX);
    assert_true(scratch->len <= DEMANGLE_OUTPUT_MAX);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_a_long_name_stays_as_it_is),
        cmocka_unit_test(test_an_exponential_name_is_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
