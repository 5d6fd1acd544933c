/* An HTTP peer that plays a script: each request gets the next reply of a list, byte for byte, so
 * that tests can be answered wrongly, slowly or not at all. It listens on a free port of 127.0.0.1,
 * or on a socket in a folder, and keeps every request it got. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum {
    SCRIPT_CLOSE, /* send the reply and close */
    SCRIPT_KEEP,  /* send the reply and wait for the next request on the connection */
    SCRIPT_STALL, /* send the reply, then nothing more until the client hangs up */
    SCRIPT_RESET, /* send the reply, then cut the connection with a reset */
} ScriptEnd;

typedef struct {
    const char *reply; /* whole HTTP text; NULL sends nothing */
    ScriptEnd end;
    size_t padding; /* bytes of 'x' sent behind `reply` */
    GBytes *body;   /* sent behind them; NULL: nothing */
} ScriptStep;

typedef struct ScriptedServer ScriptedServer;

/* `steps` outlives the server; when they are used up the last one repeats. */
ScriptedServer *scripted_server_new(const ScriptStep *steps, size_t n_steps);
/* The same on a Unix socket that is made at `path`, which has no URL. */
ScriptedServer *scripted_server_new_unix(const char *path, const ScriptStep *steps, size_t n_steps);
/* Closes every connection and joins its threads. */
void scripted_server_free(ScriptedServer *server);

/* "http://127.0.0.1:PORT" + path; the caller frees. */
char *scripted_server_url(const ScriptedServer *server, const char *path);
/* How many requests came so far, and on how many connections. */
size_t scripted_server_requests(ScriptedServer *server);
size_t scripted_server_connections(ScriptedServer *server);
/* A copy of request number `i` from 0: head and body as they came. */
char *scripted_server_request(ScriptedServer *server, size_t i);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ScriptedServer, scripted_server_free)
