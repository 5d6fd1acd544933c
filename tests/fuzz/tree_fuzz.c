/* Binary trees and tries of stacks; the first byte says which. */
#include "server/ingest/format/tree.h"
#include "tests/fuzz/format_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    g_autoptr(ProfileSet) set = profile_set_new();
    g_autoptr(GError) error = NULL;
    g_autofree uint8_t *copy = g_memdup2(data + 1, size - 1);
    bool ok = data[0] % 2 == 0 ? tree_read(copy, size - 1, &FORMAT_SOURCE, set, &error)
                               : trie_read(copy, size - 1, &FORMAT_SOURCE, set, &error);
    if (ok != (error == NULL))
        abort();
    format_check(set);
    return 0;
}
