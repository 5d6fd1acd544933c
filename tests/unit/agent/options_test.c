/* The agent's options: defaults, words and limits. */
#include "agent/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static OptionResult
parse(AgentOptions *options, const char *const *arguments, GError **error)
{
    char *argv[16] = {(char *)(uintptr_t) "cresset-agent"};
    int argc = 1;
    for (; *arguments != NULL; arguments++)
        argv[argc++] = (char *)(uintptr_t)*arguments;
    OptionResult result = option_parse(&agent_option_table, argc, argv, options, error);
    if (result == OPTION_RUN && !agent_options_check(options, error))
        result = OPTION_ERROR;
    return result;
}

static void
test_values(void **state)
{
    (void)state;
    const char *const arguments[] = {
        "--server", "https://hub:443/p", "--label", "a=b",        "--label", "c=d", "--rate",
        "19",       "--window",          "5s",      "--unwinder", "tail",    NULL};
    AgentOptions options = {0};
    g_autoptr(GError) error = NULL;
    assert_int_equal(parse(&options, arguments, &error), OPTION_RUN);
    assert_string_equal(options.server, "https://hub:443/p");
    assert_int_equal(g_strv_length(options.labels), 2);
    assert_true(options.rate_hz > 18.9 && options.rate_hz < 19.1);
    assert_int_equal(options.window_ns, INT64_C(5000000000));
    assert_int_equal(options.queue_bytes, 64 * 1024 * 1024);
    assert_int_equal(agent_options_variant(&options), SAMPLER_VARIANT_TAIL_CALL);
    assert_true(options.kernel_stacks);
    option_clear(&agent_option_table, &options);
}

static void
test_what_is_wrong_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *arguments[3], *expected;
    } cases[] = {
        {{"--sever=x"}, "--server"},
        {{"--unwinder", "fast"}, "--unwinder: 'fast' is none of auto, loop, tail"},
        {{"--kubernetes", "yes"}, "--kubernetes: 'yes' is none of auto, on, off"},
        {{"--targeting", "none"}, "--targeting: 'none' is none of all, annotation"},
        {{"--kubernetes=off", "--kubelet=auto"}, "--kubelet: nobody is asked"},
        {{"--log-level", "loud"}, "--log-level"},
        {{"--log-format", "xml"}, "--log-format"},
        {{"--rate", "0"}, "rate"},
        {{"--window", "1h"}, "window"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        AgentOptions options = {0};
        g_autoptr(GError) error = NULL;
        assert_int_equal(parse(&options, cases[i].arguments, &error), OPTION_ERROR);
        assert_non_null(strstr(error->message, cases[i].expected));
        option_clear(&agent_option_table, &options);
    }
}

static void
expect_node(const char *given, const char *wanted)
{
    const char *const arguments[] = {"--node", given, NULL};
    AgentOptions options = {0};
    assert_int_equal(parse(&options, arguments, NULL), OPTION_RUN);
    assert_string_equal(agent_options_node(&options), wanted);
    option_clear(&agent_option_table, &options);
}

static void
test_an_empty_node_is_this_host(void **state)
{
    (void)state;
    expect_node("node-1", "node-1");
    expect_node("", g_get_host_name());
}

static void
expect_docker_socket(const char *given, const char *wanted)
{
    const char *const arguments[] = {given, NULL};
    AgentOptions options = {0};
    assert_int_equal(parse(&options, arguments, NULL), OPTION_RUN);
    assert_string_equal(options.docker_socket, wanted);
    option_clear(&agent_option_table, &options);
}

static void
test_sockets_of_docker(void **state)
{
    (void)state;
    expect_docker_socket("--ebpf", "auto");
    expect_docker_socket("--docker-socket=/run/user/7/docker.sock", "/run/user/7/docker.sock");
    expect_docker_socket("--docker-socket=", "");
}

static void
expect_cluster(const char *kubernetes, const char *kubeconfig, bool wanted)
{
    const char *const arguments[] = {"--kubernetes", kubernetes, "--kubeconfig", kubeconfig, NULL};
    AgentOptions options = {0};
    assert_int_equal(parse(&options, arguments, NULL), OPTION_RUN);
    assert_int_equal(agent_options_in_cluster(&options), wanted);
    assert_int_equal(agent_options_targeting(&options), TARGET_SCHEME_ALL);
    option_clear(&agent_option_table, &options);
}

static void
test_whether_there_is_a_cluster(void **state)
{
    (void)state;
    g_unsetenv("KUBERNETES_SERVICE_HOST");
    expect_cluster("auto", "", false);
    expect_cluster("on", "", true);
    expect_cluster("auto", "/etc/config", true);
    expect_cluster("off", "/etc/config", false);
    g_setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1", TRUE);
    expect_cluster("auto", "", true);
    expect_cluster("off", "", false);
    g_unsetenv("KUBERNETES_SERVICE_HOST");
}

static void
test_endpoints(void **state)
{
    (void)state;
    const char *const arguments[] = {"--server",
                                     "https://hub:443/p",
                                     "--tenant",
                                     "a",
                                     "--header",
                                     "X-A=b=c",
                                     "--user",
                                     "u",
                                     "--password-file",
                                     "/p",
                                     "--compression",
                                     "zstd",
                                     NULL};
    AgentOptions options = {0};
    g_autoptr(GError) error = NULL;
    assert_int_equal(parse(&options, arguments, &error), OPTION_RUN);
    EndpointFile *file;
    g_autoptr(GPtrArray) endpoints = agent_options_endpoints(&options, &file, &error);
    assert_null(error);
    assert_null(file);
    assert_int_equal(endpoints->len, 1);
    const Endpoint *endpoint = endpoints->pdata[0];
    assert_string_equal(endpoint->name, "default");
    assert_string_equal(endpoint->url, "https://hub:443/p");
    assert_string_equal(endpoint->tenant, "a");
    assert_string_equal(g_hash_table_lookup(endpoint->headers, "X-A"), "b=c");
    assert_string_equal(endpoint->user, "u");
    assert_int_equal(endpoint->coding, SERIES_ZSTD);
    assert_int_equal(endpoint->timeout_ms, 10000);
    option_clear(&agent_option_table, &options);
}

static void
test_endpoints_that_are_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *arguments[5], *expected;
    } cases[] = {
        {{"--server=localhost:4040"}, "option --server: url: it is not an address like"},
        {{"--tenant=a/b"}, "option --tenant: tenant: 'a/b'"},
        {{"--header=s3cret"}, "option --header: there is no '='"},
        {{"--header=Host=s3cret"}, "option --header: headers: Host is set by the agent"},
        {{"--compression=br"}, "option --compression: compression: 'br' is none of"},
        {{"--password-file=/p"}, "option --password-file: basic_auth: password_file is given"},
        {{"--endpoints-file=/nowhere/x.yaml"}, "/nowhere/x.yaml"},
        {{"--endpoints-file=/x.yaml", "--user=u"}, "option --user goes with --server"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        AgentOptions options = {0};
        g_autoptr(GError) error = NULL;
        assert_int_equal(parse(&options, cases[i].arguments, &error), OPTION_RUN);
        EndpointFile *file;
        assert_null(agent_options_endpoints(&options, &file, &error));
        assert_null(file);
        assert_non_null(error);
        assert_non_null(strstr(error->message, cases[i].expected));
        assert_null(strstr(error->message, "s3cret"));
        option_clear(&agent_option_table, &options);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_what_is_wrong_is_named),
        cmocka_unit_test(test_an_empty_node_is_this_host),
        cmocka_unit_test(test_sockets_of_docker),
        cmocka_unit_test(test_whether_there_is_a_cluster),
        cmocka_unit_test(test_endpoints),
        cmocka_unit_test(test_endpoints_that_are_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
