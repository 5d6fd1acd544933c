/* Where the nodes of a flame graph lie, told while they are gone through in pre-order: every level
 * is then written from its start to its end. Private to the files flame*.c. */
#pragma once
#include <glib.h>
#include <stdint.h>

/* Of each side of a node: x, total, self. */
enum { FLAME_SIDE_VALUES = 3 };

/* Of one side on one level, while the nodes are gone through. */
typedef struct {
    int64_t child_x; /* where the next child of the last node begins */
    int64_t end;     /* where the last node ended */
} FlameCursor;

/* Writes x, total and self of a node; its parent's cursor stands before its own. */
static inline void
flame_place(FlameCursor *own, uint32_t depth, int64_t self, int64_t total, int64_t *self_max,
            int64_t *values)
{
    int64_t x = 0;
    if (depth > 0) {
        x = own[-1].child_x;
        own[-1].child_x += total;
        *self_max = MAX(*self_max, self);
    }
    values[0] = x - own->end;
    values[1] = total;
    values[2] = depth > 0 ? self : 0;
    own->child_x = x + (depth > 0 ? self : 0);
    own->end = x + total;
}
