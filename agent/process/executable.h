/* An executable file as the agent knows it: one per content, however many processes map it.
 *
 * The file stays open for as long as anything refers to it, so that symbols can be read after the
 * process is gone and its file deleted. Reference-counted; any thread. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct {
    uint64_t id; /* never used twice in one agent's life */
    int fd;      /* O_RDONLY, or -1 for the vDSO */
    char *path;  /* as the process sees it, for example /usr/lib/libc.so.6, or [vdso] */
    dev_t device;
    ino_t inode;
    uint64_t size_bytes;
    uint8_t build_id[64];
    uint8_t build_id_size; /* 0 when the file has none */
} Executable;

Executable *executable_ref(Executable *executable);
void executable_unref(Executable *executable);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Executable, executable_unref)
