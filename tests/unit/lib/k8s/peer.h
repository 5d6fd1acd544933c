/* A client of the Kubernetes API with a server that plays a script, and the answers of which
 * scripts are made. */
#pragma once
#include "lib/k8s/client.h"
#include "tests/harness/scripted_server.h"

#define JSON_HEAD      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
#define LIST(metadata) "{\"kind\":\"PodList\",\"metadata\":{" metadata "},\"items\":[]}"
#define PAGE(metadata) JSON_HEAD LIST(metadata)
#define LAST_PAGE      PAGE("\"resourceVersion\":\"7\"")
#define STATUS(code, reason, message)                                                              \
    "HTTP/1.1 " code " X\r\nContent-Type: application/json\r\n\r\n{\"kind\":\"Status\","           \
    "\"metadata\":{\"continue\":\"inconsistent\"},\"message\":\"" message                          \
    "\",\"reason\":\"" reason "\",\"code\":" code "}"
#define PLAIN(code, text) "HTTP/1.1 " code " X\r\nContent-Type: text/plain\r\n\r\n" text "\n"
#define EXPIRED           STATUS("410", "Expired", "too old")
#define RETRY_NOW         "HTTP/1.1 429 X\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\nTry later"

typedef struct {
    ScriptedServer *server;
    K8sClient *client;
} Peer;

/* `steps` outlives the peer; `token_file` may be NULL. The server's URL has the path /base. */
Peer peer_new(const ScriptStep *steps, size_t n_steps, const char *token_file);
void peer_clear(Peer *peer);

#define PEER(steps) peer_new(steps, G_N_ELEMENTS(steps), NULL)

/* Request number `i` was a GET of this target below /base. */
void peer_expect_request(const Peer *peer, size_t i, const char *target);

/* A K8sPageFunc that counts pages in a size_t. */
bool peer_count_page(GBytes *page, void *user, GError **error);
/* Lists with that and compares the number of pages that were handed over. */
bool peer_list(const Peer *peer, const K8sList *list, size_t n_pages, K8sOutcome *ret_outcome);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Peer, peer_clear)
