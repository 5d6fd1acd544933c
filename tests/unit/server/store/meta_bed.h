/* A metastore of a test's own. */
#pragma once
#include "server/store/meta.h"
#include "tests/harness/temp_dir.h"

typedef struct {
    TempDir *dir;
    char *path;
    Meta *meta;
} MetaBed;

/* Set-up and tear-down of cmocka; *state is the MetaBed. */
int meta_bed_set_up(void **state);
int meta_bed_tear_down(void **state);
