/* debuginfo.v1alpha1.DebuginfoService: debug files that clients upload, by GNU build id. */
#pragma once
#include "server/api/connect.h"

extern const RpcMethod rpc_should_initiate_upload, rpc_upload_finished, rpc_list_debuginfo,
    rpc_delete_debuginfo;

/* POST …/Upload/{gnu_build_id}: the file itself. 412 when ShouldInitiateUpload did not come first,
 * before any of it is read. */
#define DEBUGINFO_UPLOAD "/debuginfo.v1alpha1.DebuginfoService/Upload/"
HttpResponse *debuginfo_admit_upload(HttpRequest *request, void *api);
void debuginfo_handle_upload(HttpRequest *request, void *api);
