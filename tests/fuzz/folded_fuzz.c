/* Folded stacks; the first byte says whether they are counted. */
#include "server/ingest/format/folded.h"
#include "tests/fuzz/format_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    g_autoptr(ProfileSet) set = profile_set_new();
    g_autoptr(GError) error = NULL;
    g_autofree uint8_t *text = g_memdup2(data + 1, size - 1);
    if (folded_read(text, size - 1, data[0] % 2 == 0, &FORMAT_SOURCE, set, &error) !=
        (error == NULL))
        abort();
    format_check(set);
    return 0;
}
