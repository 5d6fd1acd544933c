/* Findings as JSON: {"cluster", "clock", "findings": […], "unverified": […]}. */
#pragma once
#include "analyzers/checks/check.h"
#include "lib/base/jsonw.h"

/* Two runs over the same input are byte-identical. */
GBytes *report_json(const Findings *findings, const CheckOptions *options);
