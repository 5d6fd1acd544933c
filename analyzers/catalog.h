/* cresset-analyzer checks and explain: what is looked for. */
#pragma once
#include "analyzers/verb.h"

typedef struct {
    char *write;
} CatalogOptions;

extern const OptionTable catalog_option_table, explain_option_table;

/* Lists every check, or writes a page about each. */
int catalog_run(const void *options, const char *argument);
/* Explains the check of that id. */
int explain_run(const void *options, const char *argument);
