/* Logs of containers in files: DIR/NAMESPACE_POD_CONTAINER[.previous].log. */
#pragma once
#include "analyzers/collect/snapshot.h"

/* The snapshot has these logs from now on; `dir` is copied, and need not be there. */
void log_folder_open(Snapshot *snapshot, const char *dir);
