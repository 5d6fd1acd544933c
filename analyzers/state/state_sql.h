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

/* An outbox for each receiver, with the time until which a run has what it is sending (`claimed`),
 * the highest severity that each was told of an incident, and how each fares. What there was is for
 * the receiver "", which is none: state_settle gives it to one that there is. */
#define STATE_SQL_TO_4                                                                             \
    "ALTER TABLE outbox ADD COLUMN receiver TEXT NOT NULL DEFAULT '';"                             \
    "UPDATE outbox SET claimed = due, due = at WHERE claimed = 1;"                                 \
    "DROP INDEX outbox_by_due;"                                                                    \
    "CREATE INDEX outbox_by_receiver ON outbox(receiver, due, id);"                                \
    "CREATE INDEX outbox_by_incident ON outbox(fingerprint, receiver);"                            \
    "CREATE TABLE told("                                                                           \
    " fingerprint TEXT NOT NULL, receiver TEXT NOT NULL, severity BIGINT NOT NULL,"                \
    " PRIMARY KEY(fingerprint, receiver));"                                                        \
    "INSERT INTO told SELECT fingerprint, '', told_severity FROM incident"                         \
    " WHERE ended = 0 AND told > 0;"                                                               \
    "ALTER TABLE incident DROP COLUMN told_severity;"                                              \
    "CREATE TABLE receiver("                                                                       \
    " name TEXT NOT NULL PRIMARY KEY, retry BIGINT NOT NULL DEFAULT 0,"                            \
    " failures BIGINT NOT NULL DEFAULT 0, failing_since BIGINT NOT NULL DEFAULT 0,"                \
    " daily BIGINT NOT NULL DEFAULT 0);"                                                           \
    "CREATE TABLE delivery("                                                                       \
    " receiver TEXT NOT NULL, class TEXT NOT NULL, n BIGINT NOT NULL,"                             \
    " PRIMARY KEY(receiver, class));"

/* What a model says about it. */
#define STATE_SQL_TO_5 "ALTER TABLE incident ADD COLUMN note TEXT NOT NULL DEFAULT ''"

/* The run that has written last: one row, where a server keeps the state. Without it the images of
 * two runs at the same time could be the same, and each would take the other's for its own. */
#define STATE_SQL_TO_6                                                                             \
    "CREATE TABLE writer(id INTEGER PRIMARY KEY CHECK(id = 1), run TEXT NOT NULL)"
#define STATE_SQL_SET_WRITER "INSERT OR REPLACE INTO writer(id, run) VALUES(1, ?1)"

/* What is said with its end. */
#define STATE_SQL_TO_7 "ALTER TABLE incident ADD COLUMN ending TEXT NOT NULL DEFAULT ''"
/* What it explains: titles of the first of its consequences, a line each. */
#define STATE_SQL_TO_8 "ALTER TABLE incident ADD COLUMN consequences TEXT NOT NULL DEFAULT ''"
/* What was changed shortly before it began, a line each. */
#define STATE_SQL_TO_9       "ALTER TABLE incident ADD COLUMN changes TEXT NOT NULL DEFAULT ''"
#define STATE_SQL_SET_ENDING "UPDATE incident SET ending = ?2 WHERE fingerprint = ?1"

#define STATE_SQL_IS_FIRST    "SELECT COUNT(*) FROM run"
#define STATE_SQL_ADD_RUN     "INSERT INTO run(at) VALUES(?1) ON CONFLICT DO NOTHING"
#define STATE_SQL_FORGET_RUNS "DELETE FROM run WHERE at < ?1 - 604800"
#define STATE_SQL_LAST_RUNS   "SELECT at FROM run WHERE at < ?1 ORDER BY at DESC LIMIT ?2"

#define STATE_SQL_FIND                                                                             \
    "SELECT severity, told, ended, flaps, flaps_since, first_seen FROM incident"                   \
    " WHERE fingerprint = ?1"
#define STATE_SQL_PUT                                                                              \
    "INSERT INTO incident(fingerprint, check_id, kind, ns, name, severity, since, first_seen,"     \
    " last_seen, told, quiet_runs, ended, flaps, flaps_since, title, cause, evidence, fix,"        \
    " explained, note, consequences, changes) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 0, " \
    "0, ?11,"                                                                                      \
    " ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20) ON CONFLICT(fingerprint) DO UPDATE SET "        \
    "severity = "                                                                                  \
    "excluded.severity,"                                                                           \
    " since = excluded.since, first_seen = excluded.first_seen, last_seen = excluded.last_seen,"   \
    " told = excluded.told, quiet_runs = 0, ended = 0, flaps = excluded.flaps,"                    \
    " flaps_since = excluded.flaps_since, title = excluded.title, cause = excluded.cause,"         \
    " evidence = excluded.evidence, fix = excluded.fix, explained = excluded.explained,"           \
    " note = excluded.note, consequences = excluded.consequences,"                                 \
    " changes = excluded.changes, ending = ''"
#define STATE_SQL_QUIET                                                                            \
    "SELECT fingerprint, check_id, kind, ns, name, last_seen, quiet_runs, flaps, flaps_since,"     \
    " severity FROM incident WHERE ended = 0 AND last_seen < ?1"
#define STATE_SQL_SET_QUIET "UPDATE incident SET quiet_runs = ?2 WHERE fingerprint = ?1"
#define STATE_SQL_END                                                                              \
    "UPDATE incident SET ended = ?2, flaps = ?3, flaps_since = ?4 WHERE fingerprint = ?1"
/* Ended ones are kept for as long as they may come back or flap. */
#define STATE_SQL_FORGET                                                                           \
    "DELETE FROM incident WHERE ended > 0 AND ended < ?1 - 86400"                                  \
    " AND fingerprint NOT IN (SELECT fingerprint FROM outbox)"
#define STATE_SQL_FORGET_TOLD                                                                      \
    "DELETE FROM told WHERE fingerprint NOT IN (SELECT fingerprint FROM incident)"

/* What is being sent goes out as it was. */
#define STATE_SQL_PENDING                                                                          \
    "SELECT type FROM outbox WHERE fingerprint = ?1 AND receiver = ?2 AND claimed <= ?3"
#define STATE_SQL_TELL                                                                             \
    "INSERT INTO outbox(type, at, due, fingerprint, receiver) VALUES(?1, ?2, ?3, ?4, ?5)"
#define STATE_SQL_UNTELL "DELETE FROM outbox WHERE fingerprint = ?1 AND receiver = ?2"
#define STATE_SQL_HASTEN                                                                           \
    "UPDATE outbox SET due = MIN(due, ?3) WHERE fingerprint = ?1 AND receiver = ?2"
/* Who knows of an incident, or is about to. */
#define STATE_SQL_HEARERS                                                                          \
    "SELECT receiver FROM told WHERE fingerprint = ?1"                                             \
    " UNION SELECT receiver FROM outbox WHERE fingerprint = ?1"
#define STATE_SQL_OUTBOX                                                                           \
    "SELECT o.id, o.type, CASE WHEN o.type >= ?2 THEN MAX(i.severity, COALESCE(t.severity, 0))"    \
    " ELSE i.severity END, o.at, i.since, i.first_seen, i.explained, i.fingerprint,"               \
    " i.check_id, i.kind, i.ns, i.name, i.title, i.cause, i.evidence, i.fix, i.note, i.ending,"    \
    " i.consequences, i.changes "                                                                  \
    "FROM outbox o"                                                                                \
    " JOIN incident i ON i.fingerprint = o.fingerprint"                                            \
    " LEFT JOIN told t ON t.fingerprint = o.fingerprint AND t.receiver = o.receiver"               \
    " WHERE o.receiver = ?3 AND o.due <= ?1 AND o.claimed <= ?1 ORDER BY o.id LIMIT 500"
#define STATE_SQL_DROP "DELETE FROM outbox WHERE id = ?1"
#define STATE_SQL_SET_TOLD                                                                         \
    "INSERT INTO told(fingerprint, receiver, severity) VALUES(?1, ?2, ?3)"                         \
    " ON CONFLICT DO UPDATE SET severity = MAX(severity, excluded.severity)"
#define STATE_SQL_UNSET_TOLD "DELETE FROM told WHERE fingerprint = ?1 AND receiver = ?2"
#define STATE_SQL_CLAIM      "UPDATE outbox SET claimed = ?2 WHERE id = ?1"
#define STATE_SQL_LIST_OPEN                                                                        \
    "SELECT 0, ?1, severity, last_seen, since, first_seen, explained, fingerprint, check_id, "     \
    "kind,"                                                                                        \
    " ns, name, title, cause, evidence, fix, note, ending, consequences, changes FROM "            \
    "incident WHERE "                                                                              \
    "ended = 0"                                                                                    \
    " ORDER BY fingerprint"
#define STATE_SQL_OPEN "SELECT COUNT(*) FROM incident WHERE ended = 0"

#define STATE_SQL_RECEIVER                                                                         \
    "SELECT retry, failures, failing_since, daily FROM receiver WHERE name = ?1"
#define STATE_SQL_ADD_RECEIVER "INSERT INTO receiver(name) VALUES(?1) ON CONFLICT DO NOTHING"
#define STATE_SQL_SET_DAILY    "UPDATE receiver SET daily = ?3 WHERE name = ?1 AND daily = ?2"
#define STATE_SQL_SET_WELL                                                                         \
    "UPDATE receiver SET retry = 0, failures = 0, failing_since = 0 WHERE name = ?1"
#define STATE_SQL_SET_FAILED                                                                       \
    "UPDATE receiver SET failures = failures + 1, retry = ?3,"                                     \
    " failing_since = CASE failing_since WHEN 0 THEN ?2 ELSE failing_since END WHERE name = ?1"
#define STATE_SQL_ADD_DELIVERY                                                                     \
    "INSERT INTO delivery(receiver, class, n) VALUES(?1, ?2, 1)"                                   \
    " ON CONFLICT DO UPDATE SET n = n + 1"
#define STATE_SQL_DELIVERIES "SELECT receiver, class, n FROM delivery ORDER BY receiver, class"
#define STATE_SQL_WAITING    "SELECT COUNT(*) FROM outbox WHERE receiver = ?1"
#define STATE_SQL_NAMES      "SELECT receiver FROM outbox UNION SELECT receiver FROM told"
#define STATE_SQL_DROP_ALL   "DELETE FROM outbox WHERE receiver = ?1"
/* What both have of an incident stays as it is of the one that there is. */
#define STATE_SQL_MOVE                                                                             \
    "UPDATE outbox SET receiver = ?2 WHERE receiver = ?1 AND NOT EXISTS (SELECT 1 FROM outbox o"   \
    " WHERE o.receiver = ?2 AND o.fingerprint = outbox.fingerprint)"
#define STATE_SQL_MOVE_TOLD   "UPDATE OR IGNORE told SET receiver = ?2 WHERE receiver = ?1"
#define STATE_SQL_FORGET_NAME "DELETE FROM told WHERE receiver = ?1"
