/* The statements of the state. Times are seconds since 1970. Internal to analyzers/state. */
#pragma once

#define STATE_SQL_SETUP                                                                            \
    "PRAGMA journal_mode=DELETE; PRAGMA synchronous=FULL;"                                         \
    "PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON;"
#define STATE_SQL_VERSIONS                                                                         \
    "CREATE TABLE IF NOT EXISTS schema_version(version BIGINT NOT NULL PRIMARY KEY)"
#define STATE_SQL_VERSION     "SELECT COALESCE(MAX(version), 0) FROM schema_version"
#define STATE_SQL_ADD_VERSION "INSERT INTO schema_version(version) VALUES(?1)"

/* What makes version 1 of nothing. */
#define STATE_SQL_TO_1                                                                             \
    "CREATE TABLE incident("                                                                       \
    " fingerprint TEXT NOT NULL PRIMARY KEY, check_id TEXT NOT NULL, kind TEXT NOT NULL,"          \
    " ns TEXT NOT NULL, name TEXT NOT NULL, severity BIGINT NOT NULL, since BIGINT NOT NULL,"      \
    " first_seen BIGINT NOT NULL, last_seen BIGINT NOT NULL, told BIGINT NOT NULL,"                \
    " quiet_runs BIGINT NOT NULL, ended BIGINT NOT NULL, flaps BIGINT NOT NULL,"                   \
    " flaps_since BIGINT NOT NULL, title TEXT NOT NULL, cause TEXT NOT NULL,"                      \
    " evidence TEXT NOT NULL, fix TEXT NOT NULL, explained BIGINT NOT NULL);"                      \
    "CREATE TABLE outbox("                                                                         \
    " id INTEGER PRIMARY KEY, type BIGINT NOT NULL, at BIGINT NOT NULL, due BIGINT NOT NULL,"      \
    " fingerprint TEXT NOT NULL);"                                                                 \
    "CREATE INDEX outbox_by_due ON outbox(due, id);"                                               \
    "CREATE TABLE run(at BIGINT NOT NULL PRIMARY KEY);"

/* Ids that are never used again, and which changes a run is sending. */
#define STATE_SQL_TO_2                                                                             \
    "DROP INDEX outbox_by_due; ALTER TABLE outbox RENAME TO former_outbox;"                        \
    "CREATE TABLE outbox("                                                                         \
    " id INTEGER PRIMARY KEY AUTOINCREMENT, type BIGINT NOT NULL, at BIGINT NOT NULL,"             \
    " due BIGINT NOT NULL, claimed BIGINT NOT NULL DEFAULT 0, fingerprint TEXT NOT NULL);"         \
    "INSERT INTO outbox(id, type, at, due, fingerprint)"                                           \
    " SELECT id, type, at, due, fingerprint FROM former_outbox;"                                   \
    "DROP TABLE former_outbox;"                                                                    \
    "CREATE INDEX outbox_by_due ON outbox(due, id);"

/* The highest severity that was delivered of an incident; 0 also: nothing was. */
#define STATE_SQL_TO_3                                                                             \
    "ALTER TABLE incident ADD COLUMN told_severity BIGINT NOT NULL DEFAULT 0;"                     \
    "UPDATE incident SET told_severity = severity WHERE ended = 0 AND told > 0;"

#define STATE_SQL_IS_FIRST    "SELECT COUNT(*) FROM run"
#define STATE_SQL_ADD_RUN     "INSERT INTO run(at) VALUES(?1) ON CONFLICT DO NOTHING"
#define STATE_SQL_FORGET_RUNS "DELETE FROM run WHERE at < ?1 - 604800"

#define STATE_SQL_FIND                                                                             \
    "SELECT severity, told, ended, flaps, flaps_since, first_seen, told_severity FROM incident"    \
    " WHERE fingerprint = ?1"
#define STATE_SQL_PUT                                                                              \
    "INSERT INTO incident(fingerprint, check_id, kind, ns, name, severity, since, first_seen,"     \
    " last_seen, told, quiet_runs, ended, flaps, flaps_since, title, cause, evidence, fix,"        \
    " explained, told_severity) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 0, 0, ?11, ?12,"   \
    " ?13, ?14, ?15, ?16, ?17, ?18) ON CONFLICT(fingerprint) DO UPDATE SET severity = "            \
    "excluded.severity,"                                                                           \
    " since = excluded.since, first_seen = excluded.first_seen, last_seen = excluded.last_seen,"   \
    " told = excluded.told, quiet_runs = 0, ended = 0, flaps = excluded.flaps,"                    \
    " flaps_since = excluded.flaps_since, title = excluded.title, cause = excluded.cause,"         \
    " evidence = excluded.evidence, fix = excluded.fix, explained = excluded.explained,"           \
    " told_severity = excluded.told_severity"
#define STATE_SQL_QUIET                                                                            \
    "SELECT fingerprint, check_id, kind, ns, name, last_seen, quiet_runs, flaps, flaps_since"      \
    " FROM incident WHERE ended = 0 AND last_seen < ?1"
#define STATE_SQL_SET_QUIET "UPDATE incident SET quiet_runs = ?2 WHERE fingerprint = ?1"
#define STATE_SQL_END                                                                              \
    "UPDATE incident SET ended = ?2, flaps = ?3, flaps_since = ?4 WHERE fingerprint = ?1"
/* Ended ones are kept for as long as they may come back or flap. */
#define STATE_SQL_FORGET                                                                           \
    "DELETE FROM incident WHERE ended > 0 AND ended < ?1 - 86400"                                  \
    " AND fingerprint NOT IN (SELECT fingerprint FROM outbox)"

/* What is being sent goes out as it was. */
#define STATE_SQL_PENDING                                                                          \
    "SELECT type FROM outbox WHERE fingerprint = ?1 AND (claimed = 0 OR due <= ?2)"
#define STATE_SQL_TELL   "INSERT INTO outbox(type, at, due, fingerprint) VALUES(?1, ?2, ?2, ?3)"
#define STATE_SQL_UNTELL "DELETE FROM outbox WHERE fingerprint = ?1"
#define STATE_SQL_OUTBOX                                                                           \
    "SELECT o.id, o.type, CASE WHEN o.type >= ?2 THEN MAX(i.severity, i.told_severity)"            \
    " ELSE i.severity END, o.at, i.since, i.first_seen, i.explained, i.fingerprint,"               \
    " i.check_id, i.kind, i.ns, i.name, i.title, i.cause, i.evidence, i.fix FROM outbox o"         \
    " JOIN incident i ON i.fingerprint = o.fingerprint WHERE o.due <= ?1 ORDER BY o.id LIMIT 500"
#define STATE_SQL_DROP     "DELETE FROM outbox WHERE id = ?1"
#define STATE_SQL_DROP_DUE "DELETE FROM outbox WHERE due <= ?1"
#define STATE_SQL_SET_TOLD                                                                         \
    "UPDATE incident SET told_severity = MAX(told_severity, ?2) WHERE fingerprint = ?1"
#define STATE_SQL_CLAIM    "UPDATE outbox SET due = ?2, claimed = 1 WHERE id = ?1"
#define STATE_SQL_POSTPONE "UPDATE outbox SET due = ?2, claimed = 0 WHERE id = ?1"
#define STATE_SQL_LIST_OPEN                                                                        \
    "SELECT 0, ?1, severity, last_seen, since, first_seen, explained, fingerprint, check_id, "     \
    "kind,"                                                                                        \
    " ns, name, title, cause, evidence, fix FROM incident WHERE ended = 0 ORDER BY fingerprint"
#define STATE_SQL_OPEN "SELECT COUNT(*) FROM incident WHERE ended = 0"
