#include "server/api/flame.h"

#include <string.h>

#define NO_INDEX UINT32_MAX

static const char root_name[] = "total";

/* Numbers the names in use, the root's first. */
static void
layout_names(FlameLayout *layout)
{
    const Tree *tree = layout->tree;
    g_autofree uint32_t *index_of = g_new(uint32_t, tree->n_names);
    memset(index_of, 0xff, tree->n_names * sizeof(uint32_t));
    layout->name_index = g_new0(uint32_t, tree->n_nodes);
    layout->name_ids = g_new0(uint32_t, (size_t)tree->n_names + 1);
    layout->n_names = 1;
    for (uint32_t i = 1; i < tree->n_nodes; i++) {
        uint32_t name = tree->name[i];
        if (index_of[name] == NO_INDEX) {
            index_of[name] = layout->n_names;
            layout->name_ids[layout->n_names++] = name;
        }
        layout->name_index[i] = index_of[name];
    }
}

/* What a query without data gives: the root alone. */
static const Tree *
empty_tree(void)
{
    static uint32_t zero[2];
    static int64_t zero_value[1];
    static char no_bytes[1];
    static const Tree tree = {
        .n_nodes = 1,
        .n_names = 1,
        .name = zero,
        .depth = zero,
        .parent = zero,
        .self = zero_value,
        .total = zero_value,
        .name_offset = zero,
        .name_bytes = no_bytes,
    };
    return &tree;
}

static void
lay_out(FlameLayout *layout, const Tree *tree, const TreeDiff *diff)
{
    *layout = (FlameLayout){.tree = tree, .diff = diff};
    layout->total = tree->total[0] + (diff != NULL ? diff->right_total[0] : 0);
    layout_names(layout);
}

void
flame_layout_init(FlameLayout *layout, const Tree *tree)
{
    lay_out(layout, tree != NULL && tree->n_nodes > 0 ? tree : empty_tree(), NULL);
}

void
flame_layout_init_diff(FlameLayout *layout, const TreeDiff *diff)
{
    static int64_t zero[1];
    static TreeDiff empty = {.right_self = zero, .right_total = zero};
    if (diff == NULL) {
        lay_out(layout, empty_tree(), &empty);
        return;
    }
    lay_out(layout, diff->tree, diff);
}

void
flame_layout_clear(FlameLayout *layout)
{
    g_free(layout->name_index);
    g_free(layout->name_ids);
    *layout = (FlameLayout){0};
}

const char *
flame_layout_name(const FlameLayout *layout, uint32_t index, uint32_t *ret_length)
{
    if (index == 0) {
        *ret_length = sizeof(root_name) - 1;
        return root_name;
    }
    const uint32_t *offset = layout->tree->name_offset + layout->name_ids[index];
    *ret_length = offset[1] - offset[0];
    return layout->tree->name_bytes + offset[0];
}
