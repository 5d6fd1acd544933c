#include "lib/k8s/quantity.h"

#include <glib.h>
#include <math.h>
#include <string.h>

/* Longer ones are no numbers of anything. */
#define LENGTH_MAX 64

static const struct {
    const char *suffix;
    double factor;
} suffixes[] = {
    {"", 1},        {"n", 1e-9},    {"u", 1e-6},    {"m", 1e-3},    {"k", 1e3},     {"M", 1e6},
    {"G", 1e9},     {"T", 1e12},    {"P", 1e15},    {"E", 1e18},    {"Ki", 0x1p10}, {"Mi", 0x1p20},
    {"Gi", 0x1p30}, {"Ti", 0x1p40}, {"Pi", 0x1p50}, {"Ei", 0x1p60},
};

bool
quantity_parse(const char *text, double *ret_units)
{
    size_t length = strlen(text);
    size_t digits = strspn(text, "+-.0123456789");
    if (length == 0 || length > LENGTH_MAX || digits == 0)
        return false;
    /* An exponent is a letter before digits; "1E" is a suffix. */
    const char *suffix = text + digits;
    if ((*suffix == 'e' || *suffix == 'E') && suffix[1 + strspn(suffix + 1, "+-")] != '\0' &&
        suffix[1] != 'i')
        suffix += strlen(suffix);
    g_autofree char *number = g_strndup(text, (gsize)(suffix - text));
    char *end;
    double value = g_ascii_strtod(number, &end);
    if (*end != '\0' || !isfinite(value))
        return false;
    for (size_t i = 0; i < G_N_ELEMENTS(suffixes); i++) {
        if (strcmp(suffix, suffixes[i].suffix) == 0) {
            *ret_units = value * suffixes[i].factor;
            return true;
        }
    }
    return false;
}
