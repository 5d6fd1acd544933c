/* The `name` parameter of /ingest: app or app{key=value,key=value}. */
#pragma once
#include <glib.h>
#include <stdbool.h>

#include "server/store/labels.h"

typedef struct {
    char *app;
    GArray *labels; /* Label, in order, later duplicates win; strings live in `strings` */
    GStringChunk *strings;
} AppName;

/* INVALID_ARGUMENT "name: …"; *ret_name is only filled on success. */
bool app_name_parse(const char *text, AppName *ret_name, GError **error);
void app_name_clear(AppName *name);

/* Sets a label, over one of the same name; both strings are copied. */
void app_name_set(AppName *name, const char *key, const char *value);
const char *app_name_get(const AppName *name, const char *key);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(AppName, app_name_clear)
