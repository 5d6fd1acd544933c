#include "lib/base/error.h"

#include <errno.h>

#include "tests/harness/check.h"

static void
test_set_fills_code_and_text(void **state)
{
    (void)state;
    g_autoptr(GError) error = NULL;
    assert_false(error_set(&error, CRESSET_ERROR_OUT_OF_RANGE, "sample[%d] is out of range", 3));
    assert_true(g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_OUT_OF_RANGE));
    assert_string_equal(error->message, "sample[3] is out of range");
}

static void
test_nobody_has_to_listen(void **state)
{
    (void)state;
    assert_false(error_set(NULL, CRESSET_ERROR_INTERNAL, "unheard"));
    assert_false(error_set_errno(NULL, EIO, "unheard"));
}

static void
test_errno_chooses_the_code(void **state)
{
    (void)state;
    static const struct {
        int number;
        CressetError code;
    } cases[] = {
        {ENOENT, CRESSET_ERROR_NOT_FOUND},          {EACCES, CRESSET_ERROR_PERMISSION_DENIED},
        {EPERM, CRESSET_ERROR_PERMISSION_DENIED},   {ENOSPC, CRESSET_ERROR_RESOURCE_EXHAUSTED},
        {ENOMEM, CRESSET_ERROR_RESOURCE_EXHAUSTED}, {EIO, CRESSET_ERROR_INTERNAL},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        assert_false(error_set_errno(&error, cases[i].number, "cannot open '%s'", "x"));
        assert_int_equal(error->code, cases[i].code);
        assert_contains(error->message, "cannot open 'x': ");
        assert_contains(error->message, g_strerror(cases[i].number));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set_fills_code_and_text),
        cmocka_unit_test(test_nobody_has_to_listen),
        cmocka_unit_test(test_errno_chooses_the_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
