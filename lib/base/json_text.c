#include "lib/base/json_text.h"

/* Each value but the first follows one of these characters outside of strings. */
bool
json_text_has_more_values(const char *text, size_t size, size_t max)
{
    size_t n = 0;
    bool quoted = false;
    for (size_t i = 0; i < size && n <= max; i++) {
        char c = text[i];
        if (quoted) {
            i += c == '\\';
            quoted = c != '"';
        } else {
            quoted = c == '"';
            n += c == ',' || c == '[' || c == '{';
        }
    }
    return n > max;
}
