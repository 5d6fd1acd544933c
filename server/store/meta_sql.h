/* The metastore's statements. The schema keeps to what SQLite and PostgreSQL share: no
 * autoincrement, no JSON, times as nanoseconds, ULIDs as text. Table `block` also has room for what
 * compaction needs: shard, level, state. */
#pragma once

#define META_SQL_WRITER                                                                            \
    "PRAGMA page_size=8192; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"                     \
    "PRAGMA busy_timeout=5000; PRAGMA mmap_size=0; PRAGMA trusted_schema=OFF;"                     \
    "PRAGMA cell_size_check=ON; PRAGMA wal_autocheckpoint=0;"
#define META_SQL_READER                                                                            \
    "PRAGMA query_only=ON; PRAGMA busy_timeout=5000; PRAGMA mmap_size=0;"                          \
    "PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON; PRAGMA wal_autocheckpoint=0;"

#define META_SQL_SCHEMA                                                                            \
    "CREATE TABLE IF NOT EXISTS schema_version(version BIGINT NOT NULL PRIMARY KEY);"              \
    "INSERT INTO schema_version(version) VALUES(1) ON CONFLICT DO NOTHING;"                        \
    "CREATE TABLE IF NOT EXISTS block("                                                            \
    " tenant TEXT NOT NULL, day BIGINT NOT NULL, shard BIGINT NOT NULL, level BIGINT NOT NULL,"    \
    " id TEXT NOT NULL PRIMARY KEY, min_t BIGINT NOT NULL, max_t BIGINT NOT NULL,"                 \
    " size BIGINT NOT NULL, row_count BIGINT NOT NULL, sample_count BIGINT NOT NULL,"              \
    " state BIGINT NOT NULL, format BIGINT NOT NULL, segment TEXT NOT NULL,"                       \
    " created BIGINT NOT NULL);"                                                                   \
    "CREATE INDEX IF NOT EXISTS block_by_time ON block(tenant, day, min_t, max_t);"                \
    "CREATE INDEX IF NOT EXISTS block_by_state ON block(state, shard, level, created);"            \
    "CREATE INDEX IF NOT EXISTS block_by_segment ON block(segment);"                               \
    "CREATE TABLE IF NOT EXISTS dataset("                                                          \
    " block_id TEXT NOT NULL, number BIGINT NOT NULL, tenant TEXT NOT NULL,"                       \
    " service TEXT NOT NULL, types TEXT NOT NULL, min_t BIGINT NOT NULL, max_t BIGINT NOT NULL,"   \
    " toc BLOB NOT NULL, PRIMARY KEY(block_id, number));"                                          \
    "CREATE INDEX IF NOT EXISTS dataset_by_service ON dataset(tenant, service, max_t, min_t);"     \
    "CREATE INDEX IF NOT EXISTS dataset_by_time ON dataset(tenant, max_t, min_t);"                 \
    "CREATE TABLE IF NOT EXISTS setting("                                                          \
    " k TEXT NOT NULL PRIMARY KEY, v BLOB NOT NULL, version BIGINT NOT NULL);"                     \
    "CREATE TABLE IF NOT EXISTS document("                                                         \
    " tenant TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, version BIGINT NOT NULL,"      \
    " size BIGINT NOT NULL, content BLOB NOT NULL, PRIMARY KEY(tenant, kind, name));"              \
    "CREATE TABLE IF NOT EXISTS finding_cluster("                                                  \
    " tenant TEXT NOT NULL, cluster TEXT NOT NULL, clock BIGINT NOT NULL,"                         \
    " received BIGINT NOT NULL, report BIGINT NOT NULL, unverified BIGINT NOT NULL,"               \
    " PRIMARY KEY(tenant, cluster));"                                                              \
    "CREATE TABLE IF NOT EXISTS finding("                                                          \
    " tenant TEXT NOT NULL, cluster TEXT NOT NULL, fingerprint TEXT NOT NULL,"                     \
    " check_id TEXT NOT NULL, severity BIGINT NOT NULL, kind TEXT NOT NULL,"                       \
    " namespace TEXT NOT NULL, name TEXT NOT NULL, since BIGINT NOT NULL, title TEXT NOT NULL,"    \
    " cause TEXT NOT NULL, evidence TEXT NOT NULL, fix TEXT NOT NULL, explains TEXT NOT NULL,"     \
    " opened BIGINT NOT NULL, seen BIGINT NOT NULL, resolved BIGINT NOT NULL,"                     \
    " PRIMARY KEY(tenant, cluster, fingerprint));"                                                 \
    "CREATE INDEX IF NOT EXISTS finding_by_state"                                                  \
    " ON finding(resolved, tenant, cluster, severity);"                                            \
    "CREATE TABLE IF NOT EXISTS finding_transition("                                               \
    " tenant TEXT NOT NULL, cluster TEXT NOT NULL, report BIGINT NOT NULL,"                        \
    " fingerprint TEXT NOT NULL, time BIGINT NOT NULL, type BIGINT NOT NULL,"                      \
    " check_id TEXT NOT NULL, severity BIGINT NOT NULL, former_severity BIGINT NOT NULL,"          \
    " kind TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, title TEXT NOT NULL,"       \
    " PRIMARY KEY(tenant, cluster, report, fingerprint));"                                         \
    "CREATE INDEX IF NOT EXISTS finding_transition_by_time ON finding_transition(tenant, time);"   \
    "CREATE INDEX IF NOT EXISTS finding_transition_by_finding"                                     \
    " ON finding_transition(tenant, fingerprint, cluster);"

#define META_SQL_VERSION "SELECT MAX(version) FROM schema_version"
/* What makes version 2 of version 1. */
#define META_SQL_TO_2                                                                              \
    "BEGIN IMMEDIATE;"                                                                             \
    "ALTER TABLE finding ADD COLUMN changes TEXT NOT NULL DEFAULT '[]';"                           \
    "ALTER TABLE finding ADD COLUMN links TEXT NOT NULL DEFAULT '[]';"                             \
    "ALTER TABLE finding ADD COLUMN note TEXT NOT NULL DEFAULT '';"                                \
    "INSERT INTO schema_version(version) VALUES(2);"                                               \
    "COMMIT"

#define META_SQL_INSERT_BLOCK                                                                      \
    "INSERT INTO block(tenant, day, shard, level, id, min_t, max_t, size, row_count,"              \
    " sample_count, state, format, segment, created)"                                              \
    " VALUES(?1, ?2, 0, 0, ?3, ?4, ?5, ?6, ?7, ?8, 0, 1, ?9, ?10)"
#define META_SQL_INSERT_DATASET                                                                    \
    "INSERT INTO dataset(block_id, number, tenant, service, types, min_t, max_t, toc)"             \
    " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
#define META_SQL_QUARANTINE "UPDATE block SET state = 9 WHERE id = ?1"
#define META_SQL_FORGET_DATASETS                                                                   \
    "DELETE FROM dataset WHERE block_id IN (SELECT id FROM block WHERE segment = ?1)"
#define META_SQL_FORGET_BLOCKS "DELETE FROM block WHERE segment = ?1"

#define META_SQL_FIND_COLUMNS                                                                      \
    "SELECT d.block_id, b.segment, d.number, b.state FROM dataset d"                               \
    " JOIN block b ON b.id = d.block_id"                                                           \
    " WHERE d.tenant = ?1 AND d.max_t >= ?2 AND d.min_t <= ?3"
#define META_SQL_FIND         META_SQL_FIND_COLUMNS " ORDER BY d.block_id, d.number"
#define META_SQL_FIND_SERVICE META_SQL_FIND_COLUMNS " AND d.service = ?4 ORDER BY d.block_id"
#define META_SQL_LIST         "SELECT id, segment, state FROM block"
#define META_SQL_TENANTS                                                                           \
    "SELECT tenant FROM block WHERE state = 0 UNION SELECT tenant FROM finding_cluster"
#define META_SQL_TIME_RANGE                                                                        \
    "SELECT MIN(min_t), MAX(max_t) FROM block WHERE tenant = ?1 AND state = 0"
#define META_SQL_TOTALS "SELECT COUNT(*), COALESCE(SUM(size), 0) FROM block WHERE state = 0"

#define META_SQL_DOCUMENT                                                                          \
    "SELECT name, version, size, content FROM document"                                            \
    " WHERE tenant = ?1 AND kind = ?2 AND name = ?3"
#define META_SQL_DOCUMENTS                                                                         \
    "SELECT name, version, size, content FROM document WHERE tenant = ?1 AND kind = ?2"            \
    " ORDER BY name"
#define META_SQL_DOCUMENT_NAMES                                                                    \
    "SELECT name, version, size FROM document WHERE tenant = ?1 AND kind = ?2 ORDER BY name"
#define META_SQL_DOCUMENT_KEYS "SELECT tenant, kind, name FROM document"
#define META_SQL_OTHER_DOCUMENTS                                                                   \
    "SELECT COUNT(*), COALESCE(SUM(size), 0) FROM document"                                        \
    " WHERE tenant = ?1 AND kind = ?2 AND name <> ?3"
#define META_SQL_PUT_DOCUMENT                                                                      \
    "INSERT INTO document(tenant, kind, name, version, size, content)"                             \
    " VALUES(?1, ?2, ?3, ?4, LENGTH(?5), ?5) ON CONFLICT(tenant, kind, name)"                      \
    " DO UPDATE SET version = excluded.version, size = excluded.size,"                             \
    " content = excluded.content"
#define META_SQL_DELETE_DOCUMENT                                                                   \
    "DELETE FROM document WHERE tenant = ?1 AND kind = ?2 AND name = ?3"
