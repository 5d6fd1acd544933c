/* The limits of Pyroscope that this server has no use for: a file of overrides that was written for
 * Pyroscope holds some of them, and is right all the same. */
#pragma once

/* Their names, as they stand in the file; NULL is behind the last. */
extern const char *const unused_limits[];
