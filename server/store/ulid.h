/* ULIDs (github.com/ulid/spec): 48 bits of milliseconds and 80 random bits as 26 characters of
 * Crockford's base 32, so that names sort by time. */
#pragma once
#include <stdbool.h>

enum { ULID_LENGTH = 26 };

typedef struct {
    char text[ULID_LENGTH + 1];
} Ulid;

/* A new id, greater than every other one this process has made. Any thread. */
Ulid ulid_new(void);
bool ulid_is_valid(const char *text);
