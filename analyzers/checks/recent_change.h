/* What was changed shortly before trouble began. */
#pragma once
#include "analyzers/checks/check.h"

/* Says of a finding whose beginning is known what was changed within half an hour before: the
 * roll-out of its workload (in what it differs from the one before; of the environment only names,
 * of ConfigMaps and Secrets only that), the ConfigMaps and Secrets that its pods read, its object
 * itself, and the nodes of its pods. */
void recent_changes_explain(const CheckRun *run, Finding *finding);
