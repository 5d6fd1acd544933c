/* Objects whose absence is the cause of a finding. */
#pragma once
#include "analyzers/checks/finding.h"

/* Looks up once more what findings of high severity and worse miss, the worst first: lists of a
 * cluster are not of one moment. A finding goes when its object is there; it also goes, and is said
 * to be unverified, when that cannot be told. */
void confirm_absences(Findings *findings, const Snapshot *snapshot);
