/* Names of just-in-time compiled code: /tmp/perf-PID.map, one `START SIZE NAME` per line, numbers
 * in hexadecimal (tools/perf/Documentation/jit-interface.txt of Linux).
 *
 * The file is appended to, and memory is used again: the last line that covers an address wins. It
 * is read as a stream for the addresses that are asked for, so nothing of it stays in memory. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of a larger file only the last so many bytes are read: the newest code. */
#define PERF_MAP_BYTES_MAX (64 * 1024 * 1024)
/* Longest name that is kept; the rest is cut. */
#define PERF_MAP_NAME_MAX 4096

/* Looks up `n` ascending addresses in the map open at `fd`. names[i] becomes the newly allocated
 * name of addresses[i] or stays NULL. False with *error set when reading fails. */
bool perf_map_find(int fd, const uint64_t *addresses, size_t n, char **ret_names, GError **error);

/* The same over a file in memory; for tests and fuzzing. */
void perf_map_find_text(const char *text, size_t size, const uint64_t *addresses, size_t n,
                        char **ret_names);
