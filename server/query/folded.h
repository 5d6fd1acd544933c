/* The stacks of a tree in the text formats of other tools.
 *
 * Each fails with RESOURCE_EXHAUSTED when the text grows over FOLDED_BYTES_MAX: a line repeats its
 * whole path. */
#pragma once
#include <glib.h>

#include "lib/base/jsonw.h"
#include "server/query/tree.h"

enum { FOLDED_BYTES_MAX = 256 * 1024 * 1024 };

/* "root;frame;leaf value" per line (https://github.com/brendangregg/FlameGraph). A ';' within a
 * name becomes ':', and white space other than blanks a blank. */
GString *tree_collapsed(const Tree *tree, GError **error);

/* The output of perf script with periods: one sample per stack, the leaf first. Frames have no
 * address. `event` names the values. */
GString *tree_perf_script(const Tree *tree, const char *event, GError **error);

/* One evented profile of https://www.speedscope.app/file-format-schema.json. `unit` is one of its
 * units. */
void tree_write_speedscope(const Tree *tree, const char *name, const char *unit, JsonWriter *json);
/* Its unit for a unit of pprof. */
const char *speedscope_unit(const char *unit);
