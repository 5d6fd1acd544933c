#include "server/query/frame_filter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/error.h"
#include "server/query/folded.h"
#include "tests/unit/server/query/query_fixture.h"

static FrameFilter *
parse_frames(const FrameList *lists)
{
    FrameFilter *filter = NULL;
    g_autoptr(GError) error = NULL;
    if (!frame_filter_parse(lists, &filter, &error))
        fail_msg("%s", error->message);
    return filter;
}

/* The tree and the time series agree. */
static void
test_whole_stacks_stay_or_go(void **state)
{
    Fixture *fixture = *state;
    fixture_push(fixture, "shop", "p1", 10, "main;work;sort=3 main;idle+wait=4 main=5 init;sort=6");
    static const char *const main_name[] = {"main"}, *const sort[] = {"sort"}, *const all[] = {""};
    static const char *const wait[] = {"wait"}, *const ends[] = {"t$"}, *const ort[] = {"or"};
    const struct {
        FrameList lists[FRAME_LISTS];
        int64_t total;
    } cases[] = {
        {{[FRAME_INCLUDE_NAMES] = {main_name, 1}}, 12},
        {{[FRAME_INCLUDE_NAMES] = {ort, 1}}, 0},
        {{[FRAME_INCLUDE_NAMES] = {wait, 1}}, 4},
        {{[FRAME_EXCLUDE_NAMES] = {wait, 1}}, 14},
        {{[FRAME_EXCLUDE_NAMES] = {sort, 1}}, 9},
        {{[FRAME_INCLUDE_NAMES] = {main_name, 1}, [FRAME_EXCLUDE_NAMES] = {sort, 1}}, 9},
        {{[FRAME_INCLUDE_NAMES] = {sort, 1}, [FRAME_EXCLUDE_NAMES] = {sort, 1}}, 0},
        {{[FRAME_INCLUDE_REGEXES] = {ort, 1}}, 9},
        {{[FRAME_INCLUDE_REGEXES] = {ends, 1}}, 13},
        {{[FRAME_INCLUDE_REGEXES] = {ends, 1}, [FRAME_EXCLUDE_REGEXES] = {ort, 1}}, 4},
        {{[FRAME_INCLUDE_NAMES] = {main_name, 1}, [FRAME_INCLUDE_REGEXES] = {ends, 1}}, 18},
        {{[FRAME_EXCLUDE_REGEXES] = {all, 1}}, 0},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        Query query = fixture_query(fixture);
        g_autoptr(FrameFilter) filter = parse_frames(cases[i].lists);
        query.frame_filter = filter;
        g_autoptr(Tree) tree = query_tree(&query, NULL);
        assert_int_equal(tree->total[0], cases[i].total);
        const QueryTimeSeriesOptions options = {.step_ns = 100 * SECOND_NS};
        g_autoptr(GPtrArray) series = query_time_series(&query, &options, NULL);
        int64_t sum = series->len > 0 ? (int64_t)((QueryTimeSeries *)series->pdata[0])->total : 0;
        assert_int_equal(sum, cases[i].total);
    }
    Query query = fixture_query(fixture);
    g_auto(GStrv) site = g_strsplit("main", ";", -1);
    g_autoptr(FrameFilter) filter = parse_frames(cases[4].lists);
    query.frame_filter = filter;
    query.call_site = site;
    g_autoptr(Tree) tree = query_tree(&query, NULL);
    g_autoptr(GString) text = tree_collapsed(tree, NULL);
    assert_string_equal(text->str, "main 5\nmain;wait;idle 4\n");
}

static void
assert_frames_refused(const FrameList *lists, const char *message)
{
    FrameFilter *filter = NULL;
    g_autoptr(GError) error = NULL;
    assert_false(frame_filter_parse(lists, &filter, &error));
    assert_null(filter);
    assert_true(g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_INVALID_ARGUMENT));
    if (strstr(error->message, message) == NULL)
        fail_msg("%s", error->message);
}

static void
test_filters_are_bounded(void **state)
{
    Fixture *fixture = *state;
    g_autofree char *longest = g_strnfill(FRAME_NAME_BYTES_MAX, 'x');
    g_autofree char *too_long = g_strnfill(FRAME_NAME_BYTES_MAX + 1, 'x');
    const char *names[FRAME_NAMES_MAX + 1], *one[] = {too_long}, *open[] = {"a", "(b"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        names[i] = i == 0 ? longest : "x";
    const FrameList none[FRAME_LISTS] = {0}, most[FRAME_LISTS] = {{names, FRAME_NAMES_MAX}};
    assert_null(parse_frames(none));
    g_autoptr(FrameFilter) filter = parse_frames(most);
    assert_non_null(filter);
    assert_frames_refused((FrameList[FRAME_LISTS]){{names, FRAME_NAMES_MAX + 1}},
                          "frame_filter.include_function_names has 1001 entries, at most 1000");
    assert_frames_refused((FrameList[FRAME_LISTS]){{NULL, 0}, {one, 1}},
                          "frame_filter.exclude_function_names[0] has 65536 bytes");
    assert_frames_refused((FrameList[FRAME_LISTS]){[FRAME_INCLUDE_REGEXES] = {open, 2}},
                          "frame_filter.include_function_name_regexes[1]: regular expression '(b'");

    /* It tries every way to split the name. */
    g_autofree char *name = g_strnfill(1000, 'a');
    g_autofree char *stacks = g_strdup_printf("%s=1", name);
    static const char *const slow[] = {"(a|aa)+b|(.*)*(.*)*[x]"};
    const FrameList lists[FRAME_LISTS] = {[FRAME_EXCLUDE_REGEXES] = {slow, 1}};
    fixture_push(fixture, "shop", "p1", 10, stacks);
    Query query = fixture_query(fixture);
    g_autoptr(FrameFilter) costly = parse_frames(lists);
    g_autoptr(GError) error = NULL;
    query.frame_filter = costly;
    assert_null(query_tree(&query, &error));
    assert_string_equal(error->message, "frame_filter.exclude_function_name_regexes[0]: it needs "
                                        "too many steps; write it simpler");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_whole_stacks_stay_or_go, fixture_set_up,
                                        fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_filters_are_bounded, fixture_set_up,
                                        fixture_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
