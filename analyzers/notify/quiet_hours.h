/* Hours in which only what is urgent is told. */
#pragma once
#include <glib.h>
#include <stdbool.h>

#include "lib/base/yaml_tree.h"

/* One window a day: from a time of the day to one of the same day, or of the next when that is not
 * later. */
typedef struct {
    GTimeZone *zone;
    unsigned days;        /* bits of the days on which it begins: 1 << 1 Monday … 1 << 7 Sunday */
    int from_min, to_min; /* minutes since midnight, by the clock on the wall */
} QuietWindow;

typedef struct {
    GPtrArray *windows; /* QuietWindow */
} QuietHours;

QuietHours *quiet_hours_new(void);
void quiet_hours_free(QuietHours *hours);
/* YamlReadFunc of a QuietHours *: a list of windows. */
bool quiet_hours_read(YamlTree *tree, const YamlNode *node, const char *key, void *place,
                      GError **error);
/* YamlReadFunc of an int: minutes since midnight of "22:30". */
bool clock_read(YamlTree *tree, const YamlNode *node, const char *key, void *place, GError **error);
/* YamlReadFunc of a GTimeZone *: "Europe/Berlin", "UTC", "+02". */
bool
time_zone_read(YamlTree *tree, const YamlNode *node, const char *key, void *place, GError **error);

/* When they end, windows that follow one another taken together, a week ahead at most; `now_s` when
 * they are not on. NULL is none. */
int64_t quiet_hours_end(const QuietHours *hours, int64_t now_s);
/* The last time, not after now, at which a clock of that zone said so many minutes. */
int64_t clock_last(GTimeZone *zone, int minutes, int64_t now_s);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(QuietHours, quiet_hours_free)
