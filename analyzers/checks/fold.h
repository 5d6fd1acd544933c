/* Folds consequences into their causes. */
#pragma once
#include "analyzers/checks/check.h"

/* Sets `root` and `explains` of every finding. */
void fold_findings(Findings *findings, const Relations *relations);
