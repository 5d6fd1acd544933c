/* The labels of one row: those of its series, the rules that change them, and those that say what
 * the values are. */
#pragma once
#include <glib.h>
#include <stdbool.h>

#include "server/ingest/prepare.h"
#include "server/ingest/reason.h"
#include "server/store/labels.h"

/* What a row's values are. */
typedef struct {
    const char *type, *unit, *period_type, *period_unit; /* never NULL */
    bool is_stripped; /* totals that sampling has left: the row says so by LABEL_SAMPLED */
} RowType;

/* Sets *ret_labels from `labels` (Label: of the series and its samples), in this order:
 * - rules of the tenant for sample types may change __type__ and __unit__, or drop the row;
 * - default rules: the prefix "godeltaprof_" of __name__ is cut, and the name "wall" of the type
 *   "cpu" becomes "process_cpu"; the old name is kept as __name_replaced__;
 * - rules of the tenant for series, which see __type__, __unit__ and so on as well.
 * The default rules may come last, or not at all. Of the context the limits, the rules and the
 * arena are used. REASON_RELABEL, without an error, is a row that a rule drops. Any other reason
 * has its error: of labels that the rules made and that may not be, or of rules that take too long.
 */
IngestReason row_labels_make(const PrepareContext *context, const GArray *labels,
                             const RowType *type, Labels **ret_labels, GError **error);
