/* The limits of Pyroscope that this server has no use for: a file of overrides that was written for
 * Pyroscope holds some of them, and is right all the same. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* Their names, as they stand in the file. */
const char *const *unused_limits(size_t *ret_n);
bool unused_limit_is(const char *name);
