/* The series, row and sample sections of a block (see block_format.h). */
#pragma once
#include "server/store/block_file.h"
#include "server/store/block_order.h"
#include "server/store/wire.h"

void block_put_series(Wire *out, const HeadView *view, const BlockOrder *order);
void block_put_rows(Wire *out, const HeadView *view, const BlockOrder *order);
void block_put_row_ids(Wire *out, const HeadView *view, const BlockOrder *order);
/* DATA_LOSS when the spans of a row are broken. */
bool block_put_spans(Wire *out, const HeadView *view, const BlockOrder *order, GError **error);
/* Writes the samples to `file`, group by group, where a RAW section has been begun, and their
 * directory to `groups`. DATA_LOSS when the samples of a row are broken. */
bool block_put_samples(BlockFile *file, Wire *groups, const HeadView *view, const BlockOrder *order,
                       GError **error);
