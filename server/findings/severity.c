#include "server/findings/severity.h"

#include <string.h>

#include "server/store/finding.h"

const char *const finding_severities[] = {"info", "low", "medium", "high", "critical", NULL};
G_STATIC_ASSERT(G_N_ELEMENTS(finding_severities) == FINDING_SEVERITIES + 1);

bool
finding_severity_parse(const char *word, int64_t *ret_severity)
{
    for (int64_t i = 0; finding_severities[i] != NULL; i++) {
        if (strcmp(finding_severities[i], word) == 0) {
            *ret_severity = i;
            return true;
        }
    }
    return false;
}
