#include "tests/harness/temp_dir.h"

#include <ftw.h>
#include <stdio.h>

struct TempDir {
    char *path;
};

TempDir *
temp_dir_new(void)
{
    g_autoptr(GError) error = NULL;
    TempDir *dir = g_new0(TempDir, 1);
    dir->path = g_dir_make_tmp("cresset-test-XXXXXX", &error);
    if (dir->path == NULL)
        g_error("%s", error->message);
    return dir;
}

static int
remove_entry(const char *path, const struct stat *stat, int kind, struct FTW *place)
{
    (void)stat;
    (void)kind;
    (void)place;
    (void)remove(path);
    return 0;
}

void
temp_dir_free(TempDir *dir)
{
    if (dir == NULL)
        return;
    if (g_getenv("CRESSET_TEST_KEEP") != NULL)
        g_printerr("kept: %s\n", dir->path);
    else
        (void)nftw(dir->path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    g_free(dir->path);
    g_free(dir);
}

const char *
temp_dir_path(const TempDir *dir)
{
    return dir->path;
}

char *
temp_dir_file(const TempDir *dir, const char *name)
{
    return g_build_filename(dir->path, name, NULL);
}
