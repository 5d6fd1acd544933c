/* Findings as a JUnit report, as CI systems read it: a case for each finding, failed when it is at
 * or above a severity, and one that passes when there is none. */
#pragma once
#include "analyzers/checks/check.h"

GBytes *report_junit(const Findings *findings, const CheckOptions *options, Severity fail_on);
