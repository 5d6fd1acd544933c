/* The annotations of a dataset's rows: moved to other positions, and as a section of a block.
 *
 * Layout of the section: v number of annotations, each a label set of one pair; v number of rows'
 * annotations; columns v row step, v annotation. "v" is LEB128. */
#pragma once
#include <stdbool.h>

#include "server/store/store.h"
#include "server/store/wire.h"

/* The rows' annotations where row i has become row `moved`[i], sorted again; free with g_free. NULL
 * for none of them. */
StoreRowAnnotation *
row_annotations_move(const StoreAnnotations *annotations, const uint32_t *moved);

void row_annotations_put(Wire *out, const StoreAnnotations *annotations);
/* Fills `ret_annotations`, to be cleared with row_annotations_clear, also on failure: false when
 * the bytes are not valid for a dataset of `n_rows`. */
bool row_annotations_get(Scan *scan, uint32_t n_rows, StoreAnnotations *ret_annotations);
/* Frees what row_annotations_get has filled, or nothing. */
void row_annotations_clear(StoreAnnotations *annotations);

/* An annotation as the log and blocks have it: a set of one pair. NULL when it is broken. */
Labels *row_annotation_scan(Scan *scan);
