/* What agent/process and agent/sample know of an executable beyond the public part. */
#pragma once
#include "agent/process/executable.h"

typedef struct {
    uint64_t offset, address, file_size; /* of an executable PT_LOAD segment */
} ExecutableSegment;

typedef struct {
    Executable public; /* first, so that the pointers convert */
    gint references;
    uint64_t change_ns; /* mtime when it was opened */
    ExecutableSegment *segments;
    size_t n_segments;
    GBytes *image; /* of the vDSO, which has no file */
} ExecutablePrivate;

static inline ExecutablePrivate *
executable_private(Executable *executable)
{
    return (ExecutablePrivate *)executable;
}

/* Opens the file behind `fd`, which the result takes over also on failure. */
Executable *executable_new(int fd, const char *path, GError **error);
/* The vDSO, whose image is copied out of this process: one kernel gives all processes the same. */
Executable *executable_new_vdso(void);

/* Address of the process - bias = virtual address in the ELF file, for a mapping at `start` of the
 * file from `file_offset` on. False when no executable segment lies there. */
bool
executable_bias(Executable *executable, uint64_t start, uint64_t file_offset, uint64_t *ret_bias);
/* Whether the file has been written since it was opened. */
bool executable_has_changed(Executable *executable);
/* Reads bytes of an executable segment by their virtual address. */
bool executable_read(Executable *executable, uint64_t address, void *buffer, size_t size);
