/* A ceiling for the memory of this process: who is about to take much asks first and refuses its
 * work instead of being killed for it. Counted is the anonymous memory (proc_pid_statm(5): resident
 * without shared), as the pages of files are given back when others need them. From any thread. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 0, at first: no ceiling. */
void memory_set_ceiling(int64_t bytes);
int64_t memory_ceiling(void);

/* Whether so many more bytes lie below the ceiling. Looks at what the process has every few
 * milliseconds, and has the allocator give back what it only keeps before it says no. */
bool memory_has_room(size_t bytes);
/* The same as an error: UNAVAILABLE, which names the option memory-max. */
bool memory_check(size_t bytes, GError **error);
/* Bytes of the process, as of now; 0 when that cannot be told. */
int64_t memory_used(void);

/* What the control group that this process is in may have (cgroups(7), version 2 or 1), or the
 * machine has, whichever is less. */
int64_t memory_limit(void);
/* The smallest of the limits in the files memory.max (memory.limit_in_bytes) of the folder `group`
 * below `root` and of those around it up to `root`; INT64_MAX when there is none. */
int64_t memory_group_limit(const char *root, const char *group);
