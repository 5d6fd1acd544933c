#include "analyzers/checks/unit.h"

#include <math.h>

#include "analyzers/checks/finding.h"

enum { SHORT_LIMIT_S = 10, WHOLE_FROM = 10 };

/* GLib puts a no-break space before the unit. */
static char *
bytes_text(double bytes)
{
    g_autofree char *text =
        g_format_size_full((guint64)CLAMP(bytes, 0, 1e18), G_FORMAT_SIZE_IEC_UNITS);
    g_autoptr(GString) plain = g_string_new(text);
    g_string_replace(plain, "\u00a0", " ", 0);
    return g_string_free(g_steal_pointer(&plain), FALSE);
}

char *
unit_text(Unit unit, double value)
{
    switch (unit) {
    case UNIT_COUNT: {
        bool is_fraction = value < WHOLE_FROM && fabs(value - round(value)) > 0.05;
        return g_strdup_printf("%.*f", is_fraction ? 1 : 0, value);
    }
    case UNIT_SHARE:
        return g_strdup_printf("%.0f %%", value * 100);
    case UNIT_LEFT:
        return g_strdup_printf("%.0f %%", floor((1 - value) * 100));
    case UNIT_BYTES:
        return bytes_text(value);
    case UNIT_CORES:
        return g_strdup_printf("%.2f cores", value);
    case UNIT_RATE:
        return g_strdup_printf("%.2g a second", value);
    case UNIT_SECONDS:
        return span_text((int64_t)CLAMP(value, 0, 1e15));
    case UNIT_SHORT:
        return fabs(value) < SHORT_LIMIT_S ? g_strdup_printf("%.0f ms", fabs(value) * 1000)
                                           : g_strdup_printf("%.0f s", fabs(value));
    default:
        return g_strdup_printf("%.3g", value);
    }
}
