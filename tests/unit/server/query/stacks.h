/* Trees from text, for the tests of what works on trees. */
#pragma once
#include <string.h>

#include "server/query/tree.h"

/* A tree of "a;b=3 c=2"; NULL is no tree. */
static inline Tree *
tree_of_stacks(const char *stacks)
{
    if (stacks == NULL)
        return NULL;
    g_autoptr(TreeBuilder) builder = tree_builder_new();
    g_auto(GStrv) parts = g_strsplit(stacks, " ", -1);
    for (size_t i = 0; parts[i] != NULL && *parts[i] != '\0'; i++) {
        char *equals = strrchr(parts[i], '=');
        *equals = '\0';
        g_auto(GStrv) frames = g_strsplit(parts[i], ";", -1);
        uint32_t node = 0;
        for (size_t k = 0; frames[k] != NULL; k++)
            node = tree_builder_child(builder, node, frames[k], strlen(frames[k]));
        tree_builder_add(builder, node, g_ascii_strtoll(equals + 1, NULL, 10));
    }
    return tree_builder_finish(builder);
}
