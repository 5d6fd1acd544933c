/* --help and --help-markdown, written from the option table. */
#pragma once
#include "lib/base/option.h"

/* "CRESSET_DATA_DIR" for "data-dir"; the caller frees. */
char *option_env_name(const char *name);
/* A table for a terminal of 100 columns. */
char *option_help_text(const OptionTable *table);
/* The page of docs/reference. */
char *option_help_markdown(const OptionTable *table);
