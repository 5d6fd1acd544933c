/* Where the debug information of a stripped executable is kept.
 *
 * Looked for in the container that the process runs in first, then on the host: by build-id under
 * /usr/lib/debug/.build-id, then by the name in .gnu_debuglink beside the executable, in its .debug
 * folder and under /usr/lib/debug. A file counts only when its build-id, or else its CRC, is right.
 * See https://sourceware.org/gdb/current/onlinedocs/gdb.html/Separate-Debug-Files.html. */
#pragma once
#include <gelf.h>
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* Largest .gnu_debugdata once unpacked, and largest debug file whose CRC is computed. */
#define DEBUG_FILE_UNPACKED_MAX (64 * 1024 * 1024)
#define DEBUG_FILE_CRC_MAX      (1024 * 1024 * 1024)

/* Opens a regular file for reading. With `root_fd` >= 0 (a folder, for example /proc/PID/root) the
 * path is resolved as inside that root: neither ".." nor a symbolic link leads out of it. Returns a
 * descriptor, or -1 with errno set. Never blocks on a FIFO. */
int debug_file_open_path(int root_fd, const char *path);

/* Finds the debug file of `elf`, which was opened as `path` (as the process sees it). Returns a
 * descriptor that the caller closes, or -1 when there is none. */
int debug_file_find(Elf *elf, const char *path, int root_fd);

/* Unpacks section .gnu_debugdata (an xz stream holding an ELF file with a .symtab) or returns NULL
 * when there is none or it is damaged or too large. */
GBytes *debug_file_unpack_minidebug(Elf *elf);

/* Reads the GNU build-id (at most 64 bytes) into `id` and returns its length, 0 when there is none.
 */
size_t debug_file_build_id(Elf *elf, uint8_t id[64]);
