/* What lines of logs mean, by rules of a file; docs/evidence.md has its form. */
#pragma once
#include <glib.h>

#include "lib/base/regex.h"

enum { LOG_RULES_MAX = 1000 };

typedef struct {
    char *name;  /* "license" */
    char *match; /* the pattern as it was written */
    char *means; /* "its license is over" */
    char *fix;   /* what to do first; NULL: it does not say */
    Regex *regex;
} LogRule;

typedef struct {
    GPtrArray *rules; /* LogRule, in the order of the file */
} LogRules;

/* Errors begin with "path:line: ", or are those of reading the file. */
LogRules *log_rules_load(const char *path, GError **error);
void log_rules_free(LogRules *rules);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LogRules, log_rules_free)
