/* Names of symbols, which are a stranger's: any of them becomes readable or stays as it is. */
#include <stdint.h>
#include <stdlib.h>

#include "lib/symbol/demangle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *name = g_strndup((const char *)data, size);
    GString *scratch = g_string_new(NULL);
    const char *readable = demangle_name(name, scratch);
    if (readable != name && (readable != scratch->str || scratch->len > DEMANGLE_OUTPUT_MAX))
        abort();
    g_string_free(scratch, TRUE);
    return 0;
}
