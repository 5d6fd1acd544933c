/* A verb of cresset-analyzer. */
#pragma once
#include "lib/base/option.h"

enum { EXIT_NOTHING = 0, EXIT_FINDINGS = 1, EXIT_NOT_RUN = 2 };

typedef struct {
    const char *name, *help;
    const char *argument; /* what it takes before its options, or NULL */
    const OptionTable *options;
    size_t options_size;
    /* Returns the exit status. `argument` is NULL for a verb that takes none. */
    int (*run)(const void *options, const char *argument);
} Verb;
