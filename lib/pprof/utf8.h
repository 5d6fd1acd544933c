/* UTF-8 validation (Unicode 15, table 3-7: no overlong forms, no surrogates, at most U+10FFFF),
 * fast on the ASCII text that symbol names are. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* NUL bytes are valid, as in the standard. */
bool utf8_is_valid(const char *text, size_t length);
