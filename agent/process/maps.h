/* Reader of /proc/PID/maps (proc_pid_maps(5)). */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct {
    uint64_t start, end, file_offset, inode;
    uint32_t device; /* major << 20 | minor, as the kernel has it */
    bool is_executable;
    const char *path; /* points into the line; "" for anonymous memory; escapes are left alone */
} MapLine;

/* Parses one line without its newline; cuts `line` into pieces. False when it makes no sense. */
bool maps_parse_line(char *line, MapLine *ret_map);

typedef void (*MapLineFunc)(const MapLine *map, void *data);

/* Calls `func` for every executable line of the file at `path`. NOT_FOUND when the process is gone,
 * PERMISSION_DENIED when it may not be looked at. */
bool maps_read(const char *path, MapLineFunc func, void *data, GError **error);
