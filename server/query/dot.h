/* The call graph of a tree in the DOT language (https://graphviz.org/doc/info/lang.html): a node
 * per function, an edge per pair of caller and callee. */
#pragma once
#include <glib.h>

#include "server/query/tree.h"

/* How many nodes are merged before the graph is made, and drawn, unless a request says otherwise.
 */
enum { DOT_MERGE_NODES = 512, DOT_DRAW_NODES = 100 };

/* Draws the `max_functions` functions with the largest totals; calls through others are dashed.
 * `title` and `unit` are valid UTF-8. Empty for a tree without values. */
GString *tree_dot(const Tree *tree, const char *title, const char *unit, size_t max_functions);

/* A value for people: "1.5 s", "12.3 MiB", "42". Free with g_free. */
char *value_text(int64_t value, const char *unit);
