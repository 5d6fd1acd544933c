/* Findings for a terminal. */
#pragma once
#include "analyzers/checks/check.h"

/* Lines for people; with colours when asked for. Free with g_string_free. */
GString *report_text(const Findings *findings, const CheckOptions *options, bool with_colour);
/* The same for a log: a line each, with since when it is. */
GString *report_lines(const Findings *findings);
