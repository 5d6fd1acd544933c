#include "server/health.h"

#include "tests/harness/check.h"

static void
test_all_addresses_are_asked_on_the_loopback(void **state)
{
    static const struct {
        const char *listen, *tls_cert, *url;
    } rows[] = {
        {"0.0.0.0:4040", "", "http://127.0.0.1:4040/ready"},
        {":4040", "", "http://127.0.0.1:4040/ready"},
        {"[::]:4040", "", "http://[::1]:4040/ready"},
        {"[2001:db8::1]:80", "", "http://[2001:db8::1]:80/ready"},
        {"cresset-server.cresset.svc:443", "/etc/tls.crt",
         "https://cresset-server.cresset.svc:443/ready"},
    };
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *listen = g_strdup(rows[i].listen);
        g_autofree char *certificate = g_strdup(rows[i].tls_cert);
        const ServerOptions options = {.listen = listen, .tls_cert = certificate};
        g_autofree char *url = server_health_url(&options);
        assert_string_equal(url, rows[i].url);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_addresses_are_asked_on_the_loopback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
