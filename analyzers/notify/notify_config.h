/* Who is told what, and when: the file of --notify-file. docs/notifications.md has its form. */
#pragma once
#include "analyzers/checks/silence.h"
#include "analyzers/notify/receiver.h"
#include "analyzers/notify/route.h"

typedef struct {
    GPtrArray *receivers;           /* Receiver, each name once */
    GPtrArray *routes;              /* Route, in order */
    char *fallback;                 /* the receiver of what no route names; NULL: no receivers */
    GStrv ns_included, ns_excluded; /* globs; NULL: all, none */
    QuietHours *quiet_hours;        /* NULL: none */
    Silences *silences;             /* NULL: none */
    char *heartbeat_url;            /* asked for after each run that went well; NULL: none */
    int daily_min; /* time of the daily message, minutes since midnight; -1: none */
    GTimeZone *daily_zone;
    GStrv daily_receivers;
    char *cluster;
} NotifyConfig;

/* Without receivers. */
NotifyConfig *notify_config_new(const char *cluster);
/* Errors begin with "path:line: ", or are those of reading the file. */
NotifyConfig *notify_config_load(const char *path, const char *cluster, GError **error);
void notify_config_free(NotifyConfig *config);
/* Takes a receiver, which becomes the fallback when it is the first. */
void notify_config_add(NotifyConfig *config, Receiver *receiver);

const Receiver *notify_config_find(const NotifyConfig *config, const char *name);
/* Names of all receivers, NULL at the end; free with g_free, the names are borrowed. */
const char **notify_config_names(const NotifyConfig *config);
/* Lives as long as the configuration. */
Routing notify_config_routing(const NotifyConfig *config);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(NotifyConfig, notify_config_free)
