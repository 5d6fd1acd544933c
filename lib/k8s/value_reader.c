/* Builds values from the events of yajl or libyaml. */
#include <string.h>
#include <yajl/yajl_parse.h>
#include <yaml.h>

#include "lib/base/error.h"
#include "lib/k8s/value.h"

#define INTERNED_BYTES_MAX 128
#define UNCUT_MAX          ((1U << VALUE_UNCUT_BITS) - 1)
/* Of a YAML file, which is read whole. */
#define YAML_BYTES_MAX (64 * 1024 * 1024)
/* What an alias may stand for: an alias of an alias multiplies. */
#define YAML_ALIASES_MAX 1000

typedef struct {
    Value *value; /* a list or map that is being read */
    Value **end;  /* where its next child goes */
} Level;

struct ValueReader {
    Arena *arena;
    GHashTable *texts; /* of the arena, each once */
    ValueFormat format;
    yajl_handle json;
    GByteArray *yaml;
    Level levels[VALUE_DEPTH_MAX];
    unsigned depth;   /* of levels in use */
    unsigned skipped; /* containers within something that is left out, which are open */
    bool skips_next;  /* the value of the last key is left out */
    const char *key;  /* of the next value, in a map */
    Value *root;
    bool is_full; /* the arena is */
};

ValueReader *
value_reader_new(Arena *arena)
{
    ValueReader *reader = g_new0(ValueReader, 1);
    reader->arena = arena;
    reader->texts = g_hash_table_new(g_str_hash, g_str_equal);
    return reader;
}

static void
drop_parsers(ValueReader *reader)
{
    g_clear_pointer(&reader->json, yajl_free);
    g_clear_pointer(&reader->yaml, g_byte_array_unref);
}

void
value_reader_free(ValueReader *reader)
{
    if (reader == NULL)
        return;
    drop_parsers(reader);
    g_hash_table_unref(reader->texts);
    g_free(reader);
}

/* ---- Events. ---- */

/* Cut at a character. */
static size_t
cut_length(const char *text, size_t length)
{
    if (length <= VALUE_TEXT_BYTES_MAX)
        return length;
    const char *end = text + VALUE_TEXT_BYTES_MAX;
    const char *start = g_utf8_find_prev_char(text, end + 1);
    return (size_t)((start != NULL ? start : end) - text);
}

static const char *
store_text(ValueReader *reader, const char *text, size_t length)
{
    char buffer[INTERNED_BYTES_MAX + 1];
    char *stored;
    if (length <= INTERNED_BYTES_MAX) {
        memcpy(buffer, text, length);
        buffer[length] = '\0';
        stored = g_hash_table_lookup(reader->texts, buffer);
        if (stored != NULL)
            return stored;
    }
    stored = arena_strndup(reader->arena, text, length);
    if (stored == NULL)
        reader->is_full = true;
    else if (length <= INTERNED_BYTES_MAX)
        g_hash_table_add(reader->texts, stored);
    return stored;
}

/* Whether the value that comes now is left out. */
static bool
is_left_out(ValueReader *reader)
{
    bool left_out = reader->skipped > 0 || reader->skips_next;
    reader->skips_next = false;
    return left_out;
}

/* Puts a value where it belongs. NULL when the arena is full. */
static Value *
add_value(ValueReader *reader, ValueType type)
{
    Value *value = arena_alloc(reader->arena, sizeof *value);
    if (value == NULL) {
        reader->is_full = true;
        return NULL;
    }
    value->type = type;
    if (reader->depth == 0) {
        reader->root = value;
        return value;
    }
    Level *level = &reader->levels[reader->depth - 1];
    value->key = level->value->type == VALUE_MAP ? reader->key : "";
    *level->end = value;
    level->end = &value->next;
    level->value->n++;
    return value;
}

static bool
add_scalar(ValueReader *reader, ValueType type, const char *text, size_t length)
{
    if (is_left_out(reader))
        return true;
    const char *stored = store_text(reader, text, cut_length(text, length));
    Value *value = stored != NULL ? add_value(reader, type) : NULL;
    if (value == NULL)
        return false;
    value->text = stored;
    value->n = (uint32_t)strlen(stored); /* what lies behind a NUL is not seen */
    value->uncut = MIN(length, UNCUT_MAX) & UNCUT_MAX;
    return true;
}

static bool
begin_container(ValueReader *reader, ValueType type)
{
    if (is_left_out(reader) || reader->depth == VALUE_DEPTH_MAX) {
        reader->skipped++;
        return true;
    }
    Value *value = add_value(reader, type);
    if (value == NULL)
        return false;
    value->first = NULL;
    reader->levels[reader->depth++] = (Level){value, &value->first};
    return true;
}

static bool
end_container(ValueReader *reader)
{
    if (reader->skipped > 0)
        reader->skipped--;
    else
        reader->depth--;
    return true;
}

static bool
is_ignored_key(const char *key, size_t length)
{
    static const char *const ignored[] = {"fieldsV1",
                                          "kubectl.kubernetes.io/last-applied-configuration"};
    for (size_t i = 0; i < G_N_ELEMENTS(ignored); i++) {
        if (strlen(ignored[i]) == length && memcmp(ignored[i], key, length) == 0)
            return true;
    }
    return false;
}

static bool
take_key(ValueReader *reader, const char *key, size_t length)
{
    if (reader->skipped > 0)
        return true;
    reader->skips_next = is_ignored_key(key, length);
    reader->key = store_text(reader, key, cut_length(key, length));
    return reader->key != NULL;
}

/* ---- JSON. ---- */

static int
on_null(void *reader)
{
    return add_scalar(reader, VALUE_NULL, "", 0);
}

static int
on_bool(void *reader, int value)
{
    return value ? add_scalar(reader, VALUE_BOOL, "true", 4)
                 : add_scalar(reader, VALUE_BOOL, "false", 5);
}

static int
on_number(void *reader, const char *text, size_t length)
{
    return add_scalar(reader, VALUE_NUMBER, text, length);
}

static int
on_string(void *reader, const unsigned char *text, size_t length)
{
    return add_scalar(reader, VALUE_TEXT, (const char *)text, length);
}

static int
on_key(void *reader, const unsigned char *text, size_t length)
{
    return take_key(reader, (const char *)text, length);
}

static int
on_map(void *reader)
{
    return begin_container(reader, VALUE_MAP);
}

static int
on_list(void *reader)
{
    return begin_container(reader, VALUE_LIST);
}

static int
on_end(void *reader)
{
    return end_container(reader);
}

static const yajl_callbacks json_callbacks = {
    .yajl_null = on_null,
    .yajl_boolean = on_bool,
    .yajl_number = on_number,
    .yajl_string = on_string,
    .yajl_start_map = on_map,
    .yajl_map_key = on_key,
    .yajl_end_map = on_end,
    .yajl_start_array = on_list,
    .yajl_end_array = on_end,
};

static bool
fail(const ValueReader *reader, const char *why, GError **error)
{
    if (reader->is_full)
        return error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED,
                         "the objects take more memory than is allowed: more than %zu bytes",
                         arena_used(reader->arena));
    return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "%s", why);
}

static bool
check_json(ValueReader *reader, yajl_status status, const unsigned char *data, size_t size,
           GError **error)
{
    if (status == yajl_status_ok)
        return true;
    unsigned char *text = yajl_get_error(reader->json, 0, data, size);
    g_autofree char *why = g_strdup_printf("not valid JSON: %s", g_strchomp((char *)text));
    yajl_free_error(reader->json, text);
    return fail(reader, why, error);
}

/* ---- YAML. ---- */

/* What plain text stands for (YAML 1.2, core schema). */
static ValueType
plain_type(const char *text)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const bools[] = {"true", "True", "TRUE", "false", "False", "FALSE", NULL};
    if (g_strv_contains(nulls, text))
        return VALUE_NULL;
    if (g_strv_contains(bools, text))
        return VALUE_BOOL;
    char *end;
    (void)g_ascii_strtod(text, &end);
    return *end == '\0' && !g_ascii_isalpha(text[0]) ? VALUE_NUMBER : VALUE_TEXT;
}

static bool
add_yaml_scalar(ValueReader *reader, const yaml_node_t *node)
{
    const char *text = (const char *)node->data.scalar.value;
    size_t length = node->data.scalar.length;
    ValueType type =
        node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE ? plain_type(text) : VALUE_TEXT;
    if (type == VALUE_NULL)
        return on_null(reader);
    if (type == VALUE_BOOL)
        return on_bool(reader, g_ascii_tolower(text[0]) == 't');
    return add_scalar(reader, type, text, length);
}

typedef struct {
    ValueReader *reader;
    yaml_document_t *document;
    size_t left; /* nodes that may still be visited: aliases are visited each time */
} YamlWalk;

static bool add_yaml_node(YamlWalk *walk, int index, unsigned depth);

static bool
add_yaml_pairs(YamlWalk *walk, const yaml_node_t *node, unsigned depth)
{
    const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
    for (; pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(walk->document, pair->key);
        if (key->type != YAML_SCALAR_NODE)
            continue;
        if (!take_key(walk->reader, (const char *)key->data.scalar.value,
                      key->data.scalar.length) ||
            !add_yaml_node(walk, pair->value, depth + 1))
            return false;
    }
    return true;
}

static bool
add_yaml_items(YamlWalk *walk, const yaml_node_t *node, unsigned depth)
{
    const yaml_node_item_t *item = node->data.sequence.items.start;
    for (; item < node->data.sequence.items.top; item++) {
        if (!add_yaml_node(walk, *item, depth + 1))
            return false;
    }
    return true;
}

static bool
add_yaml_node(YamlWalk *walk, int index, unsigned depth)
{
    const yaml_node_t *node = yaml_document_get_node(walk->document, index);
    if (walk->left-- == 0)
        return false;
    if (node->type == YAML_SCALAR_NODE)
        return add_yaml_scalar(walk->reader, node);
    bool is_map = node->type == YAML_MAPPING_NODE;
    if (!begin_container(walk->reader, is_map ? VALUE_MAP : VALUE_LIST))
        return false;
    bool ok = depth >= VALUE_DEPTH_MAX ||
              (is_map ? add_yaml_pairs(walk, node, depth) : add_yaml_items(walk, node, depth));
    return ok && end_container(walk->reader);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(yaml_parser_t, yaml_parser_delete)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(yaml_document_t, yaml_document_delete)

/* Adds a document to the list of them. False at the end of the stream, or with *error. */
static bool
add_yaml_document(ValueReader *reader, yaml_parser_t *parser, GError **error)
{
    g_auto(yaml_document_t) document;
    if (!yaml_parser_load(parser, &document)) {
        memset(&document, 0, sizeof document);
        g_autofree char *why =
            g_strdup_printf("line %zu: %s", parser->problem_mark.line + 1,
                            parser->problem != NULL ? parser->problem : "not valid YAML");
        return fail(reader, why, error);
    }
    if (yaml_document_get_root_node(&document) == NULL)
        return false;
    size_t n_nodes = (size_t)(document.nodes.top - document.nodes.start);
    YamlWalk walk = {reader, &document, n_nodes + YAML_ALIASES_MAX};
    return add_yaml_node(&walk, 1, 0) || fail(reader, "too many aliases", error);
}

static bool
read_yaml(ValueReader *reader, GError **error)
{
    GError *failed = NULL;
    g_auto(yaml_parser_t) parser;
    if (!yaml_parser_initialize(&parser))
        return error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED, "no memory to read YAML");
    static const unsigned char nothing[1];
    yaml_parser_set_input_string(&parser, reader->yaml->len > 0 ? reader->yaml->data : nothing,
                                 reader->yaml->len);
    if (!begin_container(reader, VALUE_LIST))
        return fail(reader, "", error);
    while (add_yaml_document(reader, &parser, &failed))
        ;
    if (failed != NULL) {
        g_propagate_error(error, failed);
        return false;
    }
    if (reader->root->n == 1 && reader->root->first != NULL)
        reader->root = reader->root->first;
    return true;
}

/* ---- Both. ---- */

void
value_reader_begin(ValueReader *reader, ValueFormat format)
{
    drop_parsers(reader);
    reader->format = format;
    reader->depth = reader->skipped = 0;
    reader->skips_next = false;
    reader->key = NULL;
    reader->root = NULL;
    if (format == VALUE_YAML)
        reader->yaml = g_byte_array_new();
    else
        reader->json = yajl_alloc(&json_callbacks, NULL, reader);
}

bool
value_reader_feed(ValueReader *reader, const void *data, size_t size, GError **error)
{
    if (reader->format == VALUE_JSON)
        return check_json(reader, yajl_parse(reader->json, data, size), data, size, error);
    if (size > YAML_BYTES_MAX - reader->yaml->len)
        return error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED,
                         "a YAML file may have %d bytes at most", YAML_BYTES_MAX);
    g_byte_array_append(reader->yaml, data, (guint)size);
    return true;
}

Value *
value_reader_end(ValueReader *reader, GError **error)
{
    bool ok = reader->format == VALUE_JSON
                  ? check_json(reader, yajl_complete_parse(reader->json), NULL, 0, error)
                  : read_yaml(reader, error);
    drop_parsers(reader);
    if (ok && reader->root == NULL)
        ok = error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "the document is empty");
    return ok ? reader->root : NULL;
}
