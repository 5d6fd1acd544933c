#include "agent/unwind/remote_image.h"

#include <dwarf.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define BLOCK_BYTES 1024
/* One frame touches a handful: the search table, an FDE, its CIE. */
#define BLOCKS 16

struct RemoteImage {
    uint64_t id;
    int fd;       /* our own duplicate; -1: the vDSO, or unreadable */
    ElfFile *elf; /* NULL: unreadable */
    bool has_search_table, has_tried_table;
    RemoteSearchTable search_table;
    UnwindTable *table;
    struct {
        uint64_t offset; /* ~0: free */
        size_t size;
        uint8_t data[BLOCK_BYTES];
    } blocks[BLOCKS];
};

static void
find_search_table(RemoteImage *image)
{
    const ElfSegment *segment = elf_file_find_segment_type(image->elf, PT_GNU_EH_FRAME);
    uint8_t header[12];
    if (segment == NULL || segment->file_size < sizeof(header) ||
        !elf_file_read(image->elf, segment->offset, header, sizeof(header), NULL))
        return;
    if (header[0] != 1 || (header[1] & 0x0f) != DW_EH_PE_sdata4 || header[2] != DW_EH_PE_udata4 ||
        header[3] != (DW_EH_PE_datarel | DW_EH_PE_sdata4))
        return;
    uint32_t n_entries;
    memcpy(&n_entries, header + 8, sizeof(n_entries));
    image->has_search_table =
        n_entries > 0 && n_entries <= (segment->file_size - sizeof(header)) / 8;
    image->search_table = (RemoteSearchTable){.header_address = segment->address,
                                              .table_address = segment->address + sizeof(header),
                                              .n_entries = n_entries};
}

RemoteImage *
remote_image_new(const Executable *executable)
{
    RemoteImage *image = g_new0(RemoteImage, 1);
    image->id = executable->id;
    image->fd = executable->fd >= 0 ? fcntl(executable->fd, F_DUPFD_CLOEXEC, 3) : -1;
    if (executable->fd < 0)
        image->elf = elf_file_open_vdso(NULL);
    else if (image->fd >= 0)
        image->elf = elf_file_open(image->fd, NULL);
    for (size_t i = 0; i < BLOCKS; i++)
        image->blocks[i].offset = UINT64_MAX;
    if (image->elf != NULL)
        find_search_table(image);
    return image;
}

void
remote_image_free(RemoteImage *image)
{
    if (image == NULL)
        return;
    unwind_table_free(image->table);
    elf_file_free(image->elf);
    if (image->fd >= 0)
        close(image->fd);
    g_free(image);
}

uint64_t
remote_image_id(const RemoteImage *image)
{
    return image->id;
}

const RemoteSearchTable *
remote_image_search_table(const RemoteImage *image)
{
    return image->has_search_table ? &image->search_table : NULL;
}

/* The file offset of [address, address + size) in a segment that is loaded and not writable. */
static bool
find_offset(const RemoteImage *image, uint64_t address, size_t size, uint64_t *ret_offset)
{
    for (size_t i = 0; i < elf_file_n_segments(image->elf); i++) {
        const ElfSegment *segment = elf_file_segment(image->elf, i);
        uint64_t into = address - segment->address;
        if (segment->type == PT_LOAD && (segment->flags & PF_W) == 0 &&
            address >= segment->address && into <= segment->file_size &&
            size <= segment->file_size - into)
            return !__builtin_add_overflow(segment->offset, into, ret_offset);
    }
    return false;
}

bool
remote_image_read(RemoteImage *image, uint64_t address, void *buffer, size_t size)
{
    uint64_t offset;
    if (image->elf == NULL || !find_offset(image, address, size, &offset))
        return false;
    size_t into = offset % BLOCK_BYTES;
    if (into + size > BLOCK_BYTES)
        return elf_file_read(image->elf, offset, buffer, size, NULL);
    uint64_t start = offset - into;
    size_t slot = (start / BLOCK_BYTES) % BLOCKS;
    if (image->blocks[slot].offset != start) {
        uint64_t file_size = elf_file_size(image->elf);
        size_t n = MIN(BLOCK_BYTES, file_size > start ? file_size - start : 0);
        image->blocks[slot].offset = UINT64_MAX;
        if (!elf_file_read(image->elf, start, image->blocks[slot].data, n, NULL))
            return false;
        image->blocks[slot].offset = start;
        image->blocks[slot].size = n;
    }
    if (into + size > image->blocks[slot].size)
        return false;
    memcpy(buffer, image->blocks[slot].data + into, size);
    return true;
}

struct unwind_rule
remote_image_rule(RemoteImage *image, UnwindRules *rules, uint64_t address)
{
    if (!image->has_tried_table && image->elf != NULL)
        image->table = unwind_table_new(image->elf, rules, NULL, NULL);
    image->has_tried_table = true;
    if (image->table == NULL)
        return unwind_rules_data(rules)[UNWIND_RULE_FRAME_POINTER];
    return unwind_rules_data(rules)[unwind_table_find(image->table, address)];
}
