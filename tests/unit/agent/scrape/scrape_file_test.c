#include "agent/scrape/scrape_file.h"

#include <string.h>

#include "tests/harness/check.h"

static GPtrArray *
parse(const char *text, GError **error)
{
    return scrape_file_parse(text, strlen(text), "f.yaml", error);
}

static const char every_key[] =
    "scrape_configs:\n"
    "- job_name: app\n"
    "  scrape_interval: 1m\n"
    "  scrape_timeout: 20s\n"
    "  delta_profiling_duration: 30s\n"
    "  scheme: https\n"
    "  params: {debug: ['0', '1'], gc: 1}\n"
    "  bearer_token_file: /t\n"
    "  tls_config: {ca_file: /ca, cert_file: /c, key_file: /k, server_name: s,\n"
    "               insecure_skip_verify: true}\n"
    "  http_headers: {X-A: [b, c], X-D: e}\n"
    "  proxy_url: http://proxy:3128\n"
    "  follow_redirects: false\n"
    "  enable_http2: false\n"
    "  body_size_limit: 1MiB\n"
    "  profile_size_limit: 2MiB\n"
    "  profiling_config:\n"
    "    path_prefix: /pre\n"
    "    profile.block: {enabled: false}\n"
    "    profile.fgprof: {enabled: true, path: /fg, delta: false}\n"
    "    profile.custom:\n"
    "      jemalloc: {enabled: true, path: /je, delta: true}\n"
    "  targets:\n"
    "  - {__address__: 'a:1', service_name: one}\n"
    "  - {__address__: 'a:2'}\n"
    "  relabel_configs:\n"
    "  - {action: drop, source_labels: [service_name], regex: two}\n"
    "- job_name: pods\n"
    "  kubernetes: {role: pod}\n"
    "  basic_auth: {username: u, password_file: /p}\n"
    "- {job_name: asked, kubernetes: {role: annotations}}\n";

static void
expect_profiles(const ScrapeJob *job)
{
    assert_string_equal(job->path_prefix, "/pre");
    assert_false(scrape_job_profile(job, "block")->is_on);
    assert_true(scrape_job_profile(job, "memory")->is_on);
    assert_string_equal(scrape_job_profile(job, "fgprof")->path, "/fg");
    assert_false(scrape_job_profile(job, "fgprof")->takes_seconds);
    assert_true(scrape_job_profile(job, "jemalloc")->takes_seconds);
    assert_null(scrape_job_profile(job, "jemalloc")->type);
}

static void
expect_access(const ScrapeJob *job)
{
    assert_string_equal(job->scheme, "https");
    assert_string_equal(((GStrv)g_hash_table_lookup(job->params, "debug"))[1], "1");
    assert_string_equal(job->auth.token_file, "/t");
    assert_string_equal(job->ca_file, "/ca");
    assert_string_equal(job->certificate_file, "/c");
    assert_string_equal(job->key_file, "/k");
    assert_string_equal(job->tls_server_name, "s");
    assert_true(job->tls_unchecked);
    assert_int_equal(g_strv_length(job->headers), 3);
    assert_string_equal(job->headers[1], "X-A: c");
    assert_string_equal(job->proxy_url, "http://proxy:3128");
    assert_false(job->follows_redirects || job->uses_http2);
}

static void
test_every_key(void **state)
{
    (void)state;
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) jobs = parse(every_key, &error);
    assert_no_error(error);
    assert_int_equal(jobs->len, 3);
    const ScrapeJob *job = jobs->pdata[0], *pods = jobs->pdata[1], *asked = jobs->pdata[2];
    assert_string_equal(job->name, "app");
    assert_int_equal(job->interval_us, 60 * G_USEC_PER_SEC);
    assert_int_equal(job->timeout_us, 20 * G_USEC_PER_SEC);
    assert_int_equal(job->seconds, 30);
    expect_access(job);
    assert_int_equal(job->body_bytes_max, 1 << 20);
    assert_int_equal(job->profile_bytes_max, 2 << 20);
    expect_profiles(job);
    assert_int_equal(job->targets->len, 2);
    assert_non_null(job->rules);
    assert_int_equal(pods->role, SCRAPE_ROLE_POD);
    assert_string_equal(pods->auth.user, "u");
    assert_string_equal(pods->auth.password_file, "/p");
    assert_int_equal(asked->role, SCRAPE_ROLE_ANNOTATIONS);
}

static void
test_times_that_are_not_said(void **state)
{
    (void)state;
    g_autoptr(GPtrArray) jobs = parse("scrape_configs: [{job_name: a, scrape_interval: 5s}]", NULL);
    const ScrapeJob *job = jobs->pdata[0];
    assert_int_equal(job->timeout_us, 5 * G_USEC_PER_SEC);
    assert_int_equal(job->seconds, 4);
}

static void
test_nothing_is_no_job(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "scrape_configs:", "scrape_configs: []"};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(GPtrArray) jobs = parse(texts[i], NULL);
        assert_int_equal(jobs->len, 0);
    }
}

#define JOB "scrape_configs:\n- job_name: a\n  "

typedef struct {
    const char *text, *wanted;
} Case;

static void
expect_errors(const Case *cases, size_t n_cases)
{
    for (size_t i = 0; i < n_cases; i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GPtrArray) jobs = parse(cases[i].text, &error);
        if (jobs != NULL)
            fail_msg("taken: %s", cases[i].text);
        assert_error_says(error, cases[i].wanted);
        assert_lacks(error->message, "s3cret");
    }
}

static void
test_what_is_wrong_is_named(void **state)
{
    (void)state;
    static const Case cases[] = {
        {"scrape_config: []",
         "f.yaml:1: the file: there is no key 'scrape_config', did you mean scrape_configs?"},
        {"- job_name: a", "must be a mapping"},
        {"scrape_configs:\n- scheme: http", "f.yaml:2: a scrape job needs a job_name"},
        {JOB "scrape_intervall: 5s",
         "f.yaml:3: a scrape job: there is no key 'scrape_intervall', did you mean "
         "scrape_interval?"},
        {JOB "scrape_interval: 1s", "scrape_interval is to be from 2 s to a day"},
        {JOB "scrape_interval: soon", "f.yaml:3: scrape_interval: 'soon' is not a duration"},
        {JOB "scrape_timeout: 16s", "scrape_timeout is longer than scrape_interval"},
        {JOB "delta_profiling_duration: 15s",
         "delta_profiling_duration is to be at least one second shorter than scrape_interval"},
        {JOB "delta_profiling_duration: 1500ms", "whole seconds"},
        {JOB "scheme: ftp", "scheme: 'ftp' is neither http nor https"},
        {JOB "tls_config: {cert_file: /x}", "cert_file and key_file go together"},
        {JOB "tls_config: {ca: /x}", "f.yaml:3: tls_config: there is no key 'ca'"},
        {JOB "http_headers: {'X A': b}", "'X A' is no name of a header"},
        {JOB "http_headers: {X-A: \"b\\r\\nC: d\"}", "X-A has a control character"},
        {JOB "body_size_limit: 2GiB", "body_size_limit is to be from 1 byte to 1 GiB"},
        {JOB "profiling_config: {profile.heap: {}}",
         "profiling_config: there is no key 'profile.heap', it is none of path_prefix, "
         "profile.custom, profile.process_cpu"},
        {JOB "profiling_config: {profile.memory: {enabled: maybe}}", "neither true nor false"},
        {JOB "profiling_config: {profile.memory: {path: x}}", "'x' does not begin with /"},
        {JOB "profiling_config: {profile.custom: {x: {enabled: true}}}", "x needs a path"},
        {JOB "profiling_config: {profile.custom: {memory: {path: /x}}}",
         "'memory' is the name of another profile"},
        {JOB "targets: [{service_name: x}]", "a target needs an __address__"},
        {JOB "targets: ['a:1']", "must be a mapping"},
        {JOB "kubernetes: {role: node}", "'node' is neither pod nor annotations"},
        {JOB "kubernetes: {role: }", "kubernetes needs a role"},
        {JOB "relabel_configs: [{action: drip}]", "there is no action 'drip', did you mean drop?"},
        {JOB "scheme: http\n- job_name: a", "f.yaml:4: job_name: there are two jobs a"},
    };
    expect_errors(cases, G_N_ELEMENTS(cases));
}

static void
test_ways_to_log_in_that_are_wrong(void **state)
{
    (void)state;
    static const Case cases[] = {
        {JOB "bearer_token_file: /x\n  basic_auth: {username: u}",
         "bearer_token_file and basic_auth exclude each other"},
        {JOB "bearer_token: s3cret\n  bearer_token_file: /x",
         "bearer_token and bearer_token_file exclude each other"},
        {JOB "bearer_token: 's3cret x'", "bearer_token is not one line of text without blanks"},
        {JOB "authorization: {credentials: s3cret, credentials_file: /x}",
         "authorization: credentials and credentials_file exclude each other"},
        {JOB "authorization: {type: Token}", "authorization needs credentials or credentials_fi"},
        {JOB "authorization: {type: basic, credentials: s3cret}", "is what basic_auth is for"},
        {JOB "authorization: {type: 'a b', credentials: s3cret}", "type is no name of a scheme"},
        {JOB "authorization: {credentials: s3cret}\n  bearer_token: s3cret",
         "bearer_token and authorization exclude each other"},
        {JOB "basic_auth: {username: u, password: s3cret, password_file: /x}",
         "basic_auth: password and password_file exclude each other"},
        {JOB "basic_auth: {username: u, password: \"s3cret\\n\"}",
         "basic_auth: password is not one line of text"},
        {JOB "basic_auth: {password: s3cret}", "basic_auth needs a username"},
        {JOB "oauth2: {client_id: i}", "oauth2 needs a client_id and a token_url"},
        {JOB "oauth2: {client_id: i, token_url: 'ftp://h'}", "token_url is not an address like"},
        {JOB "oauth2: {client_id: i, token_url: 'http://u:s3cret@h'}", "token_url names a user"},
        {JOB "oauth2: {client_id: i, token_url: 'http://h', client_secret: s3cret, "
             "client_secret_file: /x}",
         "oauth2: client_secret and client_secret_file exclude each other"},
        {JOB "oauth2: {client_id: i, secret: s3cret}", "oauth2: there is no key 'secret'"},
        {JOB "oauth2: {client_id: i, token_url: 'http://h'}\n  basic_auth: {username: u}",
         "basic_auth and oauth2 exclude each other"},
        {JOB "basic_auth: {password_file: /x}", "basic_auth needs a username"},
    };
    expect_errors(cases, G_N_ELEMENTS(cases));
}

static void
test_ways_to_log_in(void **state)
{
    (void)state;
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) jobs = parse(
        "scrape_configs:\n"
        "- {job_name: a, bearer_token: t}\n"
        "- {job_name: b, authorization: {type: Token, credentials: c}}\n"
        "- {job_name: c, authorization: {credentials_file: /c}}\n"
        "- {job_name: d, basic_auth: {username: u, password: 'p q'}}\n"
        "- job_name: e\n"
        "  oauth2:\n"
        "    client_id: i\n"
        "    client_secret: 's t'\n"
        "    token_url: https://h/token\n"
        "    scopes: [x, y]\n"
        "    endpoint_params: {audience: z}\n"
        "    tls_config: {ca_file: /ca, server_name: n, insecure_skip_verify: true}\n"
        "    proxy_url: http://proxy:3128\n"
        "- {job_name: f, oauth2: {client_id: i, client_secret_file: /s, token_url: http://h}}\n",
        &error);
    assert_no_error(error);
    const ScrapeJob *const *job = (const ScrapeJob *const *)jobs->pdata;
    assert_string_equal(scrape_auth_http(&job[0]->auth).token, "t");
    const HttpAuth typed = scrape_auth_http(&job[1]->auth);
    assert_string_equal(typed.type, "Token");
    assert_string_equal(typed.token, "c");
    assert_string_equal(scrape_auth_http(&job[2]->auth).token_file, "/c");
    const HttpAuth basic = scrape_auth_http(&job[3]->auth);
    assert_string_equal(basic.user, "u");
    assert_string_equal(basic.password, "p q");
    assert_null(job[3]->token);
    const ScrapeOAuth2 *oauth2 = job[4]->auth.oauth2;
    assert_string_equal(oauth2->client_secret, "s t");
    assert_string_equal(oauth2->scopes[1], "y");
    assert_string_equal(g_hash_table_lookup(oauth2->endpoint_params, "audience"), "z");
    assert_string_equal(oauth2->ca_file, "/ca");
    assert_string_equal(oauth2->tls_server_name, "n");
    assert_string_equal(oauth2->proxy_url, "http://proxy:3128");
    assert_true(oauth2->tls_unchecked);
    assert_non_null(job[4]->token);
    assert_string_equal(job[5]->auth.oauth2->client_secret_file, "/s");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_key),
        cmocka_unit_test(test_times_that_are_not_said),
        cmocka_unit_test(test_nothing_is_no_job),
        cmocka_unit_test(test_what_is_wrong_is_named),
        cmocka_unit_test(test_ways_to_log_in_that_are_wrong),
        cmocka_unit_test(test_ways_to_log_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
