#include "agent/process/executable_private.h"

#include <errno.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/error.h"
#include "lib/symbol/elf_file.h"

static uint64_t
change_of(const struct stat *status)
{
    return (uint64_t)status->st_mtim.tv_sec * 1000000000 + (uint64_t)status->st_mtim.tv_nsec;
}

static void
keep_segments(ExecutablePrivate *executable, const ElfFile *elf)
{
    GArray *segments = g_array_new(FALSE, FALSE, sizeof(ExecutableSegment));
    for (size_t i = 0; i < elf_file_n_segments(elf); i++) {
        const ElfSegment *from = elf_file_segment(elf, i);
        ExecutableSegment segment = {from->offset, from->address, from->file_size};
        if (from->type == PT_LOAD && (from->flags & PF_X) != 0)
            g_array_append_val(segments, segment);
    }
    executable->n_segments = segments->len;
    executable->segments = (ExecutableSegment *)g_array_free(segments, FALSE);
    executable->public.build_id_size = (uint8_t)elf_file_build_id(elf, executable->public.build_id);
}

static ExecutablePrivate *
make(int fd, const char *path)
{
    static gint64 last_id;
    ExecutablePrivate *executable = g_new0(ExecutablePrivate, 1);
    executable->references = 1;
    executable->public.id = (uint64_t)__atomic_add_fetch(&last_id, 1, __ATOMIC_RELAXED);
    executable->public.fd = fd;
    executable->public.path = g_strdup(path);
    return executable;
}

Executable *
executable_new(int fd, const char *path, GError **error)
{
    ExecutablePrivate *executable = make(fd, path);
    g_autoptr(Executable) owner = &executable->public;
    struct stat status;
    if (fstat(fd, &status) != 0) {
        error_set_errno(error, errno, "stat %s", path);
        return NULL;
    }
    executable->public.device = status.st_dev;
    executable->public.inode = status.st_ino;
    executable->public.size_bytes = (uint64_t)status.st_size;
    executable->change_ns = change_of(&status);
    g_autoptr(ElfFile) elf = elf_file_open(fd, error);
    if (elf == NULL)
        return NULL;
    keep_segments(executable, elf);
    return g_steal_pointer(&owner);
}

Executable *
executable_new_vdso(void)
{
    enum { VDSO_BYTES_MAX = 8192 };
    const uint8_t *image = (const uint8_t *)getauxval(AT_SYSINFO_EHDR);
    if (image == NULL)
        return NULL;
    /* The section headers stand last, and tell the size. */
    Elf64_Ehdr header;
    memcpy(&header, image, sizeof header);
    size_t size = header.e_shoff + (size_t)header.e_shnum * header.e_shentsize;
    if (size > VDSO_BYTES_MAX)
        return NULL;
    ExecutablePrivate *executable = make(-1, "[vdso]");
    executable->image = g_bytes_new(image, size);
    executable->public.size_bytes = size;
    g_autoptr(Executable) owner = &executable->public;
    g_autoptr(ElfFile) elf =
        elf_file_open_memory(g_bytes_get_data(executable->image, NULL), size, NULL);
    if (elf == NULL)
        return NULL;
    keep_segments(executable, elf);
    return g_steal_pointer(&owner);
}

Executable *
executable_ref(Executable *executable)
{
    g_atomic_int_inc(&executable_private(executable)->references);
    return executable;
}

void
executable_unref(Executable *executable)
{
    if (executable == NULL)
        return;
    ExecutablePrivate *private = executable_private(executable);
    if (!g_atomic_int_dec_and_test(&private->references))
        return;
    if (executable->fd >= 0)
        close(executable->fd);
    g_free(executable->path);
    g_free(private->segments);
    g_clear_pointer(&private->image, g_bytes_unref);
    g_free(private);
}

bool
executable_bias(Executable *executable, uint64_t start, uint64_t file_offset, uint64_t *ret_bias)
{
    const ExecutablePrivate *private = executable_private(executable);
    for (size_t i = 0; i < private->n_segments; i++) {
        const ExecutableSegment *segment = &private->segments[i];
        uint64_t page_offset = segment->offset & ~(uint64_t)4095;
        if (file_offset < page_offset ||
            file_offset - page_offset >= segment->file_size + segment->offset - page_offset)
            continue;
        *ret_bias = start - (segment->address - segment->offset + file_offset);
        return true;
    }
    return false;
}

bool
executable_read(Executable *executable, uint64_t address, void *buffer, size_t size)
{
    const ExecutablePrivate *private = executable_private(executable);
    for (size_t i = 0; i < private->n_segments; i++) {
        const ExecutableSegment *segment = &private->segments[i];
        uint64_t at = address - segment->address;
        if (at < segment->file_size && segment->file_size - at >= size)
            return pread(executable->fd, buffer, size, (off_t)(segment->offset + at)) ==
                   (ssize_t)size;
    }
    return false;
}

bool
executable_has_changed(Executable *executable)
{
    struct stat status;
    if (executable->fd < 0)
        return false;
    return fstat(executable->fd, &status) != 0 ||
           change_of(&status) != executable_private(executable)->change_ns ||
           (uint64_t)status.st_size != executable->size_bytes;
}
