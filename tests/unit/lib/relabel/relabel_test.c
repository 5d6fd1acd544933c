#include "lib/relabel/relabel.h"

#include <string.h>

#include "lib/base/error.h"
#include "tests/harness/check.h"
#include "tests/harness/temp_dir.h"

static TempDir *dir;
static char *path;

static RelabelRules *
read_rules(const char *text, GError **error)
{
    assert_true(g_file_set_contents(path, text, -1, NULL));
    g_autoptr(YamlTree) tree = yaml_tree_load(path, error);
    return tree != NULL ? relabel_rules_read(tree, yaml_tree_root(tree), "the rules", error) : NULL;
}

/* Labels as "name=value name=value". */
static LabelSet *
make_set(const char *text)
{
    LabelSet *set = label_set_new();
    g_auto(GStrv) pairs = g_strsplit(text, " ", -1);
    for (size_t i = 0; pairs[i] != NULL; i++) {
        g_auto(GStrv) pair = g_strsplit(pairs[i], "=", 2);
        if (pair[0] != NULL)
            label_set_set(set, pair[0], pair[1]);
    }
    return set;
}

static int
compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The same, sorted. */
static char *
print_set(const LabelSet *set)
{
    g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);
    for (size_t i = 0; i < label_set_size(set); i++) {
        const char *name, *value;
        label_set_at(set, i, &name, &value);
        g_ptr_array_add(texts, g_strdup_printf("%s=%s", name, value));
    }
    g_ptr_array_sort(texts, compare_texts);
    g_ptr_array_add(texts, NULL);
    return g_strjoinv(" ", (char **)texts->pdata);
}

/* `expected` NULL: dropped. */
static void
expect_rules(const char *rules_text, const char *labels, const char *expected)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(RelabelRules) rules = read_rules(rules_text, &error);
    if (rules == NULL)
        fail_msg("%s", error->message);
    g_autoptr(LabelSet) set = make_set(labels);
    bool is_kept = false;
    assert_true(relabel_rules_apply(rules, set, &is_kept, NULL));
    assert_int_equal(is_kept, expected != NULL);
    g_autofree char *got = print_set(set);
    if (expected != NULL)
        assert_string_equal(got, expected);
}

static void
test_replace(void **state)
{
    (void)state;
    expect_rules("", "a=1", "a=1");
    expect_rules("[]", "a=1", "a=1");
    expect_rules("- {source_labels: [a], target_label: b}", "a=1", "a=1 b=1");
    expect_rules(
        "- {source_labels: [a, b], regex: '(.);(.)', target_label: c, replacement: '$2$1'}",
        "a=1 b=2", "a=1 b=2 c=21");
    expect_rules("- {source_labels: [a, b], separator: '', regex: '12', target_label: c, "
                 "replacement: x}",
                 "a=1 b=2", "a=1 b=2 c=x");
    expect_rules("- {source_labels: [a], regex: '2', target_label: b}", "a=12", "a=12");
    expect_rules("- {source_labels: [a], regex: '(.*)', target_label: '${1}_x', replacement: y}",
                 "a=q", "a=q q_x=y");
    /* What is no name is not set, but a dot is allowed. */
    expect_rules("- {source_labels: [a], target_label: 'x_$1', replacement: y}", "a=p-q", "a=p-q");
    expect_rules("- {source_labels: [a], target_label: 'x.$1', replacement: y}", "a=p",
                 "a=p x.p=y");
    /* An empty result removes the label; what is missing is empty. */
    expect_rules("- {target_label: a, replacement: ''}", "a=1 b=2", "b=2");
    expect_rules("- {source_labels: [nobody], target_label: a}", "a=1", "");
    expect_rules("- {target_label: a, replacement: fixed}", "", "a=fixed");
    /* Each rule sees what those before it made. */
    expect_rules("- {source_labels: [a], target_label: b}\n- {source_labels: [b], target_label: c}",
                 "a=1", "a=1 b=1 c=1");
}

static void
test_keep_and_drop(void **state)
{
    (void)state;
    expect_rules("- {action: keep, source_labels: [a], regex: '1|2'}", "a=2", "a=2");
    expect_rules("- {action: keep, source_labels: [a], regex: '1|2'}", "a=12", NULL);
    expect_rules("- {action: Drop, source_labels: [a], regex: '1'}", "a=1", NULL);
    expect_rules("- {action: drop, source_labels: [a], regex: '1'}", "a=2", "a=2");
    expect_rules("- {action: keepequal, source_labels: [a], target_label: b}", "a=1 b=1",
                 "a=1 b=1");
    expect_rules("- {action: keepequal, source_labels: [a], target_label: b}", "a=1 b=2", NULL);
    expect_rules("- {action: dropequal, source_labels: [a], target_label: b}", "a=1 b=1", NULL);
    /* What is dropped is not looked at any more. */
    expect_rules("- {action: drop, source_labels: [a], regex: '1'}\n"
                 "- {action: keep, source_labels: [a], regex: '1'}",
                 "a=1", NULL);
}

static void
test_names(void **state)
{
    (void)state;
    expect_rules("- {action: labelmap, regex: 'k8s_(.+)'}", "k8s_pod=p k8s_node=n x=1",
                 "k8s_node=n k8s_pod=p node=n pod=p x=1");
    expect_rules("- {action: labelmap, regex: '(a)', replacement: 'b_$1'}", "a=1", "a=1 b_a=1");
    /* In the order of names, in whichever they came. */
    expect_rules("- {action: labelmap, regex: 'm_.', replacement: m}", "m_b=2 m_c=3 m_a=1",
                 "m=3 m_a=1 m_b=2 m_c=3");
    expect_rules("- {action: labeldrop, regex: 'a.*'}", "a=1 ab=2 b=3", "b=3");
    expect_rules("- {action: labeldrop, regex: 'a', separator: ';', replacement: $1}", "a=1", "");
    expect_rules("- {action: labelkeep, regex: 'a.*'}", "a=1 ab=2 b=3", "a=1 ab=2");
}

static void
test_values(void **state)
{
    (void)state;
    expect_rules("- {action: lowercase, source_labels: [a], target_label: b}", "a=AbÄ",
                 "a=AbÄ b=abä");
    expect_rules("- {action: uppercase, source_labels: [a], target_label: a}", "a=abä", "a=ABÄ");
    expect_rules("- {action: uppercase, source_labels: [a], target_label: a}", "a=Straße",
                 "a=STRAßE");
    expect_rules("- {action: lowercase, source_labels: [a], target_label: a}", "a=İΣ", "a=iσ");
    /* The MD5 sums of "foo" and of nothing end in edef654fccc4a4d8 and e9800998ecf8427e. */
    expect_rules("- {action: hashmod, source_labels: [a], modulus: 1000, target_label: b}", "a=foo",
                 "a=foo b=696");
    expect_rules("- {action: hashmod, source_labels: [c], modulus: 18446744073709551615, "
                 "target_label: b}",
                 "a=1", "a=1 b=16825458760271544958");
}

static void
expect_error(const char *text, const char *says)
{
    g_autoptr(GError) error = NULL;
    assert_null(read_rules(text, &error));
    assert_error_says(error, says);
}

static void
test_errors_name_the_place(void **state)
{
    (void)state;
    expect_error("a: b\n", ":1: the rules must be a list");
    expect_error("- {}\n", ":1: action replace needs a target_label");
    expect_error("- {target_label: a}\n- {action: hashmod, target_label: b}\n",
                 ":2: action hashmod needs a modulus above 0");
    expect_error("- action: labeldrp\n", "there is no action 'labeldrp', did you mean labeldrop?");
    expect_error("- {action: labeldrop, regex: a, target_label: b}\n",
                 "action labeldrop takes no target_label");
    expect_error("- {action: keepequal, source_labels: [a], target_label: b, regex: x}\n",
                 "action keepequal takes no regex");
    expect_error("- {action: lowercase, source_labels: [a], target_label: b, replacement: x}\n",
                 "action lowercase takes no replacement");
    expect_error("- {action: keep, source_labels: a}\n", "source_labels must be a list");
    expect_error("- {target_label: a-b}\n", "target_label: 'a-b' is no name of a label");
    expect_error("- {target_label: 1a}\n", "target_label: '1a' is no name of a label");
    expect_error("- {action: hashmod, source_labels: [a], modulus: 2, target_label: '${1}'}\n",
                 "target_label: '${1}' is no name of a label for action hashmod");
    expect_error("- {action: labelmap, regex: a, replacement: b-c}\n",
                 "replacement: 'b-c' is no name of a label");
    expect_error("- {target_label: a, regex: '('}\n", "position 2: missing closing parenthesis");
    expect_error("- {target_label: a, regex: '(?=a)'}\n", "not part of RE2's syntax");
    expect_error("- {target_label: a, modulus: -1}\n", "modulus: '-1' is not");
    expect_error("- {target: a}\n", "a relabel rule has no field 'target'");
    g_autoptr(GString) text = g_string_new(NULL);
    for (unsigned i = 0; i <= RELABEL_RULES_MAX; i++)
        g_string_append(text, "- {target_label: a}\n");
    expect_error(text->str, ":65: at most 64 relabel rules are allowed");
}

static void
expect_refused(const char *rules_text, const LabelSet *from, const char *says)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(RelabelRules) rules = read_rules(rules_text, NULL);
    g_autoptr(LabelSet) set = label_set_new();
    for (size_t i = 0; i < label_set_size(from); i++) {
        const char *name, *value;
        label_set_at(from, i, &name, &value);
        label_set_set(set, name, value);
    }
    bool is_kept;
    assert_false(relabel_rules_apply(rules, set, &is_kept, &error));
    assert_true(g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_RESOURCE_EXHAUSTED));
    assert_error_says(error, says);
}

static void
test_what_rules_make_is_bounded(void **state)
{
    (void)state;
    g_autoptr(LabelSet) set = label_set_new();
    g_autofree char *value = g_strnfill(1000, 'a');
    label_set_set(set, "a", value);
    g_autoptr(GString) doubling = g_string_new(NULL);
    for (unsigned i = 0; i < 20; i++)
        g_string_append(doubling, "- {source_labels: [a], target_label: a, replacement: '$1$1'}\n");
    expect_refused(doubling->str, set, "relabel rule 7: it makes a label of more than 65536 bytes");
    expect_refused("- {source_labels: [a], target_label: b, regex: '(a|aa)+b|(.*)*(.*)*[x]'}", set,
                   "relabel rule 1: regular expression ");
    for (unsigned i = 0; i < 600; i++) {
        char name[16];
        g_snprintf(name, sizeof name, "l%u", i);
        label_set_set(set, name, "1");
    }
    expect_refused("- {action: labelmap, regex: 'l(.*)', replacement: 'm$1'}", set,
                   "it makes more than 1000 labels");
}

static int
setup(void **state)
{
    (void)state;
    dir = temp_dir_new();
    path = temp_dir_file(dir, "rules.yaml");
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    g_free(path);
    temp_dir_free(dir);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replace),
        cmocka_unit_test(test_keep_and_drop),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_errors_name_the_place),
        cmocka_unit_test(test_what_rules_make_is_bounded),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
