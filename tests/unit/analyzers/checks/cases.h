/* Tables of clusters and of what checks say about them. */
#pragma once
#include <string.h>

#include "tests/harness/check.h"
#include "tests/harness/cluster.h"

/* Long enough ago for every check that waits for an hour or less. */
#define CASE_SINCE "lastTransitionTime: '2026-01-01T10:00:00Z'"

/* The certificate of an authority that is valid until 2036, PEM in base64. */
#define CASE_CA                                                                                    \
    "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSEFNSFFDQVFFd0JRWURLMlZ3TUEweEN6QUpCZ05W"             \
    "QkFNTUFtTmhNQjRYRFRJMU1ERXdNVEF3TURBd01Gb1gKRFRNMk1ERXdNVEF3TURBd01Gb3dEVEVMTUFr"             \
    "R0ExVUVBd3dDWTJFd0tqQUZCZ01yWlhBRElRRGFnUjdaVkxmVQpsU0R5UkxraERCSUg4UGtpS0ZxQ1VW"             \
    "eEVkOVp6ZzZsZjREQUZCZ01yWlhBRFFRQmxnREJZVDNDRlZuZUdrWWE5CnNKbXQyeXJONW5TR0VpRCts"             \
    "UERsSkpZOHYxRys5ZEsvSThWRTc1WGNJOUJNclo5LzRXUll6TEZ2YlRzWGkvb2kKZ240RgotLS0tLUVO"             \
    "RCBDRVJUSUZJQ0FURS0tLS0tCg=="

typedef struct {
    const char *check, *object; /* a root finding: "Kind namespace/name" */
    const char *yaml;           /* the cluster */
    const char *says;           /* a part of the title or the cause */
} CheckCase;

/* Every case has its finding, and tells what to do: a step and a command. */
static inline void
cases_expect(const CheckCase *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        g_autoptr(TestCluster) cluster = test_cluster_new(cases[i].yaml);
        const Finding *finding = test_cluster_expect(cluster, cases[i].check, cases[i].object);
        g_autofree char *text = g_strdup_printf("%s %s", finding->title, finding->cause);
        if (strstr(text, cases[i].says) == NULL)
            fail_msg("%s does not say '%s': %s", cases[i].check, cases[i].says, text);
        assert_int_equal(finding->fix->len, 2);
    }
}

/* Nothing is said about these clusters. */
static inline void
cases_expect_quiet(const char *const *clusters, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        g_autoptr(TestCluster) cluster = test_cluster_new(clusters[i]);
        test_cluster_expect_quiet(cluster, SEVERITY_INFO);
    }
}

/* Every check of the cases says that it cannot look when no kind can be listed. */
static inline void
cases_expect_unverified(const CheckCase *cases, size_t n)
{
    g_autoptr(TestCluster) cluster =
        test_cluster_new("apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n");
    for (int kind = KIND_NONE + 1; kind < KIND_COUNT; kind++)
        test_cluster_fail(cluster, (Kind)kind, "403");
    for (size_t i = 0; i < n; i++)
        test_cluster_expect_unverified(cluster, cases[i].check);
}
