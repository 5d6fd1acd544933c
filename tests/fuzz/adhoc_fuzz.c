/* Files of any format that somebody uploads: what is accepted is a sound tree that can be written.
 */
#include <stdint.h>
#include <stdlib.h>

#include "server/api/adhoc_profile.h"
#include "server/api/flame.h"
#include "server/api/render.h"

enum { FILE_BYTES_MAX = 1024 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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
    return 0;
}
