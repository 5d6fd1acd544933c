/* Flame graphs on the wire, written straight from a tree into one buffer.
 *
 * A node takes four integers on its level: x as the distance from the end of the node before it on
 * the same level, total, self and name. Level 0 is the virtual root, called "total". The first
 * child of a node starts at the node's x plus its self value, the others follow back to back. In a
 * flame graph of two sides it takes seven: x, total and self of the left, then of the right, and
 * the name. */
#pragma once
#include <glib.h>
#include <stdint.h>

#include "lib/base/jsonw.h"
#include "server/query/diff.h"
#include "server/query/tree.h"

/* A tree with what every encoding needs. */
typedef struct {
    const Tree *tree;     /* of two sides: the left */
    const TreeDiff *diff; /* NULL: one side */
    uint32_t n_names;
    uint32_t *name_index; /* per node: index among the names that are written */
    uint32_t *name_ids;   /* n_names: the tree's name behind an index; [0] is the root's */
    int64_t total;        /* of both sides */
} FlameLayout;

/* Borrows `tree`, or stands for the empty flame graph when it is NULL. */
void flame_layout_init(FlameLayout *layout, const Tree *tree);
/* Borrows `diff`, or stands for the empty one when it is NULL. */
void flame_layout_init_diff(FlameLayout *layout, const TreeDiff *diff);
void flame_layout_clear(FlameLayout *layout);

/* The text of name `index`; not NUL-terminated. */
const char *flame_layout_name(const FlameLayout *layout, uint32_t index, uint32_t *ret_length);

typedef enum {
    FLAME_PROTOJSON,   /* {"names":…,"levels":[{"values":["0",…]}],"total":"6","maxSelf":"3"} */
    FLAME_FLAMEBEARER, /* {"names":…,"levels":[[0,…]],"numTicks":6,"maxSelf":3} */
} FlameJson;

/* Makes the room for all of it at once: there is no second copy, also not while it is written. */
void flame_write_json(const FlameLayout *layout, FlameJson form, JsonWriter *json);

/* The querier.v1.FlameGraph message (of two sides FlameGraphDiff) as field `field` of the message
 * around it. */
GBytes *flame_encode_proto(const FlameLayout *layout, uint32_t field);

/* The tree format of Pyroscope: pre-order, the last child first; per node name, self value and
 * number of children as varints. NULL (no data) is no bytes. */
GBytes *flame_encode_tree(const Tree *tree);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(FlameLayout, flame_layout_clear)
