/* Debug files that clients upload: whatever opens gives names and lines for any address. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/symbol/symbol_file.h"

enum { ADDRESSES_END = 0x1000, ADDRESS_STEP = 0x10 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
find(SymbolFile *file, uint64_t address)
{
    SymbolLine lines[SYMBOL_LINES_MAX];
    size_t n = symbol_file_find(file, address, lines), length = 0;
    if (n > SYMBOL_LINES_MAX)
        abort();
    for (size_t i = 0; i < n; i++)
        length += strlen(lines[i].name) + strlen(lines[i].file != NULL ? lines[i].file : "");
    volatile size_t keep = length;
    (void)keep;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* Aligned as a mapped file is. */
    g_autofree uint8_t *image = g_memdup2(data, size);
    const SymbolFileOptions options = {
        .fd = -1, .image = image, .image_size = size, .path = "/none/such", .root_fd = -1};
    g_autoptr(SymbolFile) file = symbol_file_new(&options, NULL);
    if (file == NULL)
        return 0;
    for (uint64_t address = 0; address < ADDRESSES_END; address += ADDRESS_STEP)
        find(file, address);
    find(file, UINT64_MAX);
    return 0;
}
