#include "analyzers/collect/folder.h"

#include <errno.h>

#include <string.h>
#include <zlib.h>

#include "analyzers/collect/log_folder.h"
#include "lib/base/error.h"
#include "lib/k8s/config.h"

#define PIECE_BYTES (256 * 1024)
/* Of one file, decompressed. */
#define FILE_BYTES_MAX ((size_t)4 * 1024 * 1024 * 1024)
#define FACT_BYTES_MAX (64 * 1024)

typedef struct {
    Snapshot *snapshot;
    ValueReader *reader;
} Folder;

/* ---- Objects of a document. ---- */

static Kind
kind_of_value(const Value *value)
{
    g_autofree char *group = kind_group(value_text(value, "apiVersion"));
    Kind kind = kind_of(group, value_text(value, "kind"));
    return kind == KIND_NONE && snapshot_is_managed(value) ? KIND_MANAGED : kind;
}

/* Items of a list often do not say their kind: it is that of the list, without "List". */
static Kind
kind_of_list(const Value *list)
{
    g_autofree char *group = kind_group(value_text(list, "apiVersion"));
    g_autofree char *kind = g_strdup(value_text(list, "kind"));
    if (g_str_has_suffix(kind, "List"))
        kind[strlen(kind) - strlen("List")] = '\0';
    return kind_of(group, kind);
}

static void
add_items(const Folder *folder, const Value *list, Kind kind)
{
    for (const Value *item = value_first(list, "items"); item != NULL; item = item->next) {
        Kind own = value_get(item, "kind") != NULL ? kind_of_value(item) : KIND_NONE;
        Kind of_item = own != KIND_NONE ? own : kind;
        snapshot_add(folder->snapshot, of_item, item);
        if (of_item != KIND_NONE && snapshot_list_state(folder->snapshot, of_item) == LIST_NOT_READ)
            snapshot_set_list(folder->snapshot, of_item, LIST_READ, NULL);
    }
}

/* An object, a list of objects, or several of these from a YAML file. `kind` is what the file's
 * name says, or KIND_NONE. */
static void
add_document(const Folder *folder, const Value *document, Kind kind)
{
    if (document->type == VALUE_LIST) {
        for (const Value *one = document->first; one != NULL; one = one->next) {
            if (one->type == VALUE_MAP)
                add_document(folder, one, kind);
        }
    } else if (value_get(document, "items") != NULL) {
        Kind own = kind_of_list(document);
        Kind of_list = kind != KIND_NONE ? kind : own;
        add_items(folder, document, of_list);
        if (of_list != KIND_NONE)
            snapshot_set_list(folder->snapshot, of_list, LIST_READ, NULL);
    } else {
        Kind own = kind_of_value(document);
        snapshot_add(folder->snapshot, own, document);
        if (own != KIND_NONE && snapshot_list_state(folder->snapshot, own) == LIST_NOT_READ)
            snapshot_set_list(folder->snapshot, own, LIST_READ, NULL);
    }
}

/* ---- Files. ---- */

static bool
feed_file(const Folder *folder, const char *path, GError **error)
{
    gzFile file = gzopen(path, "re");
    if (file == NULL)
        return error_set_errno(error, errno, "cannot be opened");
    g_autofree char *piece = g_malloc(PIECE_BYTES);
    size_t total = 0;
    int n;
    bool ok = true;
    while (ok && (n = gzread(file, piece, PIECE_BYTES)) > 0) {
        total += (size_t)n;
        ok = total <= FILE_BYTES_MAX ? value_reader_feed(folder->reader, piece, (size_t)n, error)
                                     : error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED,
                                                 "larger than %zu bytes", FILE_BYTES_MAX);
    }
    int why = Z_OK;
    const char *text = gzerror(file, &why);
    if (ok && why != Z_OK && why != Z_STREAM_END)
        ok = error_set(error, CRESSET_ERROR_DATA_LOSS, "cannot be read: %s", text);
    (void)gzclose(file);
    return ok;
}

static const Value *
read_file(const Folder *folder, const char *path, GError **error)
{
    bool is_yaml = g_str_has_suffix(path, ".yaml") || g_str_has_suffix(path, ".yml");
    value_reader_begin(folder->reader, is_yaml ? VALUE_YAML : VALUE_JSON);
    return feed_file(folder, path, error) ? value_reader_end(folder->reader, error) : NULL;
}

/* What a recording's name says of it. */
typedef struct {
    Kind kind;      /* KIND_NONE: it is no recorded list of a known kind */
    bool is_list;   /* it is a recorded list, whatever its kind */
    int error_code; /* 0: it was answered */
} FileName;

static FileName
parse_name(const char *name)
{
    FileName parsed = {.kind = KIND_NONE};
    g_auto(GStrv) parts = g_strsplit(name, "_", 3);
    if (g_strv_length(parts) != 3 ||
        !g_regex_match_simple("^v[0-9]+((alpha|beta)[0-9]+)?$", parts[1], 0, 0))
        return parsed;
    char *dot = strchr(parts[2], '.');
    if (dot == NULL)
        return parsed;
    const char *error = strstr(dot, ".error-");
    if (error != NULL)
        parsed.error_code = (int)g_ascii_strtoll(error + strlen(".error-"), NULL, 10);
    *dot = '\0';
    parsed.is_list = true;
    parsed.kind = kind_of_resource(strcmp(parts[0], "core") == 0 ? "" : parts[0], parts[2]);
    return parsed;
}

static bool
is_document(const char *name)
{
    static const char *const suffixes[] = {".json", ".json.gz", ".yaml", ".yml"};
    for (size_t i = 0; i < G_N_ELEMENTS(suffixes); i++) {
        if (g_str_has_suffix(name, suffixes[i]))
            return true;
    }
    return false;
}

static void
take_failure(const Folder *folder, Kind kind, int code, const Value *status)
{
    const char *message = value_text(status, "message");
    g_autofree char *why =
        g_strdup_printf("%s could not be listed: %d %s", kind_row(kind)->resource, code, message);
    snapshot_set_list(folder->snapshot, kind, code == 404 ? LIST_ABSENT : LIST_FAILED, why);
}

/* `is_chosen`: named by hand, so it is read whatever it is called. */
static bool
take_file(const Folder *folder, const char *dir, const char *name, bool is_chosen, GError **error)
{
    g_autoptr(GError) failed = NULL;
    g_autofree char *path = g_build_filename(dir, name, NULL);
    FileName parsed = parse_name(name);
    if (parsed.kind == KIND_NONE) {
        if (parsed.is_list && !is_chosen)
            return true; /* of a kind that nobody looks at */
        parsed.error_code = 0;
    }
    const Value *document = read_file(folder, path, &failed);
    if (parsed.error_code != 0) {
        take_failure(folder, parsed.kind, parsed.error_code, document);
    } else if (document != NULL) {
        add_document(folder, document, parsed.kind);
    } else if (parsed.kind != KIND_NONE) {
        g_autofree char *why = g_strdup_printf("%s could not be read: %s",
                                               kind_row(parsed.kind)->resource, failed->message);
        snapshot_set_list(folder->snapshot, parsed.kind, LIST_FAILED, why);
    } else {
        g_propagate_prefixed_error(error, g_steal_pointer(&failed), "%s: ", path);
        return false;
    }
    return true;
}

static gint
compare_names(gconstpointer left, gconstpointer right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/* Names of documents, sorted: the result does not depend on the file system. */
static GPtrArray *
list_names(const char *path, GError **error)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, error);
    if (dir == NULL)
        return NULL;
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    const char *name;
    while ((name = g_dir_read_name(dir)) != NULL) {
        if (is_document(name))
            g_ptr_array_add(names, g_strdup(name));
    }
    g_ptr_array_sort(names, compare_names);
    return names;
}

static void
find_logs(Snapshot *snapshot, const char *dir)
{
    g_autofree char *within = g_build_filename(dir, "logs", NULL);
    g_autofree char *beside = g_build_filename(dir, "..", "logs", NULL);
    log_folder_open(snapshot, g_file_test(within, G_FILE_TEST_IS_DIR) ? within : beside);
}

/* What is no object, within the folder or beside it. */
static void
read_facts(Snapshot *snapshot, const char *dir)
{
    static const char *const names[FACT_COUNT] = {
        [FACT_READYZ] = "readyz.txt", [FACT_CERTIFICATE] = "apiserver.pem"};
    static const char *const places[] = {".", ".."};
    for (int fact = 0; fact < FACT_COUNT; fact++) {
        g_autofree char *why = g_strconcat("the input has no ", names[fact], NULL), *text = NULL;
        for (size_t i = 0; text == NULL && i < G_N_ELEMENTS(places); i++) {
            g_autofree char *path = g_build_filename(dir, places[i], names[fact], NULL);
            gsize size;
            g_autofree char *bytes = k8s_read_file(path, FACT_BYTES_MAX, &size, NULL);
            text = bytes != NULL ? g_utf8_make_valid(bytes, (gssize)size) : NULL;
        }
        snapshot_set_fact(snapshot, (Fact)fact, text, why);
    }
}

/* TLS Secrets are known when Secrets were recorded with what they have. */
static void
judge_secrets(Snapshot *snapshot)
{
    const GPtrArray *secrets = snapshot_objects(snapshot, KIND_SECRET);
    bool has_content = false;
    for (guint i = 0; i < secrets->len && !has_content; i++)
        has_content = value_get(((const Object *)secrets->pdata[i])->value, "type") != NULL;
    if (snapshot_list_state(snapshot, KIND_SECRET) == LIST_READ)
        snapshot_set_list(snapshot, KIND_TLS_SECRET, has_content ? LIST_READ : LIST_NOT_READ,
                          "the input has only the metadata of secrets");
}

static bool
read_all(const Folder *folder, const char *path, GError **error)
{
    if (!g_file_test(path, G_FILE_TEST_IS_DIR)) {
        g_autofree char *dir = g_path_get_dirname(path), *name = g_path_get_basename(path);
        return take_file(folder, dir, name, true, error);
    }
    g_autoptr(GPtrArray) names = list_names(path, error);
    if (names == NULL)
        return false;
    if (names->len == 0)
        return error_set(error, CRESSET_ERROR_NOT_FOUND, "%s has no .json, .yaml or .yml file",
                         path);
    for (guint i = 0; i < names->len; i++) {
        if (!take_file(folder, path, names->pdata[i], false, error))
            return false;
    }
    find_logs(folder->snapshot, path);
    read_facts(folder->snapshot, path);
    return true;
}

bool
folder_read(Snapshot *snapshot, const char *path, GError **error)
{
    g_autoptr(ValueReader) reader = value_reader_new(snapshot_arena(snapshot));
    Folder folder = {snapshot, reader};
    bool ok = read_all(&folder, path, error);
    judge_secrets(snapshot);
    snapshot_finish(snapshot);
    return ok;
}
