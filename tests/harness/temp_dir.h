/* A directory of a test's own, removed with everything in it. */
#pragma once
#include <glib.h>

typedef struct TempDir TempDir;

/* Below TMPDIR, or /tmp. */
TempDir *temp_dir_new(void);
/* Kept, and its path printed, when CRESSET_TEST_KEEP is set. NULL is allowed. */
void temp_dir_free(TempDir *dir);

const char *temp_dir_path(const TempDir *dir);
/* The path of `name` inside; the caller frees. */
char *temp_dir_file(const TempDir *dir, const char *name);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(TempDir, temp_dir_free)
