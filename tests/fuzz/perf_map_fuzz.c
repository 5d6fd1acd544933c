/* Maps of JIT code are written by anybody: any text must be read in bounds. */
#include <stddef.h>
#include <stdint.h>

#include "lib/symbol/perf_map.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint64_t addresses[] = {0, 1, 0x1000, 0x1001, 0x7f0000000000, UINT64_MAX};
    char *names[G_N_ELEMENTS(addresses)] = {NULL};
    perf_map_find_text((const char *)data, size, addresses, G_N_ELEMENTS(addresses), names);
    for (size_t i = 0; i < G_N_ELEMENTS(addresses); i++)
        g_free(names[i]);
    return 0;
}
