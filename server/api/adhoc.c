#include "server/api/adhoc.h"

#include <adhoc.pb-c.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/pprof/gzip.h"
#include "server/api/adhoc_profile.h"
#include "server/api/flame.h"
#include "server/api/render.h"
#include "server/api/selection.h"
#include "server/query/diff.h"
#include "server/store/document.h"
#include "server/store/ulid.h"

#define KIND       "ad hoc profile"
#define GZIP_LEVEL 6
/* What g_base64_decode does not pass over, and line breaks. */
#define BASE64_CHARS G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "+/=\r\n"

enum { NAME_LENGTH_MAX = 100 };

static size_t
file_bytes_max(const RpcCall *call)
{
    TenantLimits limits;
    tenant_overrides_get(call->api->overrides, call->http->tenant, &limits);
    return (size_t)limits.profile_bytes_max;
}

static char *
keep(RpcCall *call, char *text)
{
    g_ptr_array_add(call->scratch, text);
    return text;
}

/* The id is a ULID, a dash and the file's name with other characters replaced. */
static char *
make_id(const char *name)
{
    g_autofree char *clean = g_strndup(name, NAME_LENGTH_MAX);
    Ulid ulid = ulid_new();
    g_strcanon(clean, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "_.-", '_');
    return g_strdup_printf("%s-%s", ulid.text, clean);
}

static const char *
name_of(const char *id)
{
    return strlen(id) > ULID_LENGTH ? id + ULID_LENGTH + 1 : id;
}

/* ---- Storing. ---- */

typedef struct {
    GBytes *content;
    int64_t uploaded_at; /* milliseconds */
} NewFile;

static bool
change_put(const Document *old, const DocumentOthers *others, Document *ret_new, void *data,
           GError **error)
{
    (void)old;
    (void)others;
    (void)error;
    const NewFile *file = data;
    ret_new->content = g_bytes_ref(file->content);
    ret_new->version = file->uploaded_at;
    return true;
}

/* Deletes the oldest files over the limits; ids sort by time. */
static bool
make_room(const RpcCall *call, GError **error)
{
    Store *store = call->api->store;
    g_autoptr(GPtrArray) list = store_document_list(store, call->http->tenant, KIND, false, error);
    if (list == NULL)
        return false;
    uint64_t bytes = 0;
    for (guint i = 0; i < list->len; i++)
        bytes += ((const Document *)list->pdata[i])->size;
    for (guint i = 0; i + 1 < list->len; i++) {
        const Document *document = list->pdata[i];
        if (list->len - i <= ADHOC_FILES_MAX && bytes <= ADHOC_BYTES_MAX)
            return true;
        bytes -= document->size;
        const DocumentKey key = {call->http->tenant, KIND, document->name};
        if (!store_document_delete(store, &key, error))
            return false;
    }
    return true;
}

static bool
store_file(const RpcCall *call, const char *id, const uint8_t *data, size_t size,
           int64_t uploaded_at, GError **error)
{
    g_autoptr(GBytes) content =
        gzip_detect(data, size) != GZIP_PLAIN
            ? g_bytes_new(data, size)
            : g_byte_array_free_to_bytes(gzip_compress(data, size, GZIP_LEVEL));
    const DocumentKey key = {call->http->tenant, KIND, id};
    NewFile file = {content, uploaded_at};
    return store_document_change(call->api->store, &key, change_put, &file, error) &&
           make_room(call, error);
}

/* ---- Answers. ---- */

typedef struct {
    const char *type; /* NULL: the first */
    int64_t max_nodes;
} View;

static bool
make_view(const RpcCall *call, const char *type, bool nodes_given, int64_t nodes, View *ret_view,
          GError **error)
{
    ret_view->type = type != NULL && type[0] != '\0' ? type : NULL;
    return selection_max_nodes(call->api, call->http->tenant, nodes_given, nodes,
                               &ret_view->max_nodes, error);
}

static char *
take_text(RpcCall *call, GBytes *bytes)
{
    gsize size;
    const char *data = g_bytes_get_data(bytes, &size);
    char *text = keep(call, g_strndup(data, size));
    g_bytes_unref(bytes);
    return text;
}

static void
reply_profile(RpcCall *call, const char *id, int64_t uploaded_at, AdhocProfile *profile,
              const View *view)
{
    Adhocprofiles__V1__AdHocProfilesGetResponse response =
        ADHOCPROFILES__V1__AD_HOC_PROFILES_GET_RESPONSE__INIT;
    profile->tree = tree_fit(profile->tree, view->max_nodes, NULL);
    g_auto(FlameLayout) layout = {0};
    flame_layout_init(&layout, profile->tree);
    response.id = (char *)id;
    response.name = (char *)name_of(id);
    response.uploaded_at = uploaded_at;
    response.profile_type = profile->type;
    response.profile_types = profile->types;
    response.n_profile_types = g_strv_length(profile->types);
    response.flamebearer_profile =
        take_text(call, render_document(&layout, profile->type, profile->unit));
    rpc_reply(call, &response.base);
}

/* Reads a stored file; *ret_uploaded_at may be NULL. */
static bool
load(const RpcCall *call, const char *id, const char *type, AdhocProfile *ret_profile,
     int64_t *ret_uploaded_at, GError **error)
{
    const DocumentKey key = {call->http->tenant, KIND, id};
    g_autoptr(Document) document = store_document_get(call->api->store, &key, error);
    if (document == NULL)
        return false;
    size_t size;
    const uint8_t *data = g_bytes_get_data(document->content, &size);
    if (ret_uploaded_at != NULL)
        *ret_uploaded_at = document->version;
    return adhoc_profile_read(data, size, file_bytes_max(call), type, ret_profile, error);
}

/* ---- Methods. ---- */

static bool
upload(RpcCall *call, const Adhocprofiles__V1__AdHocProfilesUploadRequest *request,
       int64_t uploaded_at, char **ret_id, AdhocProfile *ret_profile, View *view, GError **error)
{
    bool given = request->max_nodes_presence_case ==
                 ADHOCPROFILES__V1__AD_HOC_PROFILES_UPLOAD_REQUEST__MAX_NODES_PRESENCE_MAX_NODES;
    size_t size, size_max = file_bytes_max(call);
    if (request->name[0] == '\0')
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "name is required");
    if (request->profile[strspn(request->profile, BASE64_CHARS)] != '\0')
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "profile must be the file as a base64 string");
    g_autofree uint8_t *file = g_base64_decode(request->profile, &size);
    if (size > size_max)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "profile is larger than %zu bytes (limit max_profile_size_bytes)",
                         size_max);
    if (!make_view(call, NULL, given, request->max_nodes, view, error) ||
        !adhoc_profile_read(file, size, size_max, NULL, ret_profile, error))
        return false;
    *ret_id = keep(call, make_id(request->name));
    return store_file(call, *ret_id, file, size, uploaded_at, error);
}

static void
call_upload(RpcCall *call)
{
    g_autoptr(GError) error = NULL;
    g_auto(AdhocProfile) profile = {0};
    View view;
    char *id;
    int64_t now_ms = api_now_ns() / 1000000;
    if (upload(call, (const void *)call->message, now_ms, &id, &profile, &view, &error))
        reply_profile(call, id, now_ms, &profile, &view);
    else
        rpc_fail(call, error);
}

static void
call_get(RpcCall *call)
{
    const Adhocprofiles__V1__AdHocProfilesGetRequest *request = (const void *)call->message;
    bool given = request->max_nodes_presence_case ==
                 ADHOCPROFILES__V1__AD_HOC_PROFILES_GET_REQUEST__MAX_NODES_PRESENCE_MAX_NODES;
    bool typed = request->profile_type_presence_case ==
                 ADHOCPROFILES__V1__AD_HOC_PROFILES_GET_REQUEST__PROFILE_TYPE_PRESENCE_PROFILE_TYPE;
    g_autoptr(GError) error = NULL;
    g_auto(AdhocProfile) profile = {0};
    View view;
    int64_t uploaded_at;
    if (make_view(call, typed ? request->profile_type : NULL, given, request->max_nodes, &view,
                  &error) &&
        load(call, request->id, view.type, &profile, &uploaded_at, &error))
        reply_profile(call, request->id, uploaded_at, &profile, &view);
    else
        rpc_fail(call, error);
}

static void
call_list(RpcCall *call)
{
    Adhocprofiles__V1__AdHocProfilesListResponse response =
        ADHOCPROFILES__V1__AD_HOC_PROFILES_LIST_RESPONSE__INIT;
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) list =
        store_document_list(call->api->store, call->http->tenant, KIND, false, &error);
    if (list == NULL) {
        rpc_fail(call, error);
        return;
    }
    Adhocprofiles__V1__AdHocProfilesProfileMetadata *profiles =
        rpc_alloc(call, list->len, sizeof(*profiles));
    response.profiles = rpc_alloc_pointers(call, list->len);
    response.n_profiles = list->len;
    for (guint i = 0; i < list->len; i++) {
        const Document *document = list->pdata[i];
        adhocprofiles__v1__ad_hoc_profiles_profile_metadata__init(&profiles[i]);
        profiles[i].id = document->name;
        profiles[i].name = (char *)name_of(document->name);
        profiles[i].uploaded_at = document->version;
        response.profiles[i] = &profiles[i];
    }
    rpc_reply(call, &response.base);
}

/* The types that both files have. */
static void
fill_common_types(RpcCall *call, Adhocprofiles__V1__AdHocProfilesDiffResponse *response,
                  const AdhocProfile *left, const AdhocProfile *right)
{
    response->profile_types = rpc_alloc_pointers(call, g_strv_length(left->types));
    for (size_t i = 0; left->types[i] != NULL; i++) {
        if (g_strv_contains((const char *const *)right->types, left->types[i]))
            response->profile_types[response->n_profile_types++] = left->types[i];
    }
}

static void
reply_diff(RpcCall *call, const AdhocProfile *left, const AdhocProfile *right, const View *view)
{
    Adhocprofiles__V1__AdHocProfilesDiffResponse response =
        ADHOCPROFILES__V1__AD_HOC_PROFILES_DIFF_RESPONSE__INIT;
    g_autoptr(TreeDiff) whole = tree_diff_new(left->tree, right->tree);
    g_autoptr(TreeDiff) diff = tree_diff_truncate(whole, view->max_nodes);
    g_auto(FlameLayout) layout = {0};
    flame_layout_init_diff(&layout, diff);
    fill_common_types(call, &response, left, right);
    response.flamebearer_profile =
        take_text(call, render_document(&layout, left->type, left->unit));
    rpc_reply(call, &response.base);
}

static void
call_diff(RpcCall *call)
{
    const Adhocprofiles__V1__AdHocProfilesDiffRequest *request = (const void *)call->message;
    bool given = request->max_nodes_presence_case ==
                 ADHOCPROFILES__V1__AD_HOC_PROFILES_DIFF_REQUEST__MAX_NODES_PRESENCE_MAX_NODES;
    bool typed =
        request->profile_type_presence_case ==
        ADHOCPROFILES__V1__AD_HOC_PROFILES_DIFF_REQUEST__PROFILE_TYPE_PRESENCE_PROFILE_TYPE;
    g_autoptr(GError) error = NULL;
    g_auto(AdhocProfile) left = {0};
    g_auto(AdhocProfile) right = {0};
    View view;
    /* Without a type the right file has to have what the left one shows first. */
    if (make_view(call, typed ? request->profile_type : NULL, given, request->max_nodes, &view,
                  &error) &&
        load(call, request->left_id, view.type, &left, NULL, &error) &&
        load(call, request->right_id, left.type, &right, NULL, &error))
        reply_diff(call, &left, &right, &view);
    else
        rpc_fail(call, error);
}

const RpcMethod rpc_adhoc_upload = {
    .request = &adhocprofiles__v1__ad_hoc_profiles_upload_request__descriptor,
    .one_tenant = true,
    .call = call_upload};
const RpcMethod rpc_adhoc_get = {.request =
                                     &adhocprofiles__v1__ad_hoc_profiles_get_request__descriptor,
                                 .one_tenant = true,
                                 .call = call_get};
const RpcMethod rpc_adhoc_list = {.request =
                                      &adhocprofiles__v1__ad_hoc_profiles_list_request__descriptor,
                                  .one_tenant = true,
                                  .call = call_list};
const RpcMethod rpc_adhoc_diff = {.request =
                                      &adhocprofiles__v1__ad_hoc_profiles_diff_request__descriptor,
                                  .one_tenant = true,
                                  .call = call_diff};
