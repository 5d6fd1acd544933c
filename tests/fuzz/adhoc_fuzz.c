/* Files of any format that somebody uploads: what is accepted is a sound tree that can be written
 * in every form that the API has. */
#include <stdint.h>
#include <stdlib.h>

#include "server/api/adhoc_profile.h"
#include "server/api/columns.h"
#include "server/api/flame.h"
#include "server/api/render.h"
#include "server/query/dot.h"
#include "server/query/folded.h"

enum { FILE_BYTES_MAX = 1024 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
write_binary(const FlameLayout *layout, const AdhocProfile *profile)
{
    const ColumnsMeta meta = {.unit = profile->unit, .profile_type = profile->type};
    g_autoptr(GBytes) columns = columns_encode(layout, &meta);
    g_autoptr(GBytes) message = flame_encode_proto(layout, 1);
    g_autoptr(GBytes) tree = flame_encode_tree(profile->tree);
    if (g_bytes_get_size(columns) == 0 || g_bytes_get_size(message) == 0 || tree == NULL)
        abort();
}

static void
write_texts(const AdhocProfile *profile)
{
    g_autoptr(Tree) small = tree_truncate(profile->tree, DOT_MERGE_NODES);
    g_autoptr(GString) dot = tree_dot(small, profile->type, profile->unit, DOT_DRAW_NODES);
    if (!g_utf8_validate(dot->str, (gssize)dot->len, NULL))
        abort();
    g_autoptr(GString) collapsed = tree_collapsed(small, NULL);
    g_autoptr(GString) script = tree_perf_script(small, profile->type, NULL);
    if (collapsed == NULL || script == NULL)
        abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_auto(AdhocProfile) profile = {0};
    g_autoptr(GError) error = NULL;
    bool is_ok = adhoc_profile_read(data, size, FILE_BYTES_MAX, NULL, &profile, &error);
    if (is_ok != (error == NULL) || (is_ok && profile.types[0] == NULL))
        abort();
    if (!is_ok)
        return 0;
    g_auto(FlameLayout) layout = {0};
    flame_layout_init(&layout, profile.tree);
    g_autoptr(GBytes) document = render_document(&layout, profile.type, profile.unit);
    if (g_bytes_get_size(document) == 0)
        abort();
    write_binary(&layout, &profile);
    write_texts(&profile);
    return 0;
}
