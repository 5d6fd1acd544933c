/* Trees for the tests of the encoders, as literals. */
#pragma once
#include "server/query/tree.h"

/* Stacks a;b = 3, a = 1, c = 2. Names: "", "a", "b", "c". */
static inline Tree
fixture_tree(void)
{
    static uint32_t name[] = {0, 1, 2, 3}, depth[] = {0, 1, 2, 1}, parent[] = {0, 0, 1, 0};
    static int64_t self[] = {0, 1, 3, 2}, total[] = {6, 4, 3, 2};
    static uint32_t offset[] = {0, 0, 1, 2, 3};
    static char bytes[] = "abc";
    return (Tree){4, 4, name, depth, parent, self, total, offset, bytes};
}

/* Children b = 1, z = 2 and the folded "other" = 4 behind them. */
static inline Tree
fixture_truncated_tree(void)
{
    static uint32_t name[] = {0, 1, 2, 3}, depth[] = {0, 1, 1, 1}, parent[] = {0, 0, 0, 0};
    static int64_t self[] = {0, 1, 2, 4}, total[] = {7, 1, 2, 4};
    static uint32_t offset[] = {0, 0, 1, 2, 7};
    static char bytes[] = "bzother";
    return (Tree){4, 4, name, depth, parent, self, total, offset, bytes};
}
