/* Fields of a YAML mapping read into a struct by a table: what a kubeconfig consists of. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

#include "lib/base/yaml_tree.h"

typedef enum {
    FIELD_TEXT,    /* char *; an empty one stays NULL */
    FIELD_TEXTS,   /* GStrv of a list */
    FIELD_BOOL,    /* bool */
    FIELD_PATH,    /* char *, made absolute by the folder of the file */
    FIELD_BASE64,  /* GBytes * */
    FIELD_FILE,    /* GBytes * of a file, unless a row above has given them */
    FIELD_NODE,    /* const YamlNode *, for the caller to read */
    FIELD_REFUSED, /* an error */
} FieldType;

typedef struct {
    const char *key;
    FieldType type;
    size_t offset;   /* in the struct, where the pointer or bool lies; owned by the struct */
    const char *why; /* of a refused one: what to do instead */
} Field;

typedef struct {
    YamlTree *tree;
    char *path, *folder; /* absolute */
} ConfigFile;

/* A path of the file, made absolute by its folder; the caller frees. */
char *config_file_path(const ConfigFile *file, const char *path);

/* Reads the mapping `node`, called `what` in errors, in the order of the table. Keys that are in no
 * row are skipped, and so are empty values. Errors are INVALID_ARGUMENT and begin with
 * "path:line: "; they name the field and never show its value. */
bool fields_read(const ConfigFile *file, const YamlNode *node, const char *what,
                 const Field *fields, size_t n_fields, void *target, GError **error);
