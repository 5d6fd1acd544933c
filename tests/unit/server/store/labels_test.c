#include "server/store/labels.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void
sorts_by_name_and_finds(void **state)
{
    (void)state;
    Label pairs[] = {{"service_name", "api"}, {"__name__", "cpu"}, {"pod", "a-1"}};
    g_autoptr(Labels) labels = labels_new(pairs, G_N_ELEMENTS(pairs));
    assert_int_equal(labels->n_labels, 3);
    assert_string_equal(labels->labels[0].name, "__name__");
    assert_string_equal(labels->labels[1].name, "pod");
    assert_string_equal(labels->labels[2].name, "service_name");
    assert_string_equal(labels_get(labels, "pod"), "a-1");
    assert_string_equal(labels_get(labels, "__name__"), "cpu");
    assert_string_equal(labels_get(labels, "service_name"), "api");
    assert_null(labels_get(labels, "po"));
    assert_null(labels_get(labels, "zone"));
}

static void
copies_its_input(void **state)
{
    (void)state;
    char name[] = "pod", value[] = "x";
    g_autoptr(Labels) labels = labels_new(&(Label){name, value}, 1);
    name[0] = value[0] = '!';
    assert_string_equal(labels_get(labels, "pod"), "x");
}

static void
compares_by_content_and_length(void **state)
{
    (void)state;
    g_autoptr(Labels) none = labels_new(NULL, 0);
    g_autoptr(Labels) a = labels_new((Label[]){{"a", "1"}, {"b", "2"}}, 2);
    g_autoptr(Labels) same = labels_new((Label[]){{"b", "2"}, {"a", "1"}}, 2);
    g_autoptr(Labels) shorter = labels_new((Label[]){{"a", "1"}}, 1);
    g_autoptr(Labels) value = labels_new((Label[]){{"a", "1"}, {"b", "3"}}, 2);
    g_autoptr(Labels) moved = labels_new((Label[]){{"a", "1b"}, {"b", "2"}}, 2);
    assert_int_equal(labels_compare(a, same), 0);
    assert_true(labels_hash(a) == labels_hash(same));
    assert_true(labels_fingerprint(a) == labels_fingerprint(same));
    assert_true(labels_compare(shorter, a) < 0 && labels_compare(a, shorter) > 0);
    assert_true(labels_compare(a, value) < 0 && labels_compare(value, a) > 0);
    assert_true(labels_compare(none, shorter) < 0);
    assert_int_equal(labels_compare(none, none), 0);
    assert_true(labels_hash(a) != labels_hash(value));
    assert_true(labels_hash(a) != labels_hash(moved));
    assert_true(labels_fingerprint(a) != labels_fingerprint(moved));
}

static void
lives_until_the_last_reference(void **state)
{
    (void)state;
    Labels *labels = labels_new((Label[]){{"a", "1"}}, 1);
    Labels *second = labels_ref(labels);
    labels_unref(labels);
    assert_string_equal(labels_get(second, "a"), "1");
    labels_unref(second);
    labels_unref(NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sorts_by_name_and_finds),
        cmocka_unit_test(copies_its_input),
        cmocka_unit_test(compares_by_content_and_length),
        cmocka_unit_test(lives_until_the_last_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
