/* POST /ingest: the protocol of the older SDKs. */
#pragma once
#include "server/api/api.h"

void legacy_ingest_handle(HttpRequest *request, void *api);
