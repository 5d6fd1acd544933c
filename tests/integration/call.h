/* Calls with header lines of the test's own. */
#pragma once
#include "tests/harness/server.h"

/* GET without a body, else POST; `headers` are "Name: value" lines or NULL. The reply is cleared by
 * the caller; a call that gets none fails the test. */
HttpClientReply
call_with(const TestServer *server, const char *path, const char *const *headers, GBytes *body);
