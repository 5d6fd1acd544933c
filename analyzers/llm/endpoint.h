/* An endpoint with the API of OpenAI's chat completions, as Ollama, vLLM and others have it. */
#pragma once
#include <gio/gio.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    ENDPOINT_TIMEOUT_MS = 20 * 1000, /* of one call */
    ENDPOINT_REPLY_BYTES_MAX = 256 * 1024,
};

typedef struct Endpoint Endpoint;

/* `url` is the endpoint's or the API's ("http://localhost:11434/v1"); `key_file` has its key, ""
 * when it wants none. Plain HTTP only to what is near: INVALID_ARGUMENT names the option that is
 * wrong. */
Endpoint *endpoint_new(const char *url, const char *key_file, GError **error);
void endpoint_free(Endpoint *endpoint);

/* Where requests go, without a password. */
const char *endpoint_url(const Endpoint *endpoint);
/* Whether it is on this machine, in the cluster or in a private network, by its name or address. */
bool endpoint_is_near(const Endpoint *endpoint);
/* Posts a body (JSON) and waits for the whole reply, which is 200 then. The errors of
 * http_client_send; UNAVAILABLE names another status; *ret_is_final says that there is no use in
 * asking again soon: the key is wrong, or the endpoint is busy. */
bool endpoint_ask(const Endpoint *endpoint, GBytes *body, int64_t timeout_ms, GBytes **ret_reply,
                  bool *ret_is_final, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Endpoint, endpoint_free)
