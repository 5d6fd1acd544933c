/* Relabel rules as YAML, applied to a few labels: any text. */
#include <glib/gstdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/relabel/relabel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static LabelSet *
make_labels(void)
{
    LabelSet *set = label_set_new();
    label_set_set(set, "__name__", "process_cpu");
    label_set_set(set, "service_name", "\xc3\xa4 checkout");
    label_set_set(set, "pod", "aaaaaaaaaaaaaaaaaaaaaaaa");
    return set;
}

static void
check_labels(const LabelSet *set)
{
    for (size_t i = 0; i < label_set_size(set); i++) {
        const char *name, *value;
        label_set_at(set, i, &name, &value);
        if (*name == '\0' || *value == '\0' || label_set_get(set, name) != value)
            abort();
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = g_strdup_printf("%s/relabel_fuzz.%d", g_get_tmp_dir(), (int)getpid());
    if (!g_file_set_contents_full(path, (const char *)data, (gssize)size, G_FILE_SET_CONTENTS_NONE,
                                  0600, NULL))
        abort();
    g_autoptr(YamlTree) tree = yaml_tree_load(path, &error);
    g_unlink(path);
    if (tree == NULL)
        return 0;
    g_autoptr(RelabelRules) rules =
        relabel_rules_read(tree, yaml_tree_root(tree), "relabel_rules", &error);
    if ((rules == NULL) != (error != NULL))
        abort();
    g_autoptr(LabelSet) set = make_labels();
    bool is_kept = false;
    if (rules != NULL && relabel_rules_apply(rules, set, &is_kept, NULL))
        check_labels(set);
    return 0;
}
