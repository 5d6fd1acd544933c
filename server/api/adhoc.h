/* adhocprofiles.v1.AdHocProfileService: Upload, Get, List, Diff.
 *
 * Uploaded files are documents of the store, as they came but compressed. Of a tenant the newest
 * ones are kept: at most ADHOC_FILES_MAX, of ADHOC_BYTES_MAX in all. */
#pragma once
#include "server/api/connect.h"

enum { ADHOC_FILES_MAX = 100, ADHOC_BYTES_MAX = 64 * 1024 * 1024 };

extern const RpcMethod rpc_adhoc_upload, rpc_adhoc_get, rpc_adhoc_list, rpc_adhoc_diff;
