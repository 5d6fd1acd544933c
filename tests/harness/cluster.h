/* A cluster for tests of the checks: objects as YAML, every kind listed to its end. */
#pragma once
#include "analyzers/checks/check.h"

typedef struct TestCluster TestCluster;

/* The time of TEST_NOW as seconds: 2026-01-01T12:00:00Z. */
enum { TEST_NOW_S = 1767268800 };

/* Objects as documents of YAML ("---" between them); what has no creationTimestamp is a day old,
 * what has no uid gets one of its kind and name. Fails the test when it is not valid. */
TestCluster *test_cluster_new(const char *yaml);
void test_cluster_free(TestCluster *cluster);

/* A kind could not be listed. */
void test_cluster_fail(TestCluster *cluster, Kind kind, const char *why);
/* What the API server says of itself; until then that it is well, with a good certificate. */
void test_cluster_fact(TestCluster *cluster, Fact fact, const char *text);
/* It is not known. */
void test_cluster_fact_fails(TestCluster *cluster, Fact fact, const char *why);
/* Who says whether an object that no list has is there. */
void test_cluster_lookup(TestCluster *cluster, SnapshotLookupFunc func, void *data);
/* Where logs are (files NAMESPACE_POD_CONTAINER[.previous].log). */
void test_cluster_logs(TestCluster *cluster, const char *dir);

/* What lines of logs mean; borrowed. */
void test_cluster_log_rules(TestCluster *cluster, const LogRules *rules);

/* What a back end answers to the question of that name: the list in data.result, JSON; for profiles
 * the list of names. Fails the test when no check asks it. */
void test_cluster_answer(TestCluster *cluster, const char *query, const char *result);
/* It has no answer. */
void test_cluster_answer_fails(TestCluster *cluster, const char *query, const char *why);
/* The tenant has none of the metrics that it needs. */
void test_cluster_answer_absent(TestCluster *cluster, const char *query);
/* The back end as a whole has answered nothing. */
void test_cluster_backend_fails(TestCluster *cluster, TelemetrySource source,
                                TelemetryResult result, const char *why);
/* It answers, and its clock is so far ahead of ours. */
void test_cluster_clock_differs(TestCluster *cluster, TelemetrySource source, int64_t skew_s);

/* Its objects, to look at them without checks: nothing can be added from then on. */
const Snapshot *test_cluster_snapshot(TestCluster *cluster);

/* The findings of all checks of all tiers; made at the first call. */
const Findings *test_cluster_findings(TestCluster *cluster);
/* The root finding of a check about "Kind namespace/name" (or "Kind name"); fails the test when
 * there is none, and lists what there is. */
const Finding *test_cluster_expect(TestCluster *cluster, const char *check, const char *object);
/* The same of a finding that was folded into another. */
const Finding *
test_cluster_expect_folded(TestCluster *cluster, const char *check, const char *object);
/* No finding of the check, root or folded. */
void test_cluster_expect_none(TestCluster *cluster, const char *check);
/* No finding at all of at least this severity, beside that of lists which the test let fail. */
void test_cluster_expect_quiet(TestCluster *cluster, Severity severity);
/* The check says that it could not verify. */
void test_cluster_expect_unverified(TestCluster *cluster, const char *check);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(TestCluster, test_cluster_free)
