#include "analyzers/telemetry/loki.h"

#include <string.h>

#include "tests/harness/check.h"

static char *
query_for(const char *names, const char *matchers, const char *container)
{
    g_autoptr(GError) error = NULL;
    g_auto(LokiLabels) labels = {0};
    g_autofree char *text = g_strdup_printf("{\"status\":\"success\",\"data\":[%s]}", names);
    g_autoptr(GBytes) body = g_bytes_new_static(text, strlen(text));
    if (!loki_labels_read(body, matchers, &labels, &error))
        return g_strdup(error->message);
    return loki_pods_query(&labels, "shop", "web\\-.+", container);
}

static void
test_queries_follow_the_labels_that_there_are(void **state)
{
    (void)state;
    static const struct {
        const char *names, *matchers, *container, *query;
    } cases[] = {
        {"\"namespace\",\"pod\",\"container\"", "", "app",
         "{namespace=\"shop\",pod=~\"web\\\\-.+\",container=\"app\"}"},
        {"\"cluster\",\"namespace\",\"pod\"", "cluster=\"prod\"", "app",
         "{namespace=\"shop\",pod=~\"web\\\\-.+\",cluster=\"prod\"}"},
        {"\"namespace\",\"container\"", "cluster=\"prod\"", "",
         "{namespace=\"shop\"} | pod=~\"web\\\\-.+\" or k8s_pod_name=~\"web\\\\-.+\""},
        {"\"k8s_namespace_name\",\"k8s_pod_name\",\"k8s_container_name\"", "", "app",
         "{k8s_namespace_name=\"shop\",k8s_pod_name=~\"web\\\\-.+\",k8s_container_name=\"app\"}"},
        {"\"job\"", "", "", "streams have neither the label namespace nor k8s_namespace_name"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *query = query_for(cases[i].names, cases[i].matchers, cases[i].container);
        assert_string_equal(query, cases[i].query);
    }
}

static void
test_what_are_no_labels_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"no org id", "{\"status\":\"error\"}", "{", "[]"};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(GError) error = NULL;
        g_auto(LokiLabels) labels = {0};
        g_autoptr(GBytes) body = g_bytes_new_static(texts[i], strlen(texts[i]));
        assert_false(loki_labels_read(body, "", &labels, &error));
        assert_non_null(error);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_queries_follow_the_labels_that_there_are),
        cmocka_unit_test(test_what_are_no_labels_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
