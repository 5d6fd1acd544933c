/* The metastore's statements about findings; the tables stand in meta_sql.h. A finding that is open
 * has resolved = 0. */
#pragma once

#define META_SQL_FINDING_COLUMNS                                                                   \
    " cluster, fingerprint, check_id, kind, namespace, name, title, cause, evidence, fix,"         \
    " explains, severity, since, opened, seen, resolved, changes, links, note "
#define META_SQL_OPEN_FINDINGS                                                                     \
    "SELECT" META_SQL_FINDING_COLUMNS "FROM finding"                                               \
    " WHERE tenant = ?1 AND cluster = ?2 AND resolved = 0"
#define META_SQL_FINDING                                                                           \
    "SELECT" META_SQL_FINDING_COLUMNS "FROM finding"                                               \
    " WHERE tenant = ?1 AND cluster = ?2 AND fingerprint = ?3"
/* Lists go on behind the place in their last parameters, when the first of these is not NULL. */
/* Each of ?2 to ?6 is NULL for any; ?8 is 0 for resolved ones, 1 for open ones, 2 for both. */
#define META_SQL_FINDINGS                                                                          \
    "SELECT" META_SQL_FINDING_COLUMNS "FROM finding WHERE tenant = ?1"                             \
    " AND (?2 IS NULL OR cluster = ?2) AND (?3 IS NULL OR namespace = ?3)"                         \
    " AND (?4 IS NULL OR kind = ?4) AND (?5 IS NULL OR check_id = ?5)"                             \
    " AND (?6 IS NULL OR fingerprint = ?6) AND severity >= ?7"                                     \
    " AND (?8 = 2 OR (resolved = 0) = ?8)"                                                         \
    " AND (?10 IS NULL OR (-severity, -opened, cluster, fingerprint, tenant)"                      \
    " > (-?10, -?11, ?12, ?13, ?14))"                                                              \
    " ORDER BY severity DESC, opened DESC, cluster, fingerprint LIMIT ?9"
#define META_SQL_PUT_FINDING                                                                       \
    "INSERT INTO finding(tenant," META_SQL_FINDING_COLUMNS                                         \
    ") VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,"    \
    " ?19, ?20)"                                                                                   \
    " ON CONFLICT(tenant, cluster, fingerprint) DO UPDATE SET check_id = excluded.check_id,"       \
    " kind = excluded.kind, namespace = excluded.namespace, name = excluded.name,"                 \
    " title = excluded.title, cause = excluded.cause, evidence = excluded.evidence,"               \
    " fix = excluded.fix, explains = excluded.explains, severity = excluded.severity,"             \
    " since = excluded.since, opened = excluded.opened, seen = excluded.seen,"                     \
    " resolved = excluded.resolved, changes = excluded.changes, links = excluded.links,"           \
    " note = excluded.note"

#define META_SQL_TRANSITION_COLUMNS                                                                \
    " cluster, fingerprint, check_id, kind, namespace, name, title, time, type, severity,"         \
    " former_severity "
#define META_SQL_ADD_TRANSITION                                                                    \
    "INSERT INTO finding_transition(tenant, report," META_SQL_TRANSITION_COLUMNS                   \
    ") VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)"
#define META_SQL_TRANSITIONS                                                                       \
    "SELECT" META_SQL_TRANSITION_COLUMNS ", report FROM finding_transition WHERE tenant = ?1"      \
    " AND (?2 IS NULL OR cluster = ?2) AND (?3 IS NULL OR fingerprint = ?3)"                       \
    " AND time >= ?4 AND time <= ?5"                                                               \
    " AND (?7 IS NULL OR (-time, cluster, -report, fingerprint, tenant)"                           \
    " > (-?7, ?9, -?8, ?10, ?11))"                                                                 \
    " ORDER BY time DESC, cluster, report DESC, fingerprint LIMIT ?6"

#define META_SQL_CLUSTER_COLUMNS " cluster, clock, received, report, unverified "
#define META_SQL_FINDING_CLUSTER                                                                   \
    "SELECT" META_SQL_CLUSTER_COLUMNS "FROM finding_cluster WHERE tenant = ?1 AND cluster = ?2"
#define META_SQL_FINDING_CLUSTERS                                                                  \
    "SELECT c.cluster, c.clock, c.received, c.report, c.unverified, (SELECT COUNT(*) FROM finding" \
    " f WHERE f.resolved = 0 AND f.tenant = c.tenant AND f.cluster = c.cluster)"                   \
    " FROM finding_cluster c WHERE c.tenant = ?1 ORDER BY c.cluster"
#define META_SQL_OTHER_CLUSTERS                                                                    \
    "SELECT COUNT(*) FROM finding_cluster WHERE tenant = ?1 AND cluster <> ?2"
#define META_SQL_PUT_CLUSTER                                                                       \
    "INSERT INTO finding_cluster(tenant," META_SQL_CLUSTER_COLUMNS                                 \
    ") VALUES(?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT(tenant, cluster) DO UPDATE SET"                  \
    " clock = excluded.clock, received = excluded.received, report = excluded.report,"             \
    " unverified = excluded.unverified"

/* Clusters of which nothing came since ?2, and all that is known of them. */
#define META_SQL_SILENT_CLUSTERS                                                                   \
    " WHERE tenant = ?1 AND cluster IN"                                                            \
    " (SELECT cluster FROM finding_cluster WHERE tenant = ?1 AND received < ?2)"
#define META_SQL_FORGET_SILENT_FINDINGS    "DELETE FROM finding" META_SQL_SILENT_CLUSTERS
#define META_SQL_FORGET_SILENT_TRANSITIONS "DELETE FROM finding_transition" META_SQL_SILENT_CLUSTERS
#define META_SQL_FORGET_SILENT_CLUSTERS                                                            \
    "DELETE FROM finding_cluster WHERE tenant = ?1 AND received < ?2"
/* Transitions of a cluster before ?3, and those beyond the newest ?4. */
#define META_SQL_FORGET_OLD_TRANSITIONS                                                            \
    "DELETE FROM finding_transition WHERE tenant = ?1 AND cluster = ?2 AND (time < ?3 OR report <" \
    " (SELECT report FROM finding_transition WHERE tenant = ?1 AND cluster = ?2"                   \
    " ORDER BY report DESC LIMIT 1 OFFSET ?4))"
/* What has ended is kept as long as the transition that says so. */
#define META_SQL_FORGET_RESOLVED                                                                   \
    "DELETE FROM finding WHERE tenant = ?1 AND cluster = ?2 AND resolved > 0 AND NOT EXISTS"       \
    " (SELECT 1 FROM finding_transition t WHERE t.tenant = finding.tenant"                         \
    " AND t.fingerprint = finding.fingerprint AND t.cluster = finding.cluster)"
#define META_SQL_COUNT_OPEN                                                                        \
    "SELECT severity, COUNT(*) FROM finding WHERE resolved = 0 GROUP BY severity"
