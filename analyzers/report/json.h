/* Findings as JSON: {"cluster", "clock", "findings": […], "unverified": […]}. */
#pragma once
#include "analyzers/checks/check.h"
#include "lib/base/jsonw.h"

/* Two runs over the same input are byte-identical. */
GBytes *report_json(const Findings *findings, const CheckOptions *options);
/* "2026-11-27T18:00:00Z"; free with g_free. */
char *report_time(int64_t seconds);
