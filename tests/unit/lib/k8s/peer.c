#include "tests/unit/lib/k8s/peer.h"

#include <string.h>

#include "tests/harness/check.h"

Peer
peer_new(const ScriptStep *steps, size_t n_steps, const char *token_file)
{
    Peer peer = {.server = scripted_server_new(steps, n_steps)};
    g_autofree char *url = scripted_server_url(peer.server, "/base/");
    const K8sConfigOptions options = {.server = url};
    K8sConfig *config = k8s_config_load(&options, NULL);
    assert_non_null(config);
    config->token_file = g_strdup(token_file);
    peer.client = k8s_client_new(config, "test");
    return peer;
}

void
peer_clear(Peer *peer)
{
    k8s_client_free(peer->client);
    scripted_server_free(peer->server);
}

void
peer_expect_request(const Peer *peer, size_t i, const char *target)
{
    g_autofree char *seen = scripted_server_request(peer->server, i);
    g_autofree char *line = g_strdup_printf("GET /base%s HTTP/1.1\r\n", target);
    assert_non_null(seen);
    if (!g_str_has_prefix(seen, line))
        fail_msg("request %zu is %.*s instead of %s", i, (int)strcspn(seen, "\r"), seen, line);
}

bool
peer_count_page(GBytes *page, void *user, GError **error)
{
    (void)error;
    assert_true(g_bytes_get_size(page) > 0);
    ++*(size_t *)user;
    return true;
}

bool
peer_list(const Peer *peer, const K8sList *list, size_t n_pages, K8sOutcome *ret_outcome)
{
    size_t seen = 0;
    bool done = k8s_client_list(peer->client, list, NULL, peer_count_page, &seen, ret_outcome);
    assert_int_equal(seen, n_pages);
    return done;
}
