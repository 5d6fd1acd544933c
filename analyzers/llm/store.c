#include "analyzers/llm/store.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "lib/base/error.h"

struct Store {
    sqlite3 *db;
    uint8_t key[MASK_KEY_BYTES];
};

#define SQL_SETUP                                                                                  \
    "PRAGMA trusted_schema=OFF;"                                                                   \
    "CREATE TABLE IF NOT EXISTS install(id INTEGER PRIMARY KEY CHECK (id = 1), key BLOB NOT "      \
    "NULL);"                                                                                       \
    "CREATE TABLE IF NOT EXISTS answer(question TEXT NOT NULL PRIMARY KEY, at BIGINT NOT NULL,"    \
    " content TEXT NOT NULL)"
#define SQL_ADD_KEY "INSERT INTO install(id, key) VALUES(1, ?1) ON CONFLICT DO NOTHING"
#define SQL_KEY     "SELECT key FROM install"
#define SQL_FIND    "SELECT content FROM answer WHERE question = ?1 AND at > ?2"
#define SQL_PUT                                                                                    \
    "INSERT INTO answer(question, at, content) VALUES(?1, ?2, ?3) ON CONFLICT(question)"           \
    " DO UPDATE SET at = excluded.at, content = excluded.content"
#define SQL_FORGET "DELETE FROM answer WHERE at <= ?1"

static void
finalize(sqlite3_stmt *statement)
{
    sqlite3_finalize(statement);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sqlite3_stmt, finalize)

static sqlite3_stmt *
prepare(Store *store, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    (void)sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL);
    return statement;
}

/* The first run of several makes the key. */
static bool
load_key(Store *store)
{
    uint8_t fresh[MASK_KEY_BYTES];
    if (getrandom(fresh, sizeof fresh, 0) != (ssize_t)sizeof fresh)
        return false;
    g_autoptr(sqlite3_stmt) add = prepare(store, SQL_ADD_KEY);
    g_autoptr(sqlite3_stmt) find = prepare(store, SQL_KEY);
    if (add == NULL || find == NULL)
        return false;
    sqlite3_bind_blob(add, 1, fresh, sizeof fresh, SQLITE_TRANSIENT);
    if (sqlite3_step(add) != SQLITE_DONE || sqlite3_step(find) != SQLITE_ROW ||
        sqlite3_column_bytes(find, 0) != MASK_KEY_BYTES)
        return false;
    memcpy(store->key, sqlite3_column_blob(find, 0), MASK_KEY_BYTES);
    return true;
}

Store *
store_open(const char *path, GError **error)
{
    enum { OWNER_ONLY = 0600 };
    g_autoptr(Store) store = g_new0(Store, 1);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, OWNER_ONLY);
    if (fd < 0) {
        error_set_errno(error, errno, "--llm-store %s", path);
        return NULL;
    }
    close(fd);
    if (sqlite3_open_v2(path, &store->db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK ||
        sqlite3_busy_timeout(store->db, STORE_BUSY_MS) != SQLITE_OK ||
        sqlite3_exec(store->db, SQL_SETUP, NULL, NULL, NULL) != SQLITE_OK || !load_key(store)) {
        error_set(error, CRESSET_ERROR_DATA_LOSS, "--llm-store %s: %s", path,
                  sqlite3_errmsg(store->db));
        return NULL;
    }
    return g_steal_pointer(&store);
}

void
store_close(Store *store)
{
    if (store == NULL)
        return;
    sqlite3_close(store->db);
    g_free(store);
}

const uint8_t *
store_key(const Store *store)
{
    return store->key;
}

char *
store_find(Store *store, const char *question, int64_t now_s)
{
    g_autoptr(sqlite3_stmt) find = prepare(store, SQL_FIND);
    if (find == NULL)
        return NULL;
    sqlite3_bind_text(find, 1, question, -1, SQLITE_TRANSIENT);
    sqlite3_bind_int64(find, 2, now_s - STORE_TTL_S);
    return sqlite3_step(find) == SQLITE_ROW ? g_strdup((const char *)sqlite3_column_text(find, 0))
                                            : NULL;
}

void
store_put(Store *store, const char *question, const char *answer, int64_t now_s)
{
    g_autoptr(sqlite3_stmt) put = prepare(store, SQL_PUT);
    g_autoptr(sqlite3_stmt) forget = prepare(store, SQL_FORGET);
    if (put == NULL || forget == NULL)
        return;
    sqlite3_bind_text(put, 1, question, -1, SQLITE_TRANSIENT);
    sqlite3_bind_int64(put, 2, now_s);
    sqlite3_bind_text(put, 3, answer, -1, SQLITE_TRANSIENT);
    sqlite3_bind_int64(forget, 1, now_s - STORE_TTL_S);
    (void)sqlite3_step(put);
    (void)sqlite3_step(forget);
}
