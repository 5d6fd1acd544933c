#include "lib/k8s/quantity.h"

#include <glib.h>
#include <math.h>

#include "tests/harness/check.h"

static void
test_every_form_is_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double units;
    } rows[] = {
        {"0", 0},        {"3", 3},
        {"100m", 0.1},   {"0.5", 0.5},
        {".5", 0.5},     {"1.", 1},
        {"1e3", 1000},   {"1E3", 1000},
        {"2e-3", 0.002}, {"1E", 1e18},
        {"1k", 1000},    {"128974848", 128974848},
        {"1Ki", 1024},   {"1.5Gi", 1610612736},
        {"1Ei", 0x1p60}, {"+1", 1},
        {"-1", -1},      {"500n", 5e-7},
        {"7u", 7e-6},    {"2P", 2e15},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        double units = NAN;
        if (!quantity_parse(rows[i].text, &units) ||
            fabs(units - rows[i].units) > 1e-9 * fabs(rows[i].units))
            fail_msg("%s is %g, not %g", rows[i].text, units, rows[i].units);
    }
}

static void
test_other_text_is_none(void **state)
{
    (void)state;
    static const char *const texts[] = {"",     "m",     "Gi",   "1gi",   "1 Gi", "1e",
                                        "e3",   "1e3Gi", "--1",  "1.2.3", "nan",  "inf",
                                        "0x10", "1e999", "1GiB", "1e+"};
    double units;
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        if (quantity_parse(texts[i], &units))
            fail_msg("'%s' is %g", texts[i], units);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_form_is_read),
        cmocka_unit_test(test_other_text_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
