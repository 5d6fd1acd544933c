/* Findings as SARIF 2.1.0 (docs.oasis-open.org/sarif/sarif/v2.1.0), for code scanning pages. */
#pragma once
#include "analyzers/checks/check.h"

GBytes *report_sarif(const Findings *findings, const CheckOptions *options);
