#include "agent/unwind/cfi.h"

#include <dwarf.h>
#include <string.h>

#include "agent/unwind/cfi_cursor.h"
#include "agent/unwind/cfi_program.h"
#include "lib/base/error.h"

/* Linkers merge equal CIEs: most files have a handful. A power of two. */
#define COMMONS_CACHED 64
/* Bytes of an .eh_frame_hdr before its table. */
#define HEADER_SIZE 4

struct CfiReader {
    CfiSection section;
    size_t n_malformed;
    CfiCommon commons[COMMONS_CACHED];
};

/* The head of a CIE or FDE: its length and what its id field says. */
typedef struct {
    CfiCursor body; /* behind the id field */
    uint64_t end;   /* offset of the next entry */
    uint64_t common_offset;
    bool is_common, is_empty, is_good;
} EntryHead;

static bool
is_common_id(const CfiSection *section, uint64_t id, size_t id_size)
{
    if (!section->is_debug_frame)
        return id == 0;
    return id == (id_size == 8 ? UINT64_MAX : UINT32_MAX);
}

static EntryHead
read_head(const CfiSection *section, uint64_t offset)
{
    EntryHead head = {.end = section->size};
    if (offset > section->size)
        return head;
    CfiCursor cursor = cfi_cursor_new(section->data + offset, section->size - offset);
    uint64_t length = cfi_cursor_u32(&cursor);
    size_t id_size = 4;
    if (length == UINT32_MAX) {
        length = cfi_cursor_u64(&cursor);
        /* .eh_frame keeps 4 bytes here in its 64-bit form too (LSB 5.0, 10.6.1). */
        id_size = section->is_debug_frame ? 8 : 4;
    }
    if (cursor.is_bad || length > cfi_cursor_left(&cursor))
        return head;
    head.body = cfi_cursor_new(cursor.at, length);
    head.end = (uint64_t)(head.body.end - section->data);
    head.is_good = true;
    /* A zero length ends the section for some readers; linkers leave such words in the middle. */
    head.is_empty = length == 0;
    if (head.is_empty)
        return head;
    uint64_t id_offset = (uint64_t)(cursor.at - section->data);
    uint64_t id = cfi_cursor_fixed(&head.body, id_size);
    head.is_common = is_common_id(section, id, id_size);
    head.common_offset = section->is_debug_frame ? id : id_offset - id;
    head.is_good =
        !head.body.is_bad && (head.is_common || section->is_debug_frame || id <= id_offset);
    return head;
}

static uint64_t
read_encoded_value(CfiCursor *cursor, uint8_t encoding)
{
    switch (encoding & 0x0f) {
    case DW_EH_PE_absptr:
    case DW_EH_PE_udata8:
    case DW_EH_PE_sdata8:
        return cfi_cursor_u64(cursor);
    case DW_EH_PE_uleb128:
        return cfi_cursor_uleb(cursor);
    case DW_EH_PE_sleb128:
        return (uint64_t)cfi_cursor_sleb(cursor);
    case DW_EH_PE_udata2:
        return cfi_cursor_u16(cursor);
    case DW_EH_PE_sdata2:
        return (uint64_t)(int64_t)(int16_t)cfi_cursor_u16(cursor);
    case DW_EH_PE_udata4:
        return cfi_cursor_u32(cursor);
    case DW_EH_PE_sdata4:
        return (uint64_t)(int64_t)(int32_t)cfi_cursor_u32(cursor);
    default:
        cursor->is_bad = true;
        return 0;
    }
}

/* Reads a pointer encoded as .eh_frame does (LSB 5.0, 10.5.1). A pointer whose stored value is 0
 * is null, whatever its base. */
static uint64_t
read_pointer(const CfiSection *section, CfiCursor *cursor, uint8_t encoding, uint64_t function)
{
    if (encoding == DW_EH_PE_omit)
        return 0;
    uint64_t at = section->address + (uint64_t)(cursor->at - section->data);
    uint64_t base = 0;
    switch (encoding & 0x70) {
    case DW_EH_PE_pcrel:
        base = at;
        break;
    case DW_EH_PE_textrel:
        base = section->text_address;
        break;
    case DW_EH_PE_datarel:
        base = section->data_address;
        break;
    case DW_EH_PE_funcrel:
        base = function;
        break;
    case DW_EH_PE_aligned:
        cfi_cursor_take(cursor, (0 - at) & 7);
        return cfi_cursor_u64(cursor);
    default:
        break;
    }
    uint64_t value = read_encoded_value(cursor, encoding);
    if (value == 0 || cursor->is_bad)
        return 0;
    value += base;
    if ((encoding & DW_EH_PE_indirect) == 0)
        return value;
    uint64_t pointer = 0;
    if (section->elf == NULL ||
        !elf_file_read_address(section->elf, value, &pointer, sizeof(pointer), NULL))
        return 0;
    return pointer;
}

static bool
read_augmentation(const CfiSection *section, CfiCommon *common, const char *text, CfiCursor *cursor)
{
    if (text[0] != 'z')
        return text[0] == '\0'; /* without its size, unknown data cannot be skipped */
    uint64_t size = cfi_cursor_uleb(cursor);
    const uint8_t *data = cfi_cursor_take(cursor, size);
    if (data == NULL)
        return false;
    common->has_augmentation = true;
    CfiCursor fields = {.at = data, .end = data + size};
    for (const char *letter = text + 1; *letter != '\0'; letter++) {
        switch (*letter) {
        case 'R':
            common->pointer_encoding = cfi_cursor_u8(&fields);
            break;
        case 'L':
            common->lsda_encoding = cfi_cursor_u8(&fields);
            break;
        case 'P': {
            uint8_t encoding = cfi_cursor_u8(&fields);
            common->personality = read_pointer(section, &fields, encoding, 0);
            break;
        }
        case 'S':
            common->is_signal_frame = true;
            break;
        case 'B': /* AArch64: return addresses are signed with the B key */
            break;
        default:
            return !fields.is_bad; /* the rest is unknown, and its size is known */
        }
    }
    return !fields.is_bad;
}

/* Parses the CIE; ret->is_good says whether it could be understood. */
static void
read_common(const CfiSection *section, uint64_t offset, CfiCommon *ret)
{
    *ret = (CfiCommon){.offset = offset, .address_size = 8, .lsda_encoding = DW_EH_PE_omit};
    EntryHead head = read_head(section, offset);
    if (!head.is_good || head.is_empty || !head.is_common)
        return;
    CfiCursor cursor = head.body;
    uint8_t version = cfi_cursor_u8(&cursor);
    if (version != 1 && version != 3 && version != 4)
        return;
    const uint8_t *text = cursor.at;
    const uint8_t *text_end = memchr(text, '\0', cfi_cursor_left(&cursor));
    if (text_end == NULL)
        return;
    cursor.at = text_end + 1;
    if (version >= 4) {
        ret->address_size = cfi_cursor_u8(&cursor);
        uint8_t segment_size = cfi_cursor_u8(&cursor);
        if (ret->address_size != 8 || segment_size != 0)
            return;
    }
    if (strcmp((const char *)text, "eh") == 0) { /* gcc 2: a pointer that only it needed */
        cfi_cursor_u64(&cursor);
        text = text_end;
    }
    ret->code_factor = cfi_cursor_uleb(&cursor);
    ret->data_factor = cfi_cursor_sleb(&cursor);
    uint64_t reg = version == 1 ? cfi_cursor_u8(&cursor) : cfi_cursor_uleb(&cursor);
    ret->return_register = (uint32_t)MIN(reg, UINT8_MAX);
    if (!read_augmentation(section, ret, (const char *)text, &cursor) || cursor.is_bad)
        return;
    ret->program = cursor.at;
    ret->program_size = cfi_cursor_left(&cursor);
    ret->is_good = cfi_program_run_initial(ret, &ret->initial);
}

static const CfiCommon *
find_common(CfiReader *reader, uint64_t offset)
{
    size_t slot = (offset ^ (offset >> 6) ^ (offset >> 12)) % COMMONS_CACHED;
    CfiCommon *common = &reader->commons[slot];
    if (common->offset != offset)
        read_common(&reader->section, offset, common);
    return common->is_good ? common : NULL;
}

static bool
read_entry(CfiReader *reader, uint64_t offset, const EntryHead *head, CfiEntry *ret)
{
    const CfiSection *section = &reader->section;
    const CfiCommon *common = find_common(reader, head->common_offset);
    if (common == NULL)
        return false;
    CfiCursor cursor = head->body;
    uint64_t start, size;
    start = read_pointer(section, &cursor, common->pointer_encoding, 0);
    /* The size is a plain number in the same format. */
    size = read_encoded_value(&cursor, common->pointer_encoding & 0x0f);
    uint64_t lsda = 0;
    if (common->has_augmentation) {
        uint64_t augmentation_size = cfi_cursor_uleb(&cursor);
        const uint8_t *augmentation = cfi_cursor_take(&cursor, augmentation_size);
        if (augmentation != NULL && common->lsda_encoding != DW_EH_PE_omit) {
            CfiCursor fields = {.at = augmentation, .end = augmentation + augmentation_size};
            lsda = read_pointer(section, &fields, common->lsda_encoding, start);
        }
    }
    if (cursor.is_bad || size > UINT64_MAX - start)
        return false;
    *ret = (CfiEntry){.offset = offset,
                      .start = start,
                      .end = start + size,
                      .lsda = lsda,
                      .program = cursor.at,
                      .program_size = cfi_cursor_left(&cursor),
                      .common = common};
    return true;
}

CfiReader *
cfi_reader_new(const CfiSection *section)
{
    CfiReader *reader = g_new0(CfiReader, 1);
    reader->section = *section;
    for (size_t i = 0; i < COMMONS_CACHED; i++)
        reader->commons[i].offset = UINT64_MAX;
    return reader;
}

void
cfi_reader_free(CfiReader *reader)
{
    g_free(reader);
}

bool
cfi_reader_next(CfiReader *reader, uint64_t *offset, CfiEntry *ret_entry)
{
    while (*offset < reader->section.size) {
        uint64_t at = *offset;
        EntryHead head = read_head(&reader->section, at);
        *offset = head.end;
        bool is_entry = head.is_good && !head.is_empty && !head.is_common;
        if (is_entry && read_entry(reader, at, &head, ret_entry))
            return true;
        if (!head.is_good || is_entry)
            reader->n_malformed++;
    }
    return false;
}

bool
cfi_reader_read(CfiReader *reader, uint64_t offset, CfiEntry *ret_entry)
{
    EntryHead head = read_head(&reader->section, offset);
    return head.is_good && !head.is_empty && !head.is_common &&
           read_entry(reader, offset, &head, ret_entry);
}

size_t
cfi_reader_n_malformed(const CfiReader *reader)
{
    return reader->n_malformed;
}

/* Without section headers: .eh_frame_hdr says where .eh_frame starts, and it reaches at most to the
 * end of its segment. */
static bool
find_by_header(const ElfFile *elf, ElfSection *ret)
{
    const ElfSegment *header = elf_file_find_segment_type(elf, PT_GNU_EH_FRAME);
    uint8_t data[HEADER_SIZE + 8] = {0};
    if (header == NULL || header->file_size < sizeof(data) ||
        !elf_file_read(elf, header->offset, data, sizeof(data), NULL) || data[0] != 1)
        return false;
    CfiSection section = {.data = data,
                          .size = sizeof(data),
                          .address = header->address,
                          .data_address = header->address,
                          .elf = elf};
    CfiCursor cursor = cfi_cursor_new(data + HEADER_SIZE, sizeof(data) - HEADER_SIZE);
    uint64_t address = read_pointer(&section, &cursor, data[1], 0);
    for (size_t i = 0; i < elf_file_n_segments(elf); i++) {
        const ElfSegment *segment = elf_file_segment(elf, i);
        if (segment->type != PT_LOAD || address < segment->address ||
            address - segment->address >= segment->file_size)
            continue;
        uint64_t into = address - segment->address;
        *ret = (ElfSection){.name = ".eh_frame",
                            .type = SHT_PROGBITS,
                            .address = address,
                            .offset = segment->offset + into,
                            .size = segment->file_size - into};
        return true;
    }
    return false;
}

/* Without a section header the end is the first empty entry. */
static size_t
find_terminator(const CfiSection *section)
{
    uint64_t offset = 0;
    while (offset < section->size) {
        EntryHead head = read_head(section, offset);
        if (!head.is_good || head.is_empty)
            return offset;
        offset = head.end;
    }
    return section->size;
}

GBytes *
cfi_section_read(const ElfFile *elf, bool is_debug_frame, size_t max_bytes, CfiSection *ret_section,
                 GError **error)
{
    const char *name = is_debug_frame ? ".debug_frame" : ".eh_frame";
    const ElfSection *found = elf_file_find_section(elf, name);
    if (found == NULL && is_debug_frame)
        found = elf_file_find_section(elf, ".zdebug_frame");
    ElfSection by_header;
    bool has_contents = found != NULL && found->type != SHT_NOBITS;
    if (!has_contents && !is_debug_frame && find_by_header(elf, &by_header)) {
        by_header.size = MIN(by_header.size, max_bytes);
        found = &by_header;
        has_contents = true;
    }
    if (!has_contents) {
        error_set(error, CRESSET_ERROR_NOT_FOUND, "file has no %s", name);
        return NULL;
    }
    GBytes *bytes = elf_file_read_section(elf, found, max_bytes, error);
    if (bytes == NULL)
        return NULL;
    *ret_section = (CfiSection){.address = is_debug_frame ? 0 : found->address,
                                .is_debug_frame = is_debug_frame,
                                .elf = elf};
    ret_section->data = g_bytes_get_data(bytes, &ret_section->size);
    if (found == &by_header)
        ret_section->size = find_terminator(ret_section);
    const ElfSection *text = elf_file_find_section(elf, ".text");
    const ElfSection *got = elf_file_find_section(elf, ".got");
    ret_section->text_address = text != NULL ? text->address : 0;
    ret_section->data_address = got != NULL ? got->address : 0;
    return bytes;
}
