/* What the verb `health` does: asks the server that runs with these options whether it is ready. */
#pragma once
#include "server/options.h"

/* The URL of /ready there: of an address that stands for all of the machine's, on the loopback. */
char *server_health_url(const ServerOptions *options);

/* Whether it answers 200 within a few seconds; when not, *error says what it answers, or why there
 * is no answer. With TLS any certificate is taken: nothing is sent, and the answer is only read. */
bool server_health_check(const ServerOptions *options, GError **error);
