/* The socket that the server listens on. Internal to server/http. */
#pragma once
#include <glib.h>

/* Binds to "ADDR:PORT" or "[ADDR]:PORT" and listens; port 0 takes a free one. Returns the socket
 * and the address that it has, as text to be freed. -1: INVALID_ARGUMENT when the address makes no
 * sense, UNAVAILABLE when it is taken. */
int listen_on(const char *text, char **ret_address, GError **error);
