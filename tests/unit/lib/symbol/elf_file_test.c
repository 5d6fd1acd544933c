#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <cmocka.h>

#include "lib/base/error.h"
#include "lib/symbol/elf_file.h"

/* A small ELF file built by hand: one executable PT_LOAD, one PT_NOTE, some sections. */
typedef struct {
    GByteArray *bytes;
    GArray *sections; /* Elf64_Shdr */
    GByteArray *names;
} Builder;

static void
builder_add(Builder *builder, const char *name, uint32_t type, uint64_t flags, const void *data,
            size_t size)
{
    Elf64_Shdr header = {.sh_name = builder->names->len,
                         .sh_type = type,
                         .sh_flags = flags,
                         .sh_addr = 0x10000 + builder->bytes->len,
                         .sh_offset = builder->bytes->len,
                         .sh_size = size};
    g_byte_array_append(builder->names, (const guint8 *)name, (guint)strlen(name) + 1);
    g_byte_array_append(builder->bytes, data, (guint)size);
    while (builder->bytes->len % 8 != 0)
        g_byte_array_append(builder->bytes, (const guint8 *)"", 1);
    g_array_append_val(builder->sections, header);
}

static const uint8_t NOTE[] = {4,   0,   0,   0, 6, 0, 0, 0, 3, 0, 0, 0,
                               'G', 'N', 'U', 0, 1, 2, 3, 4, 5, 6, 0, 0};
static const uint8_t DEBUGLINK[] = {'a', '.', 'd', 0, 0x78, 0x56, 0x34, 0x12};

static Builder
builder_new(void)
{
    Builder builder = {g_byte_array_new(), g_array_new(FALSE, TRUE, sizeof(Elf64_Shdr)),
                       g_byte_array_new()};
    uint8_t zero[sizeof(Elf64_Ehdr) + 2 * sizeof(Elf64_Phdr)] = {0};
    g_byte_array_append(builder.bytes, zero, sizeof(zero));
    Elf64_Shdr null_section = {0};
    g_array_append_val(builder.sections, null_section);
    g_byte_array_append(builder.names, zero, 1);
    builder_add(&builder, ".note.gnu.build-id", SHT_NOTE, SHF_ALLOC, NOTE, sizeof(NOTE));
    builder_add(&builder, ".text", SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, "\xc3\xcc\xcc", 3);
    builder_add(&builder, ".gnu_debuglink", SHT_PROGBITS, 0, DEBUGLINK, sizeof(DEBUGLINK));
    return builder;
}

static GBytes *
builder_end(Builder *builder)
{
    builder_add(builder, ".shstrtab", SHT_STRTAB, 0, "", 0);
    Elf64_Shdr *names = &g_array_index(builder->sections, Elf64_Shdr, builder->sections->len - 1);
    names->sh_offset = builder->bytes->len;
    names->sh_size = builder->names->len;
    g_byte_array_append(builder->bytes, builder->names->data, builder->names->len);
    while (builder->bytes->len % 8 != 0)
        g_byte_array_append(builder->bytes, (const guint8 *)"", 1);
    uint64_t sections_offset = builder->bytes->len;
    g_byte_array_append(builder->bytes, (const guint8 *)builder->sections->data,
                        builder->sections->len * (guint)sizeof(Elf64_Shdr));
    Elf64_Ehdr header = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, 1},
                         .e_type = ET_DYN,
                         .e_machine = EM_X86_64,
                         .e_entry = 0x10123,
                         .e_phoff = sizeof(Elf64_Ehdr),
                         .e_phentsize = sizeof(Elf64_Phdr),
                         .e_phnum = 2,
                         .e_shoff = sections_offset,
                         .e_shentsize = sizeof(Elf64_Shdr),
                         .e_shnum = (uint16_t)builder->sections->len,
                         .e_shstrndx = (uint16_t)(builder->sections->len - 1)};
    Elf64_Phdr segments[2] = {
        {.p_type = PT_LOAD,
         .p_flags = PF_R | PF_X,
         .p_offset = 0,
         .p_vaddr = 0x10000,
         .p_filesz = sections_offset,
         .p_memsz = sections_offset + 0x100},
        {.p_type = PT_NOTE,
         .p_flags = PF_R,
         .p_offset = g_array_index(builder->sections, Elf64_Shdr, 1).sh_offset,
         .p_filesz = sizeof(NOTE),
         .p_memsz = sizeof(NOTE)}};
    memcpy(builder->bytes->data, &header, sizeof(header));
    memcpy(builder->bytes->data + sizeof(header), segments, sizeof(segments));
    g_array_free(builder->sections, TRUE);
    g_byte_array_free(builder->names, TRUE);
    return g_byte_array_free_to_bytes(builder->bytes);
}

static ElfFile *
open_bytes(GBytes *bytes, GError **error)
{
    size_t size;
    const void *data = g_bytes_get_data(bytes, &size);
    return elf_file_open_memory(data, size, error);
}

static void
test_headers(void **state)
{
    (void)state;
    Builder builder = builder_new();
    g_autoptr(GBytes) bytes = builder_end(&builder);
    g_autoptr(ElfFile) elf = open_bytes(bytes, NULL);
    assert_non_null(elf);
    assert_int_equal(elf_file_type(elf), ET_DYN);
    assert_int_equal(elf_file_machine(elf), EM_X86_64);
    assert_int_equal(elf_file_entry(elf), 0x10123);
    assert_int_equal(elf_file_n_sections(elf), 5);
    assert_int_equal(elf_file_n_segments(elf), 2);
    assert_string_equal(elf_file_section(elf, 2)->name, ".text");
    assert_ptr_equal(elf_file_find_section(elf, ".text"), elf_file_section(elf, 2));
    assert_null(elf_file_find_section(elf, ".data"));
    assert_non_null(elf_file_find_section_type(elf, SHT_NOTE));
    assert_int_equal(elf_file_find_segment_type(elf, PT_NOTE)->file_size, sizeof(NOTE));
}

static void
test_identity(void **state)
{
    (void)state;
    Builder builder = builder_new();
    g_autoptr(GBytes) bytes = builder_end(&builder);
    g_autoptr(ElfFile) elf = open_bytes(bytes, NULL);
    uint8_t id[ELF_FILE_BUILD_ID_MAX];
    assert_int_equal(elf_file_build_id(elf, id), 6);
    assert_memory_equal(id, NOTE + 16, 6);
    g_autofree char *name = NULL;
    uint32_t crc;
    assert_true(elf_file_debuglink(elf, &name, &crc));
    assert_string_equal(name, "a.d");
    assert_int_equal(crc, 0x12345678);
    assert_false(elf_file_is_go(elf));
}

static void
test_addresses(void **state)
{
    (void)state;
    Builder builder = builder_new();
    g_autoptr(GBytes) bytes = builder_end(&builder);
    g_autoptr(ElfFile) elf = open_bytes(bytes, NULL);
    const ElfSegment *load = elf_file_segment(elf, 0);
    uint64_t value;
    assert_true(elf_file_offset_to_address(elf, 5, PF_X, &value));
    assert_int_equal(value, 0x10005);
    assert_false(elf_file_offset_to_address(elf, 5, PF_W, &value));
    assert_true(elf_file_offset_to_address(elf, load->file_size + 1, 0, &value)); /* same page */
    assert_false(elf_file_offset_to_address(elf, 1 << 20, 0, &value));
    assert_true(elf_file_address_to_offset(elf, 0x10005, &value));
    assert_int_equal(value, 5);
    assert_false(elf_file_address_to_offset(elf, 0x10000 + load->file_size, &value));
    assert_true(elf_file_is_executable(elf, 0x10000 + load->file_size));
    assert_false(elf_file_is_executable(elf, 0xffff));
    uint8_t code, big[8192];
    assert_true(
        elf_file_read_address(elf, elf_file_find_section(elf, ".text")->address, &code, 1, NULL));
    assert_int_equal(code, 0xc3);
    g_autoptr(GError) error = NULL;
    assert_false(elf_file_read_address(elf, 0x10000, big, sizeof(big), &error));
    assert_true(g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_OUT_OF_RANGE));
}

static GBytes *
compress_section(uint32_t type, uint64_t claimed_size, const void *data, size_t size)
{
    g_autofree uint8_t *output = g_malloc(size + 1024);
    size_t n;
    if (type == ELFCOMPRESS_ZLIB) {
        uLongf length = size + 1024;
        assert_int_equal(compress(output, &length, data, size), Z_OK);
        n = length;
    } else {
        n = ZSTD_compress(output, size + 1024, data, size, 1);
        assert_false(ZSTD_isError(n));
    }
    Elf64_Chdr header = {.ch_type = type, .ch_size = claimed_size, .ch_addralign = 1};
    GByteArray *bytes = g_byte_array_new();
    g_byte_array_append(bytes, (const guint8 *)&header, sizeof(header));
    g_byte_array_append(bytes, output, (guint)n);
    return g_byte_array_free_to_bytes(bytes);
}

/* Returns the error code of reading a compressed section with that claimed size, 0 when it reads
 * back right. */
static int
read_compressed(uint32_t type, uint64_t claimed_size, size_t max_bytes)
{
    uint8_t data[3000];
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i / 7);
    g_autoptr(GBytes) packed = compress_section(type, claimed_size, data, sizeof(data));
    size_t packed_size;
    const void *packed_data = g_bytes_get_data(packed, &packed_size);
    Builder builder = builder_new();
    builder_add(&builder, ".debug_frame", SHT_PROGBITS, SHF_COMPRESSED, packed_data, packed_size);
    g_autoptr(GBytes) bytes = builder_end(&builder);
    g_autoptr(ElfFile) elf = open_bytes(bytes, NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) read =
        elf_file_read_section(elf, elf_file_find_section(elf, ".debug_frame"), max_bytes, &error);
    if (read == NULL)
        return error->code;
    assert_int_equal(g_bytes_get_size(read), sizeof(data));
    assert_memory_equal(g_bytes_get_data(read, NULL), data, sizeof(data));
    return 0;
}

static void
test_compressed(void **state)
{
    (void)state;
    static const uint32_t TYPES[] = {ELFCOMPRESS_ZLIB, ELF_COMPRESS_ZSTD};
    for (size_t i = 0; i < G_N_ELEMENTS(TYPES); i++) {
        assert_int_equal(read_compressed(TYPES[i], 3000, 1 << 20), 0);
        assert_int_equal(read_compressed(TYPES[i], 3000, 2999), CRESSET_ERROR_RESOURCE_EXHAUSTED);
        assert_int_equal(read_compressed(TYPES[i], 2999, 1 << 20), CRESSET_ERROR_INVALID_ARGUMENT);
        assert_int_equal(read_compressed(TYPES[i], 3001, 1 << 20), CRESSET_ERROR_INVALID_ARGUMENT);
        assert_int_equal(read_compressed(TYPES[i], UINT64_MAX, 1 << 20),
                         CRESSET_ERROR_RESOURCE_EXHAUSTED);
    }
    assert_int_equal(read_compressed(ELFCOMPRESS_ZLIB, 200u << 20, 256u << 20),
                     CRESSET_ERROR_INVALID_ARGUMENT);
}

/* Every cut and every changed byte of the headers: an error or a file whose parts can be read. */
static void
visit_everything(GBytes *bytes)
{
    g_autoptr(ElfFile) elf = open_bytes(bytes, NULL);
    if (elf == NULL)
        return;
    for (size_t i = 0; i < elf_file_n_sections(elf); i++) {
        assert_true(strlen(elf_file_section(elf, i)->name) < 4096);
        g_autoptr(GBytes) section =
            elf_file_read_section(elf, elf_file_section(elf, i), 1 << 20, NULL);
        assert_true(section == NULL || g_bytes_get_size(section) <= 1 << 20);
    }
    uint8_t id[ELF_FILE_BUILD_ID_MAX];
    assert_true(elf_file_build_id(elf, id) <= sizeof(id));
    g_autofree char *name = NULL;
    uint32_t crc;
    (void)elf_file_debuglink(elf, &name, &crc);
}

static void
test_lies(void **state)
{
    (void)state;
    Builder builder = builder_new();
    g_autoptr(GBytes) bytes = builder_end(&builder);
    size_t size;
    const uint8_t *data = g_bytes_get_data(bytes, &size);
    static const uint8_t VALUES[] = {0, 1, 0x7f, 0x80, 0xff};
    for (size_t i = 0; i < size; i++) {
        g_autoptr(GBytes) cut = g_bytes_new(data, i);
        visit_everything(cut);
        for (size_t j = 0; j < sizeof(VALUES); j++) {
            g_autofree uint8_t *copy = g_memdup2(data, size);
            copy[i] = VALUES[j];
            g_autoptr(GBytes) changed = g_bytes_new_static(copy, size);
            visit_everything(changed);
        }
    }
}

static void
test_truncated_behind_our_back(void **state)
{
    (void)state;
    Builder builder = builder_new();
    g_autoptr(GBytes) bytes = builder_end(&builder);
    g_autofree char *path = NULL;
    int fd = g_file_open_tmp("elf_file_test_XXXXXX", &path, NULL);
    assert_true(fd >= 0);
    unlink(path);
    size_t size;
    const void *data = g_bytes_get_data(bytes, &size);
    assert_int_equal(write(fd, data, size), size);
    g_autoptr(ElfFile) elf = elf_file_open(fd, NULL);
    assert_non_null(elf);
    const ElfSection *text = elf_file_find_section(elf, ".text");
    g_autoptr(GBytes) before = elf_file_read_section(elf, text, 100, NULL);
    assert_int_equal(g_bytes_get_size(before), 3);
    assert_int_equal(ftruncate(fd, 100), 0);
    g_autoptr(GError) error = NULL;
    assert_null(elf_file_read_section(elf, text, 100, &error));
    assert_true(g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_DATA_LOSS));
    close(fd);
}

static void
test_not_elf(void **state)
{
    (void)state;
    g_autoptr(GError) error = NULL;
    assert_null(elf_file_open_memory("#!/bin/sh\n", 10, &error));
    assert_true(g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_INVALID_ARGUMENT));
    g_clear_error(&error);
    int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    assert_null(elf_file_open(fd, &error));
    assert_true(g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_INVALID_ARGUMENT));
    close(fd);
}

static void
test_vdso(void **state)
{
    (void)state;
    g_autoptr(GError) error = NULL;
    g_autoptr(ElfFile) elf = elf_file_open_vdso(&error);
    if (g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_NOT_FOUND)) {
        print_message("%s\n", error->message);
        skip();
    }
    assert_non_null(elf);
    assert_non_null(elf_file_find_section(elf, ".eh_frame"));
    assert_non_null(elf_file_find_segment_type(elf, PT_GNU_EH_FRAME));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers),   cmocka_unit_test(test_identity),
        cmocka_unit_test(test_addresses), cmocka_unit_test(test_compressed),
        cmocka_unit_test(test_lies),      cmocka_unit_test(test_truncated_behind_our_back),
        cmocka_unit_test(test_not_elf),   cmocka_unit_test(test_vdso),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
