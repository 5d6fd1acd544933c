#include "lib/symbol/debug_file.h"

#include <elfutils/libdwelf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <lzma.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <zlib.h>

typedef struct {
    uint8_t build_id[64];
    size_t build_id_size;
    const char *link; /* name in .gnu_debuglink, or NULL */
    uint32_t link_crc;
} Wanted;

int
debug_file_open_path(int root_fd, const char *path)
{
    struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
                           .resolve = root_fd >= 0 ? RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS : 0};
    int fd = (int)syscall(SYS_openat2, root_fd >= 0 ? root_fd : AT_FDCWD, path, &how, sizeof(how));
    if (fd < 0)
        return -1;
    struct stat status;
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode))
        return fd;
    close(fd);
    errno = EINVAL;
    return -1;
}

size_t
debug_file_build_id(Elf *elf, uint8_t id[64])
{
    const void *bits = NULL;
    ssize_t size = dwelf_elf_gnu_build_id(elf, &bits);
    if (size <= 0 || size > 64)
        return 0;
    memcpy(id, bits, (size_t)size);
    return (size_t)size;
}

static bool
crc_matches(int fd, uint32_t wanted)
{
    struct stat status;
    if (fstat(fd, &status) < 0 || status.st_size <= 0 || status.st_size > DEBUG_FILE_CRC_MAX)
        return false;
    size_t size = (size_t)status.st_size;
    uint8_t *bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED)
        return false;
    uint32_t crc = (uint32_t)crc32_z(0, bytes, size);
    munmap(bytes, size);
    return crc == wanted;
}

static bool
file_matches(int fd, const Wanted *wanted, bool by_link)
{
    Elf *elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
    if (elf == NULL || elf_kind(elf) != ELF_K_ELF) {
        elf_end(elf);
        return false;
    }
    uint8_t id[64];
    size_t size = debug_file_build_id(elf, id);
    elf_end(elf);
    if (size > 0 && wanted->build_id_size > 0)
        return size == wanted->build_id_size && memcmp(id, wanted->build_id, size) == 0;
    return by_link && crc_matches(fd, wanted->link_crc);
}

static int
try_path(int root_fd, const char *path, const Wanted *wanted, bool by_link)
{
    int fd = debug_file_open_path(root_fd, path);
    if (fd >= 0 && !file_matches(fd, wanted, by_link)) {
        close(fd);
        return -1;
    }
    return fd;
}

static int
find_by_build_id(int root_fd, const Wanted *wanted)
{
    if (wanted->build_id_size < 2)
        return -1;
    g_autoptr(GString) path = g_string_new("/usr/lib/debug/.build-id/");
    for (size_t i = 0; i < wanted->build_id_size; i++)
        g_string_append_printf(path, i == 0 ? "%02x/" : "%02x", wanted->build_id[i]);
    g_string_append(path, ".debug");
    return try_path(root_fd, path->str, wanted, false);
}

static int
find_by_link(int root_fd, const char *executable, const Wanted *wanted)
{
    /* The link is a bare file name; anything else would let the executable choose a path. */
    if (wanted->link == NULL || wanted->link[0] == '\0' || strchr(wanted->link, '/') != NULL ||
        strlen(wanted->link) > 255 || executable[0] != '/')
        return -1;
    g_autofree char *folder = g_path_get_dirname(executable);
    g_autofree char *beside = g_build_filename(folder, wanted->link, NULL);
    g_autofree char *hidden = g_build_filename(folder, ".debug", wanted->link, NULL);
    g_autofree char *global = g_build_filename("/usr/lib/debug", folder, wanted->link, NULL);
    int fd = try_path(root_fd, beside, wanted, true);
    if (fd < 0)
        fd = try_path(root_fd, hidden, wanted, true);
    if (fd < 0)
        fd = try_path(root_fd, global, wanted, true);
    return fd;
}

int
debug_file_find(Elf *elf, const char *path, int root_fd)
{
    Wanted wanted = {.build_id_size = 0};
    wanted.build_id_size = debug_file_build_id(elf, wanted.build_id);
    GElf_Word crc = 0;
    wanted.link = dwelf_elf_gnu_debuglink(elf, &crc);
    wanted.link_crc = crc;
    int fd = root_fd >= 0 ? find_by_build_id(root_fd, &wanted) : -1;
    if (fd < 0 && root_fd >= 0)
        fd = find_by_link(root_fd, path, &wanted);
    if (fd < 0)
        fd = find_by_build_id(-1, &wanted);
    return fd < 0 ? find_by_link(-1, path, &wanted) : fd;
}

static Elf_Data *
section_data(Elf *elf, const char *wanted)
{
    size_t names;
    if (elf_getshdrstrndx(elf, &names) < 0)
        return NULL;
    for (Elf_Scn *section = NULL; (section = elf_nextscn(elf, section)) != NULL;) {
        GElf_Shdr header;
        if (gelf_getshdr(section, &header) == NULL || header.sh_type == SHT_NOBITS)
            continue;
        const char *name = elf_strptr(elf, names, header.sh_name);
        if (name != NULL && strcmp(name, wanted) == 0)
            return elf_rawdata(section, NULL);
    }
    return NULL;
}

GBytes *
debug_file_unpack_minidebug(Elf *elf)
{
    Elf_Data *packed = section_data(elf, ".gnu_debugdata");
    lzma_stream stream = LZMA_STREAM_INIT;
    if (packed == NULL || packed->d_buf == NULL ||
        lzma_stream_decoder(&stream, DEBUG_FILE_UNPACKED_MAX, 0) != LZMA_OK)
        return NULL;
    g_autoptr(GByteArray) out = g_byte_array_new();
    uint8_t block[65536];
    stream.next_in = packed->d_buf;
    stream.avail_in = packed->d_size;
    lzma_ret result = LZMA_OK;
    while (result == LZMA_OK && out->len <= DEBUG_FILE_UNPACKED_MAX) {
        stream.next_out = block;
        stream.avail_out = sizeof(block);
        result = lzma_code(&stream, LZMA_FINISH);
        g_byte_array_append(out, block, (guint)(sizeof(block) - stream.avail_out));
    }
    lzma_end(&stream);
    if (result != LZMA_STREAM_END || out->len > DEBUG_FILE_UNPACKED_MAX)
        return NULL;
    return g_byte_array_free_to_bytes(g_steal_pointer(&out));
}
