/* How bad a finding is: the words of the analyzer, in order. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* "info", "low", "medium", "high", "critical", NULL. */
extern const char *const finding_severities[];

/* False when the word is none of them. */
bool finding_severity_parse(const char *word, int64_t *ret_severity);
