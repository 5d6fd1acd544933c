/* Clusters that cannot be read at all, by a server that plays a script. */
#include "analyzers/collect/cluster.h"

#include "lib/base/error.h"
#include "tests/harness/check.h"
#include "tests/harness/scripted_server.h"

#define STATUS(code, reason)                                                                       \
    "HTTP/1.1 " code " X\r\nContent-Type: application/json\r\n\r\n{\"kind\":\"Status\","           \
    "\"message\":\"not you\",\"reason\":\"" reason "\",\"code\":" code "}"

static void
test_errors_say_what_the_server_did(void **state)
{
    (void)state;
    static const struct {
        ScriptStep step;
        int code;
        const char *part;
    } rows[] = {
        {{.reply = STATUS("401", "Unauthorized")}, CRESSET_ERROR_UNAUTHENTICATED, ": 401 not you"},
        {{.reply = STATUS("403", "Forbidden")}, CRESSET_ERROR_PERMISSION_DENIED, ": 403 not you"},
        {{.reply = "HTTP/1.1 404 X\r\n\r\nno such page"}, CRESSET_ERROR_NOT_FOUND, ": 404 no such"},
        {{.reply = STATUS("400", "BadRequest")}, CRESSET_ERROR_UNAVAILABLE, ": 400 not you"},
        {{.reply = "HTTP/1.1 200 OK\r\n\r\n<html>"}, CRESSET_ERROR_UNAVAILABLE, "): not JSON"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(ScriptedServer) server = scripted_server_new(&rows[i].step, 1);
        g_autofree char *url = scripted_server_url(server, "");
        const K8sConfigOptions how = {.server = url};
        g_autoptr(K8sClient) client = k8s_client_new(k8s_config_load(&how, NULL), "test");
        g_autoptr(Snapshot) snapshot = snapshot_new();
        g_autoptr(GError) error = NULL;
        assert_false(cluster_read(snapshot, client, &(ClusterOptions){0}, &error));
        assert_error_says(error, rows[i].part);
        assert_contains(error->message, url);
        assert_int_equal(error->code, rows[i].code);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors_say_what_the_server_did),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
