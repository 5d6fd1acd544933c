/* Relabel rules from the command line, for tests: relabel_tool FILE reads the rules of the file,
 * then a set of labels from each line of its input, and prints what becomes of it: "dropped", or
 * the labels. A line is name TAB value TAB name …, each with the escapes of g_strcompress. The exit
 * status is 2 when the rules are refused, with the reason on standard error. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/relabel/relabel.h"

enum { EXIT_REFUSED = 2 };

static LabelSet *
read_set(const char *line)
{
    LabelSet *set = label_set_new();
    g_auto(GStrv) fields = g_strsplit(line, "\t", -1);
    for (size_t i = 0; fields[i] != NULL && fields[i + 1] != NULL; i += 2) {
        g_autofree char *name = g_strcompress(fields[i]), *value = g_strcompress(fields[i + 1]);
        label_set_set(set, name, value);
    }
    return set;
}

static void
print_set(const LabelSet *set)
{
    for (size_t i = 0; i < label_set_size(set); i++) {
        const char *name, *value;
        label_set_at(set, i, &name, &value);
        g_autofree char *safe_name = g_strescape(name, NULL);
        g_autofree char *safe_value = g_strescape(value, NULL);
        (void)printf("%s%s\t%s", i > 0 ? "\t" : "", safe_name, safe_value);
    }
    (void)printf("\n");
}

static bool
apply(const RelabelRules *rules, const char *line)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LabelSet) set = read_set(line);
    bool is_kept;
    if (!relabel_rules_apply(rules, set, &is_kept, &error)) {
        (void)fprintf(stderr, "%s\n", error->message);
        return false;
    }
    if (is_kept)
        print_set(set);
    else
        (void)printf("dropped\n");
    return true;
}

int
main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    if (argc != 2)
        return EXIT_FAILURE;
    g_autoptr(YamlTree) tree = yaml_tree_load(argv[1], &error);
    g_autoptr(RelabelRules) rules = NULL;
    if (tree != NULL)
        rules = relabel_rules_read(tree, yaml_tree_root(tree), "the rules", &error);
    if (rules == NULL) {
        (void)fprintf(stderr, "%s\n", error->message);
        return EXIT_REFUSED;
    }
    char *line = NULL;
    size_t size = 0;
    bool went_well = true;
    while (went_well && getline(&line, &size, stdin) > 0)
        went_well = apply(rules, g_strchomp(line));
    free(line);
    return went_well ? EXIT_SUCCESS : EXIT_FAILURE;
}
