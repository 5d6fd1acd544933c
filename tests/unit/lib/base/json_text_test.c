#include "lib/base/json_text.h"

#include <string.h>

#include "tests/harness/check.h"

static void
test_values_are_counted_before_parsing(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t n; /* values that may need memory */
    } cases[] = {
        {"", 0},         {"7", 0},           {"[1,2,3]", 3},           {"{\"a\":{},\"b\":[]}", 4},
        {"\",,[{\"", 0}, {"[\"\\\",\"]", 1}, {"[1,2,\"not closed", 3},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        const char *text = cases[i].text;
        assert_false(json_text_has_more_values(text, strlen(text), cases[i].n));
        if (cases[i].n > 0)
            assert_true(json_text_has_more_values(text, strlen(text), cases[i].n - 1));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_are_counted_before_parsing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
