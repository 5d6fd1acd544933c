/* Reports of findings that anybody sends: what is read is within the limits, and taking it twice
 * changes nothing the second time. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "server/findings/diff.h"

static const FindingReportLimits LIMITS = {.findings_max = 8, .text_max = 256};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
free_finding(void *finding)
{
    finding_free(finding);
}

static void
free_transition(void *transition)
{
    finding_transition_free(transition);
}

static FindingDiff
diff(const FindingReport *report, GHashTable *known)
{
    g_autoptr(GPtrArray) put = g_ptr_array_new_with_free_func(free_finding);
    g_autoptr(GPtrArray) transitions = g_ptr_array_new_with_free_func(free_transition);
    FindingChange change = {.known = known, .put = put, .transitions = transitions};
    FindingDiff made;
    finding_diff(report, &change, &made);
    for (guint i = 0; i < put->len; i++) {
        Finding *finding = finding_copy(put->pdata[i]);
        g_hash_table_replace(known, finding->fingerprint, finding);
    }
    return made;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(FindingReport) report =
        finding_report_decode((const char *)data, size, &LIMITS, &error);
    if ((report == NULL) != (error != NULL))
        abort();
    if (report == NULL)
        return 0;
    if (report->findings->len > (guint)LIMITS.findings_max || report->clock_ns <= 0 ||
        strlen(report->cluster) > FINDING_NAME_MAX)
        abort();
    g_autoptr(GHashTable) known =
        g_hash_table_new_full(g_str_hash, g_str_equal, NULL, free_finding);
    FindingDiff first = diff(report, known), second = diff(report, known);
    if (first.n[FINDING_OPENED] != report->findings->len)
        abort();
    for (size_t i = 0; i < FINDING_TRANSITION_TYPES; i++) {
        if (second.n[i] != 0)
            abort();
    }
    return 0;
}
