/* What is known of JSON text (RFC 8259) before it is parsed. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* Whether the text has more than `max` values, as the characters that come before values tell: a
 * parsed value takes far more memory than its text. The text need not be valid. */
bool json_text_has_more_values(const char *text, size_t size, size_t max);
