/* Sorted lists of the executable mappings of a process. A list is never changed after it is made,
 * so that a queued stack can keep the list as it was by a reference (g_array_ref). */
#pragma once
#include "agent/process/process.h"

/* An empty list of Mapping, which drops its references to executables when it is freed. */
GArray *mapping_list_new(void);
/* Adds to a list that nobody shares yet, behind what is in it; false when it is not behind. */
bool mapping_list_append(GArray *list, const Mapping *mapping);
/* A new list with `mapping` (whose executable gets another reference) in place of whatever
 * overlapped it. */
GArray *mapping_list_insert(const GArray *list, const Mapping *mapping);
/* A new list without the addresses [start, end). */
GArray *mapping_list_remove(const GArray *list, uint64_t start, uint64_t end);
/* The mapping that holds `address`, or NULL. */
const Mapping *mapping_list_find(const GArray *list, uint64_t address);
