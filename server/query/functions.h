/* The functions of a tree: what each name took itself and with everything below it. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "server/query/diff.h"
#include "server/query/tree.h"

/* Per name of the tree. A total counts each stack once, however often the name is in it. */
typedef struct {
    uint32_t n;
    int64_t *self, *total;
} Functions;

Functions *functions_new(const Tree *tree);
void functions_free(Functions *functions);

/* Those of a diff's left side, or of its right. */
Functions *functions_new_side(const TreeDiff *diff, bool right);
/* Per name the larger values of two lists of the same tree's names. */
Functions *functions_larger(const Functions *a, const Functions *b);

/* The names that have a value, ordered by total (or self), largest first, ties by name; `limit` 0
 * keeps all. Free with g_array_unref: uint32_t. */
GArray *functions_rank(const Functions *functions, const Tree *tree, bool by_self, size_t limit);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Functions, functions_free)
