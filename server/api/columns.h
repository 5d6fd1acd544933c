/* A flame graph as binary columns, for our own web interface: media type
 * application/vnd.cresset.flamegraph.
 *
 * Little-endian. A header of 32 bytes: "CRFG", u32 version (1), u32 n_nodes, u32 n_names, u32
 * meta_bytes, u32 name_bytes, u32 sides (2 for a diff, else 1), u32 reserved. Then sections in this
 * order, each beginning at a multiple of 8: meta (JSON), value f64[n_nodes] (totals), self
 * f64[n_nodes], label u32[n_nodes] (index of the name), level u32[n_nodes], name_offset u32[n_names
 * + 1], name bytes; of a diff, whose columns so far are the left side's, right value f64[n_nodes]
 * and right self f64[n_nodes]. Nodes stand in pre-order; node 0 is the root "total". */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "server/api/flame.h"

typedef struct {
    const char *unit, *profile_type;
    int64_t start_ms, end_ms, right_start_ms, right_end_ms; /* the latter of a diff only */
    bool truncated;                                         /* nodes were folded into "other" */
    bool partial;                                           /* a block could not be read */
} ColumnsMeta;

GBytes *columns_encode(const FlameLayout *layout, const ColumnsMeta *meta);
