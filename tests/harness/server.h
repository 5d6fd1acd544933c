/* A real cresset-server on a free port, for integration tests. */
#pragma once
#include "lib/net/http_client.h"
#include "tests/harness/program.h"

typedef struct TestServer TestServer;

/* Starts build/bin/cresset-server over `data_dir` with `options` added (NULL-terminated, or NULL)
 * and waits until it is ready. */
TestServer *test_server_start(const char *data_dir, const char *const *options);
/* Kills the server when it still runs. NULL is allowed. */
void test_server_free(TestServer *server);

Program *test_server_program(TestServer *server);
/* "http://127.0.0.1:PORT" */
const char *test_server_url(const TestServer *server);
/* Ends the server with SIGTERM; fails the test unless it exits with 0. */
void test_server_stop(TestServer *server);

/* One call: GET without a body, else POST with the content type. `tenant` NULL sends no tenant
 * header. The reply is cleared by the caller; a call that gets none fails the test. */
HttpClientReply test_server_call(TestServer *server, const char *path, const char *tenant,
                                 const char *content_type, GBytes *body);
/* The same with JSON text in and out: returns the status, and the body in *ret_body (NULL allowed),
 * freed by the caller. `json` NULL is a GET. */
int test_server_json(TestServer *server, const char *path, const char *tenant, const char *json,
                     char **ret_body);

/* Where the built program is; the caller frees. */
char *test_program_path(const char *name);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(TestServer, test_server_free)
