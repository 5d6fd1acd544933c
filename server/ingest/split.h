/* Splits a decoded profile into series rows: one per sample type and per distinct set of string
 * sample labels. Samples with a negative value or without any value are dropped, numeric labels
 * ignored. */
#pragma once
#include "server/ingest/prepare.h"

/* Fills prepared->rows from prepared->profile; `labels` are the series' own (Label), which win over
 * sample labels. */
IngestReason split_profile(PrepareContext *context, const GArray *labels, PreparedProfile *prepared,
                           GError **error);
