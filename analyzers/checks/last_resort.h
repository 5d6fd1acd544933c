/* For checks that speak only when no other one does: their topics come last in the table. Internal
 * to analyzers/checks. */
#pragma once
#include "analyzers/checks/check.h"

/* Objects that findings so far are about, advice left out; `umbrellas`: those of general checks
 * too. Free with g_hash_table_unref. */
GHashTable *last_resort_known(const Findings *findings, bool umbrellas);
/* Whether the pod, its controller or a Service that selects it is among them. */
bool last_resort_is_known(const CheckRun *run, GHashTable *known, const Object *pod);
