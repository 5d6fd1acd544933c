#include "server/store/meta.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/error.h"
#include "server/store/meta_private.h"
#include "server/store/meta_sql.h"

enum { CHECKPOINT_PAGES = 1000, STATE_GOOD = 0, STATE_BAD = 9 };

bool
meta_failed(sqlite3 *db, const char *what, GError **error)
{
    bool is_full = sqlite3_errcode(db) == SQLITE_FULL;
    return error_set(error, is_full ? CRESSET_ERROR_RESOURCE_EXHAUSTED : CRESSET_ERROR_INTERNAL,
                     "metastore: %s: %s", what, sqlite3_errmsg(db));
}

static bool
run(sqlite3 *db, const char *sql, GError **error)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK || meta_failed(db, sql, error);
}

static int
on_commit(void *data, sqlite3 *db, const char *name, int n_pages)
{
    (void)db;
    (void)name;
    ((Meta *)data)->wal_pages = n_pages;
    return SQLITE_OK;
}

static bool
is_sound(sqlite3 *db)
{
    sqlite3_stmt *statement = NULL;
    bool is_ok =
        sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW &&
        g_strcmp0((const char *)sqlite3_column_text(statement, 0), "ok") == 0;
    sqlite3_finalize(statement);
    return is_ok;
}

/* Brings the tables to this program's version; those of a newer one have columns that it does not
 * know, and defaults for them. */
static bool
upgrade(sqlite3 *db, GError **error)
{
    sqlite3_stmt *statement = meta_prepare(db, META_SQL_VERSION, error);
    if (statement == NULL)
        return false;
    bool is_read = sqlite3_step(statement) == SQLITE_ROW;
    int64_t version = is_read ? sqlite3_column_int64(statement, 0) : 0;
    sqlite3_finalize(statement);
    if (!is_read)
        return meta_failed(db, "read the version of the tables", error);
    return version >= 2 || run(db, META_SQL_TO_2, error);
}

/* Opens the write connection and brings the schema up; false also for a damaged file. */
static bool
open_writer(Meta *meta, const char *path, GError **error)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX;
    if (sqlite3_open_v2(path, &meta->writer, flags, NULL) != SQLITE_OK)
        return meta_failed(meta->writer, path, error);
    if (!is_sound(meta->writer))
        return error_set(error, CRESSET_ERROR_DATA_LOSS, "metastore: %s is damaged", path);
    sqlite3_wal_hook(meta->writer, on_commit, meta);
    return run(meta->writer, META_SQL_WRITER, error) && run(meta->writer, META_SQL_SCHEMA, error) &&
           upgrade(meta->writer, error);
}

static void
set_file_aside(const char *path)
{
    g_autofree char *aside =
        g_strdup_printf("%s.corrupt-%" G_GINT64_FORMAT, path, g_get_real_time() / G_USEC_PER_SEC);
    (void)rename(path, aside);
    const char *suffixes[] = {"-wal", "-shm"};
    for (size_t i = 0; i < G_N_ELEMENTS(suffixes); i++) {
        g_autofree char *beside = g_strconcat(path, suffixes[i], NULL);
        (void)remove(beside);
    }
}

Meta *
meta_open(const char *path, bool *ret_is_new, GError **error)
{
    g_autoptr(Meta) meta = g_new0(Meta, 1);
    g_mutex_init(&meta->write_lock);
    g_mutex_init(&meta->read_lock);
    *ret_is_new = !g_file_test(path, G_FILE_TEST_EXISTS);
    if (!open_writer(meta, path, NULL)) {
        sqlite3_close(g_steal_pointer(&meta->writer));
        set_file_aside(path);
        *ret_is_new = true;
        if (!open_writer(meta, path, error))
            return NULL;
    }
    int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_FULLMUTEX;
    if (sqlite3_open_v2(path, &meta->reader, flags, NULL) != SQLITE_OK) {
        meta_failed(meta->reader, path, error);
        return NULL;
    }
    if (!run(meta->reader, META_SQL_READER, error))
        return NULL;
    return g_steal_pointer(&meta);
}

void
meta_close(Meta *meta)
{
    if (meta == NULL)
        return;
    sqlite3_close(meta->reader);
    sqlite3_close(meta->writer);
    g_mutex_clear(&meta->write_lock);
    g_mutex_clear(&meta->read_lock);
    g_free(meta);
}

sqlite3_stmt *
meta_prepare(sqlite3 *db, const char *sql, GError **error)
{
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
        meta_failed(db, sql, error);
    return statement;
}

void
meta_bind_text(sqlite3_stmt *statement, int at, const char *text)
{
    sqlite3_bind_text(statement, at, text, -1, SQLITE_TRANSIENT);
}

static void
bind_bytes(sqlite3_stmt *statement, int at, GBytes *bytes)
{
    size_t size = 0;
    const void *data = bytes != NULL ? g_bytes_get_data(bytes, &size) : "";
    sqlite3_bind_blob64(statement, at, data, size, SQLITE_TRANSIENT);
}

bool
meta_step_to_end(sqlite3 *db, sqlite3_stmt *statement, const char *what, GError **error)
{
    bool is_ok = sqlite3_step(statement) == SQLITE_DONE || meta_failed(db, what, error);
    sqlite3_reset(statement);
    return is_ok;
}

static bool
insert_datasets(sqlite3 *db, const MetaBlock *block, GError **error)
{
    sqlite3_stmt *statement = meta_prepare(db, META_SQL_INSERT_DATASET, error);
    bool is_ok = statement != NULL;
    for (unsigned i = 0; is_ok && i < block->info->datasets->len; i++) {
        const BlockDatasetInfo *dataset = block->info->datasets->pdata[i];
        g_autofree char *types = g_strjoinv("\n", dataset->types);
        meta_bind_text(statement, 1, block->id.text);
        sqlite3_bind_int64(statement, 2, dataset->number);
        meta_bind_text(statement, 3, block->info->tenant);
        meta_bind_text(statement, 4, dataset->service);
        meta_bind_text(statement, 5, types);
        sqlite3_bind_int64(statement, 6, dataset->first_ns);
        sqlite3_bind_int64(statement, 7, dataset->last_ns);
        bind_bytes(statement, 8, dataset->toc);
        is_ok = meta_step_to_end(db, statement, "add dataset", error);
    }
    sqlite3_finalize(statement);
    return is_ok;
}

static bool
insert_block(sqlite3 *db, const MetaBlock *block, GError **error)
{
    const BlockInfo *info = block->info;
    sqlite3_stmt *statement = meta_prepare(db, META_SQL_INSERT_BLOCK, error);
    if (statement == NULL)
        return false;
    meta_bind_text(statement, 1, info->tenant);
    sqlite3_bind_int64(statement, 2, info->first_ns / (86400 * G_GINT64_CONSTANT(1000000000)));
    meta_bind_text(statement, 3, block->id.text);
    sqlite3_bind_int64(statement, 4, info->first_ns);
    sqlite3_bind_int64(statement, 5, info->last_ns);
    sqlite3_bind_int64(statement, 6, (int64_t)info->size);
    sqlite3_bind_int64(statement, 7, (int64_t)info->n_rows);
    sqlite3_bind_int64(statement, 8, (int64_t)info->n_samples);
    meta_bind_text(statement, 9, info->segment);
    sqlite3_bind_int64(statement, 10, g_get_real_time() * 1000);
    bool is_ok = meta_step_to_end(db, statement, "add block", error);
    sqlite3_finalize(statement);
    return is_ok && insert_datasets(db, block, error);
}

/* Ends the transaction begun by the caller, and checkpoints now and then. */
bool
meta_finish_write(Meta *meta, bool is_ok, GError **error)
{
    is_ok = is_ok && run(meta->writer, "COMMIT", error);
    if (!is_ok) {
        run(meta->writer, "ROLLBACK", NULL);
    } else if (meta->wal_pages >= CHECKPOINT_PAGES) {
        sqlite3_wal_checkpoint_v2(meta->writer, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    }
    g_mutex_unlock(&meta->write_lock);
    return is_ok;
}

bool
meta_begin_write(Meta *meta, GError **error)
{
    g_mutex_lock(&meta->write_lock);
    return run(meta->writer, "BEGIN IMMEDIATE", error);
}

bool
meta_add(Meta *meta, const MetaBlock *blocks, size_t n, GError **error)
{
    bool is_ok = meta_begin_write(meta, error);
    for (size_t i = 0; i < n && is_ok; i++)
        is_ok = insert_block(meta->writer, &blocks[i], error);
    return meta_finish_write(meta, is_ok, error);
}

/* One statement with one text parameter, as a transaction. */
static bool
write_one(Meta *meta, const char *const *statements, const char *text, GError **error)
{
    bool is_ok = meta_begin_write(meta, error);
    for (; is_ok && *statements != NULL; statements++) {
        sqlite3_stmt *statement = meta_prepare(meta->writer, *statements, error);
        if (statement != NULL)
            meta_bind_text(statement, 1, text);
        is_ok = statement != NULL && meta_step_to_end(meta->writer, statement, *statements, error);
        sqlite3_finalize(statement);
    }
    return meta_finish_write(meta, is_ok, error);
}

bool
meta_quarantine(Meta *meta, const char *block, GError **error)
{
    return write_one(meta, (const char *[]){META_SQL_QUARANTINE, NULL}, block, error);
}

bool
meta_forget_segment(Meta *meta, const char *segment, GError **error)
{
    return write_one(meta, (const char *[]){META_SQL_FORGET_DATASETS, META_SQL_FORGET_BLOCKS, NULL},
                     segment, error);
}

static Ulid
column_ulid(sqlite3_stmt *statement, int at)
{
    Ulid ulid = {0};
    g_strlcpy(ulid.text, (const char *)sqlite3_column_text(statement, at), sizeof ulid.text);
    return ulid;
}

/* Ends a read: whether the last step said so. */
bool
meta_finish_read(Meta *meta, sqlite3_stmt *statement, int result, const char *what, GError **error)
{
    bool is_ok =
        statement != NULL && (result == SQLITE_DONE || meta_failed(meta->reader, what, error));
    sqlite3_finalize(statement);
    g_mutex_unlock(&meta->read_lock);
    return is_ok;
}

GArray *
meta_find(Meta *meta, const char *tenant, const char *service, int64_t start_ns, int64_t end_ns,
          GError **error)
{
    g_autoptr(GArray) found = g_array_new(FALSE, FALSE, sizeof(MetaDataset));
    g_mutex_lock(&meta->read_lock);
    sqlite3_stmt *statement =
        meta_prepare(meta->reader, service != NULL ? META_SQL_FIND_SERVICE : META_SQL_FIND, error);
    int result = SQLITE_ERROR;
    if (statement != NULL) {
        meta_bind_text(statement, 1, tenant);
        sqlite3_bind_int64(statement, 2, start_ns);
        sqlite3_bind_int64(statement, 3, end_ns);
        if (service != NULL)
            meta_bind_text(statement, 4, service);
        while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
            MetaDataset dataset = {
                .block = column_ulid(statement, 0),
                .segment = column_ulid(statement, 1),
                .number = (uint32_t)sqlite3_column_int64(statement, 2),
                .is_bad = sqlite3_column_int64(statement, 3) == STATE_BAD,
            };
            g_array_append_val(found, dataset);
        }
    }
    return meta_finish_read(meta, statement, result, "find", error) ? g_steal_pointer(&found)
                                                                    : NULL;
}

GArray *
meta_list(Meta *meta, GError **error)
{
    g_autoptr(GArray) entries = g_array_new(FALSE, FALSE, sizeof(MetaEntry));
    g_mutex_lock(&meta->read_lock);
    sqlite3_stmt *statement = meta_prepare(meta->reader, META_SQL_LIST, error);
    int result = SQLITE_ERROR;
    while (statement != NULL && (result = sqlite3_step(statement)) == SQLITE_ROW) {
        MetaEntry entry = {
            .block = column_ulid(statement, 0),
            .segment = column_ulid(statement, 1),
            .is_bad = sqlite3_column_int64(statement, 2) == STATE_BAD,
        };
        g_array_append_val(entries, entry);
    }
    return meta_finish_read(meta, statement, result, "list", error) ? g_steal_pointer(&entries)
                                                                    : NULL;
}

bool
meta_tenants(Meta *meta, GHashTable *tenants, GError **error)
{
    g_mutex_lock(&meta->read_lock);
    sqlite3_stmt *statement = meta_prepare(meta->reader, META_SQL_TENANTS, error);
    int result = SQLITE_ERROR;
    while (statement != NULL && (result = sqlite3_step(statement)) == SQLITE_ROW)
        g_hash_table_add(tenants, g_strdup((const char *)sqlite3_column_text(statement, 0)));
    return meta_finish_read(meta, statement, result, "tenants", error);
}

bool
meta_time_range(Meta *meta, const char *tenant, int64_t *first_ns, int64_t *last_ns, GError **error)
{
    g_mutex_lock(&meta->read_lock);
    sqlite3_stmt *statement = meta_prepare(meta->reader, META_SQL_TIME_RANGE, error);
    int result = SQLITE_ERROR;
    if (statement != NULL)
        meta_bind_text(statement, 1, tenant);
    while (statement != NULL && (result = sqlite3_step(statement)) == SQLITE_ROW) {
        if (sqlite3_column_type(statement, 0) == SQLITE_NULL)
            continue;
        *first_ns = MIN(*first_ns, sqlite3_column_int64(statement, 0));
        *last_ns = MAX(*last_ns, sqlite3_column_int64(statement, 1));
    }
    return meta_finish_read(meta, statement, result, "time range", error);
}

bool
meta_totals(Meta *meta, int64_t *ret_blocks, int64_t *ret_bytes, GError **error)
{
    g_mutex_lock(&meta->read_lock);
    sqlite3_stmt *statement = meta_prepare(meta->reader, META_SQL_TOTALS, error);
    int result = SQLITE_ERROR;
    while (statement != NULL && (result = sqlite3_step(statement)) == SQLITE_ROW) {
        *ret_blocks = sqlite3_column_int64(statement, 0);
        *ret_bytes = sqlite3_column_int64(statement, 1);
    }
    return meta_finish_read(meta, statement, result, "totals", error);
}
