/* Files of speedscope. */
#include "server/ingest/format/speedscope.h"
#include "tests/fuzz/format_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(ProfileSet) set = profile_set_new();
    g_autoptr(GError) error = NULL;
    g_autofree uint8_t *text = g_memdup2(data, size);
    if (speedscope_read(text, size, &FORMAT_SOURCE, set, &error) != (error == NULL))
        abort();
    format_check(set);
    return 0;
}
