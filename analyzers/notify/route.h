/* Which changes a receiver hears of. */
#pragma once
#include "analyzers/notify/quiet_hours.h"
#include "analyzers/state/state.h"

typedef struct {
    char *receiver;
    GStrv namespaces, checks, clusters; /* globs; NULL: any */
    GHashTable *labels, *annotations;   /* name to glob, of the object or its namespace */
    Severity severity_min;
    bool goes_on;            /* routes that follow are looked at too */
    QuietHours *quiet_hours; /* NULL: those of all */
} Route;

void route_free(Route *route);
/* Errors name the line. */
Route *route_read(YamlTree *tree, const YamlNode *node, GError **error);
bool route_matches(const Route *route, const Incident *incident, const char *cluster);
