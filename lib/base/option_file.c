#include "lib/base/option_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include "lib/base/error.h"

typedef struct {
    const char *path;
    yaml_parser_t *parser;
    OptionFileVisit visit;
    void *user;
    GHashTable *seen; /* keys of this file */
} Reader;

static void
close_file(FILE *file)
{
    (void)fclose(file);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(FILE, close_file)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(yaml_parser_t, yaml_parser_delete)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(yaml_event_t, yaml_event_delete)

static bool
fail_at(const Reader *reader, size_t line, GError **error, const char *what)
{
    return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "%s:%zu: %s", reader->path, line + 1,
                     what);
}

/* The next event; the caller deletes it. */
static bool
next_event(Reader *reader, yaml_event_t *ret_event, GError **error)
{
    memset(ret_event, 0, sizeof *ret_event);
    if (yaml_parser_parse(reader->parser, ret_event))
        return true;
    const char *why = reader->parser->problem != NULL ? reader->parser->problem : "not valid YAML";
    return fail_at(reader, reader->parser->problem_mark.line, error, why);
}

/* Collects the scalars of a sequence whose start event was just read. */
static bool
read_sequence(Reader *reader, GPtrArray *texts, GError **error)
{
    for (;;) {
        g_auto(yaml_event_t) event;
        if (!next_event(reader, &event, error))
            return false;
        if (event.type == YAML_SEQUENCE_END_EVENT)
            return true;
        if (event.type != YAML_SCALAR_EVENT)
            return fail_at(reader, event.start_mark.line, error, "a list holds plain values only");
        g_ptr_array_add(texts, g_strdup((const char *)event.data.scalar.value));
    }
}

static bool
read_value(Reader *reader, const char *key, size_t line, GError **error)
{
    g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);
    g_auto(yaml_event_t) event;
    if (!next_event(reader, &event, error))
        return false;
    if (event.type == YAML_SCALAR_EVENT)
        g_ptr_array_add(texts, g_strdup((const char *)event.data.scalar.value));
    else if (event.type != YAML_SEQUENCE_START_EVENT)
        return fail_at(reader, event.start_mark.line, error,
                       "the value of an option is a plain value or a list");
    else if (!read_sequence(reader, texts, error))
        return false;
    GError *cause = NULL;
    if (reader->visit(reader->user, key, (const char *const *)texts->pdata, texts->len, line + 1,
                      &cause))
        return true;
    g_propagate_prefixed_error(error, cause, "%s:%zu: ", reader->path, line + 1);
    return false;
}

/* Reads the pairs of the top mapping whose start event was just read. */
static bool
read_mapping(Reader *reader, GError **error)
{
    for (;;) {
        g_auto(yaml_event_t) event;
        if (!next_event(reader, &event, error))
            return false;
        if (event.type == YAML_MAPPING_END_EVENT)
            return true;
        size_t line = event.start_mark.line;
        if (event.type != YAML_SCALAR_EVENT)
            return fail_at(reader, line, error, "the name of an option is plain text");
        char *key = g_strdup((const char *)event.data.scalar.value);
        if (!g_hash_table_add(reader->seen, key)) /* the table owns the key */
            return fail_at(reader, line, error, "this option was set above already");
        if (!read_value(reader, key, line, error))
            return false;
    }
}

static bool
read_document(Reader *reader, GError **error)
{
    for (bool in_document = false, done = false;;) {
        g_auto(yaml_event_t) event;
        if (!next_event(reader, &event, error))
            return false;
        size_t line = event.start_mark.line;
        bool empty = event.type == YAML_SCALAR_EVENT && event.data.scalar.length == 0;
        if (event.type == YAML_STREAM_END_EVENT)
            return true;
        if (event.type == YAML_DOCUMENT_START_EVENT && done)
            return fail_at(reader, line, error, "only one document is allowed");
        if (event.type == YAML_DOCUMENT_START_EVENT)
            in_document = true;
        if (event.type == YAML_DOCUMENT_END_EVENT)
            done = true;
        if (event.type == YAML_MAPPING_START_EVENT) {
            if (!read_mapping(reader, error))
                return false;
        } else if (in_document && !done && event.type != YAML_DOCUMENT_START_EVENT && !empty) {
            return fail_at(reader, line, error, "the file is a mapping of option names to values");
        }
    }
}

bool
option_file_read(const char *path, OptionFileVisit visit, void *user, GError **error)
{
    g_autoptr(FILE) file = fopen(path, "re");
    if (file == NULL)
        return error_set_errno(error, errno, "cannot open configuration file %s", path);
    g_auto(yaml_parser_t) parser;
    if (!yaml_parser_initialize(&parser))
        return error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED, "no memory to read %s", path);
    yaml_parser_set_input_file(&parser, file);
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    Reader reader = {path, &parser, visit, user, seen};
    return read_document(&reader, error);
}
