#include "tests/unit/server/store/meta_bed.h"

#include "tests/harness/check.h"

int
meta_bed_set_up(void **state)
{
    MetaBed *bed = g_new0(MetaBed, 1);
    bool is_new;
    bed->dir = temp_dir_new();
    bed->path = temp_dir_file(bed->dir, "meta.sqlite");
    bed->meta = meta_open(bed->path, &is_new, NULL);
    assert_non_null(bed->meta);
    assert_true(is_new);
    *state = bed;
    return 0;
}

int
meta_bed_tear_down(void **state)
{
    MetaBed *bed = *state;
    meta_close(bed->meta);
    temp_dir_free(bed->dir);
    g_free(bed->path);
    g_free(bed);
    return 0;
}
