/* A flame graph as binary columns, for our own web interface: media type
 * application/vnd.cresset.flamegraph.
 *
 * Little-endian. A header of 32 bytes: "CRFG", u32 version (1), u32 n_nodes, u32 n_names, u32
 * meta_bytes, u32 name_bytes, u64 reserved. Then sections in this order, each beginning at a
 * multiple of 8: meta (JSON), value f64[n_nodes] (totals), self f64[n_nodes], label u32[n_nodes]
 * (index of the name), level u32[n_nodes], name_offset u32[n_names + 1], name bytes. Nodes stand in
 * pre-order; node 0 is the root "total". */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "server/api/flame.h"

typedef struct {
    const char *unit, *profile_type;
    int64_t start_ms, end_ms;
    bool truncated; /* nodes were folded into "other" */
    bool partial;   /* a block could not be read */
} ColumnsMeta;

GBytes *columns_encode(const FlameLayout *layout, const ColumnsMeta *meta);
