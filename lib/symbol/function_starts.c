#include "lib/symbol/function_starts.h"

#include <string.h>

enum {
    VERSION = 1,
    ENCODED_PCREL_SDATA4 = 0x1b,   /* of the pointer to .eh_frame */
    ENCODED_UDATA4 = 0x03,         /* of the count */
    ENCODED_DATAREL_SDATA4 = 0x3b, /* of the table */
    HEADER_SIZE = 12,
    ENTRY_SIZE = 8,
    FUNCTION_SIZE_MAX = 1 << 20,
};

void
function_starts_init(FunctionStarts *ret_starts, Elf *elf)
{
    static const uint8_t form[4] = {VERSION, ENCODED_PCREL_SDATA4, ENCODED_UDATA4,
                                    ENCODED_DATAREL_SDATA4};
    *ret_starts = (FunctionStarts){0};
    size_t n_segments;
    if (elf_getphdrnum(elf, &n_segments) != 0)
        return;
    for (size_t i = 0; i < n_segments; i++) {
        GElf_Phdr segment;
        if (gelf_getphdr(elf, (int)i, &segment) == NULL || segment.p_type != PT_GNU_EH_FRAME)
            continue;
        Elf_Data *data =
            elf_getdata_rawchunk(elf, (int64_t)segment.p_offset, segment.p_filesz, ELF_T_BYTE);
        if (data == NULL || data->d_size < HEADER_SIZE || memcmp(data->d_buf, form, 4) != 0)
            return;
        uint32_t n;
        const uint8_t *bytes = data->d_buf;
        memcpy(&n, bytes + 8, sizeof(n));
        size_t most = (data->d_size - HEADER_SIZE) / ENTRY_SIZE;
        *ret_starts = (FunctionStarts){.table = bytes + HEADER_SIZE,
                                       .base = segment.p_vaddr,
                                       .n = n < most ? n : (uint32_t)most};
        return;
    }
}

static uint64_t
start_at(const FunctionStarts *starts, uint32_t i)
{
    int32_t offset;
    memcpy(&offset, starts->table + (size_t)i * ENTRY_SIZE, sizeof(offset));
    return starts->base + (uint64_t)(int64_t)offset;
}

bool
function_starts_find(const FunctionStarts *starts, uint64_t address, uint64_t *ret_start)
{
    uint32_t low = 0, high = starts->n;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (start_at(starts, middle) <= address)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0 || address - start_at(starts, low - 1) >= FUNCTION_SIZE_MAX)
        return false;
    *ret_start = start_at(starts, low - 1);
    return true;
}
