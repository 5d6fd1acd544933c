/* The query parameters that our own paths share: profile_type, selector, from and until
 * (milliseconds, or as in now-1h), call_site (repeated, the root first), max_nodes. Errors are
 * INVALID_ARGUMENT and name the parameter. */
#pragma once
#include "server/api/selection.h"

/* A whole number; absent is `otherwise`. */
bool params_read_number(const HttpRequest *request, const char *name, int64_t otherwise,
                        int64_t *ret_value, GError **error);
/* What is selected; texts are borrowed. */
bool params_read_selection(const HttpRequest *request, SelectionInput *ret_input, GError **error);
/* The other side of a comparison: right_selector, right_from and right_until, each by default what
 * `left` has, with the same profile type and call site. */
bool params_read_right(const HttpRequest *request, const SelectionInput *left,
                       SelectionInput *ret_right, GError **error);
/* The number of nodes to send. */
bool
params_read_nodes(const HttpRequest *request, const Api *api, int64_t *ret_nodes, GError **error);
