/* Heap profiles as text, one row a line: "main;f 16 1 100 7" is a stack from the root on, the label
 * "bytes", and the values alloc_objects, alloc_space and inuse_space. */
#pragma once
#include <glib.h>
#include <stdint.h>

#include "include/cresset/profile.h"
#include "lib/base/arena.h"

/* The pprof of such rows, taken at a time in seconds; the caller unrefs. */
GByteArray *heap_text_encode(int64_t period, int64_t time_s, const char *rows);
/* Decodes a pprof, which must be good. */
void heap_text_decode(Arena *arena, const GByteArray *bytes, Profile *ret_profile);
/* "TIME+DURATION:" in seconds and the rows of a pprof; "" of no bytes. The caller frees. */
char *heap_text_print(const GByteArray *bytes);
