/* Every symbol that was read must be found again, whatever the text looks like. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/symbol/kernel_symbols.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(KernelSymbols) symbols = kernel_symbols_new_text((const char *)data, size, NULL);
    if (symbols == NULL)
        return 0;
    const char *name, *module;
    for (size_t i = 0; i + sizeof(uint64_t) <= size; i += 16) {
        uint64_t address;
        memcpy(&address, data + i, sizeof(address));
        if (kernel_symbols_find(symbols, address, &name, &module))
            g_assert(name[0] != '\0' && strlen(module) < size);
        if (kernel_symbols_find(symbols, 0xffffffff81000000 + i, &name, &module))
            g_assert(name[0] != '\0' && strlen(module) < size);
    }
    return 0;
}
