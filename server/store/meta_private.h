/* What the files of the metastore share: its two connections, and running statements on them. */
#pragma once
#include <sqlite3.h>

#include "server/store/meta.h"

struct Meta {
    sqlite3 *writer, *reader;
    GMutex write_lock, read_lock;
    int wal_pages; /* after the last commit */
};

/* Sets *error from the connection and returns false. */
bool meta_failed(sqlite3 *db, const char *what, GError **error);
/* NULL with *error. */
sqlite3_stmt *meta_prepare(sqlite3 *db, const char *sql, GError **error);
void meta_bind_text(sqlite3_stmt *statement, int at, const char *text);
/* Runs a statement without rows and resets it. */
bool meta_step_to_end(sqlite3 *db, sqlite3_stmt *statement, const char *what, GError **error);

/* Begins a write transaction under the write lock; meta_finish_write must follow in any case. */
bool meta_begin_write(Meta *meta, GError **error);
/* Commits, or rolls back unless `is_ok`, and checkpoints now and then. */
bool meta_finish_write(Meta *meta, bool is_ok, GError **error);
/* Ends a read under the read lock, which it releases: whether the last step said so. */
bool
meta_finish_read(Meta *meta, sqlite3_stmt *statement, int result, const char *what, GError **error);
