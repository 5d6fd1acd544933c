/* cresset-analyzer scan: one look at a cluster. */
#pragma once
#include "analyzers/look.h"

typedef struct {
    LookOptions look;
    bool llm_dry_run;
    char *ns, *output, *fail_on, *colour;
} ScanOptions;

extern const OptionTable scan_option_table;

/* EXIT_NOTHING, EXIT_FINDINGS when one is at or above --fail-on, EXIT_NOT_RUN. */
int scan_run(const void *options, const char *argument);
