#include "analyzers/enrich/flame_link.h"

#include <glib.h>

#include "tests/harness/check.h"

static const FlameView view = {.tenant = "team",
                               .service = "shop/web",
                               .type = "process_cpu:cpu:nanoseconds:cpu:nanoseconds",
                               .labels = "pod=~\"a|b\"",
                               .from_ms = 1767268800000,
                               .until_ms = 1767269700000};

static void
test_the_page_of_cresset(void **state)
{
    (void)state;
    g_autofree char *url = flame_link("http://cresset:4040", &view);
    assert_string_equal(
        url, "http://cresset:4040/?tenant=team&service=shop%2Fweb&type=process_cpu%3Acpu%3A"
             "nanoseconds%3Acpu%3Ananoseconds&labels=%7Bpod%3D~%22a%7Cb%22%7D&from=1767268800000&"
             "until=1767269700000");
}

static void
test_what_is_empty_is_left_out(void **state)
{
    (void)state;
    const FlameView plain = {
        .tenant = "", .service = "", .type = "t", .labels = "", .from_ms = 1, .until_ms = 2};
    g_autofree char *url = flame_link("http://cresset/ui/", &plain);
    assert_string_equal(url, "http://cresset/ui/?type=t&from=1&until=2");
}

static void
test_a_template(void **state)
{
    (void)state;
    g_autofree char *url = flame_link(
        "https://grafana/a/app?var-type={type}&q={selector}&from={from}&to={until}", &view);
    assert_string_equal(url, "https://grafana/a/app?var-type=process_cpu%3Acpu%3Ananoseconds%3Acpu"
                             "%3Ananoseconds&q=%7Bservice_name%3D%22shop%2Fweb%22%2Cpod%3D~%22a%7C"
                             "b%22%7D&from=1767268800000&to=1767269700000");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_page_of_cresset),
        cmocka_unit_test(test_what_is_empty_is_left_out),
        cmocka_unit_test(test_a_template),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
