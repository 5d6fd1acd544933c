/* What the server runs with, as YAML: its options, and the overrides of tenants.
 *
 * Where tokens are asked for, the options need one that may read every tenant, as they are nobody's
 * own, and of the overrides a token shows those of its tenants. */
#pragma once
#include "server/api/api.h"

/* All options, those that are not at their default, and the defaults. */
void configuration_handle(HttpRequest *request, void *api);
void configuration_handle_diff(HttpRequest *request, void *api);
void configuration_handle_default(HttpRequest *request, void *api);
/* The file of overrides that is in force; `mode=diff`: only limits that differ. */
void configuration_handle_overrides(HttpRequest *request, void *api);
