/* A snapshot from a folder: recorded lists (<group>_<version>_<resource>.json[.gz], "core" for the
 * core group, versions like v1 or v1beta2, .metadata.json for metadata alone, .error-<code>.json
 * for an answer that was not 200), and any other *.json, *.yaml or *.yml with lists or objects, as
 * `kubectl get -o json` writes them (of Crossplane `kubectl get managed`). Within the folder or
 * beside it are logs/, readyz.txt (what `kubectl get --raw '/readyz?verbose'` says) and
 * apiserver.pem (the certificate that the API server shows). */
#pragma once
#include "analyzers/collect/snapshot.h"

/* Fills and finishes the snapshot. A file that cannot be read fails the list of its kind, or, when
 * its name does not say which, the whole. A single file is as good as a folder that has it alone,
 * and is read also when its name is that of a recorded list of a kind that is not looked at. */
bool folder_read(Snapshot *snapshot, const char *path, GError **error);
