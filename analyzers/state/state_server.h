/* The server that keeps the state of a cluster as one document, GET and PUT
 * /api/v1/findings/state?cluster=NAME. Internal to analyzers/state. */
#pragma once
#include "analyzers/telemetry/api.h"

typedef struct StateServer StateServer;

/* Borrows the API. */
StateServer *state_server_new(TelemetryApi *api, const char *cluster);
void state_server_free(StateServer *server);

/* What it has, to be unreferenced; NULL in *ret_image when that is nothing.
 *   UNAVAILABLE         it is away or busy
 *   FAILED_PRECONDITION it refuses; its words */
bool state_server_load(StateServer *server, GBytes **ret_image, GError **error);
/* Puts the image in the place of what was last loaded or stored; durable when this returns. Errors
 * as above, and ABORTED when the server has another one by now. */
bool state_server_store(StateServer *server, GBytes *image, GError **error);
/* Keeps the image as the state of another cluster, which has none yet. */
bool state_server_store_as(StateServer *server, const char *cluster, GBytes *image, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(StateServer, state_server_free)
