#include "server/api/settings.h"

#include <settings.pb-c.h>
#include <string.h>

#include "lib/base/error.h"
#include "server/store/document.h"

#define KIND "setting"

/* Of one tenant: Grafana's Profiles Drilldown keeps a single one, of some hundred bytes. */
enum { SETTINGS_MAX = 1000, NAME_LENGTH_MAX = 256, VALUE_LENGTH_MAX = 65536 };

static char *
keep(RpcCall *call, char *text)
{
    g_ptr_array_add(call->scratch, text);
    return text;
}

static void
call_get(RpcCall *call)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) list =
        store_document_list(call->api->store, call->http->tenant, KIND, true, &error);
    if (list == NULL) {
        rpc_fail(call, error);
        return;
    }
    Settings__V1__GetSettingsResponse response = SETTINGS__V1__GET_SETTINGS_RESPONSE__INIT;
    Settings__V1__Setting *settings = rpc_alloc(call, list->len, sizeof(*settings));
    response.settings = rpc_alloc_pointers(call, list->len);
    response.n_settings = list->len;
    for (guint i = 0; i < list->len; i++) {
        const Document *document = list->pdata[i];
        settings__v1__setting__init(&settings[i]);
        settings[i].name = document->name;
        settings[i].value =
            keep(call, g_strndup(g_bytes_get_data(document->content, NULL), document->size));
        settings[i].modifiedat = document->version;
        response.settings[i] = &settings[i];
    }
    rpc_reply(call, &response.base);
}

/* A setting takes the place of an older one only. */
static bool
change_set(const Document *old, const DocumentOthers *others, Document *ret_new, void *data,
           GError **error)
{
    const Settings__V1__Setting *setting = data;
    if (old != NULL && old->version > setting->modifiedat)
        return error_set(error, CRESSET_ERROR_ALREADY_EXISTS,
                         "setting '%s' was modified at %" G_GINT64_FORMAT
                         ", which is later than %" G_GINT64_FORMAT,
                         setting->name, old->version, setting->modifiedat);
    if (others->n >= SETTINGS_MAX)
        return error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED, "a tenant may have %d settings",
                         SETTINGS_MAX);
    ret_new->version = setting->modifiedat;
    ret_new->content = g_bytes_new(setting->value, strlen(setting->value));
    return true;
}

static bool
check(const Settings__V1__Setting *setting, GError **error)
{
    if (setting == NULL || setting->name[0] == '\0')
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "setting.name is required");
    if (strlen(setting->name) > NAME_LENGTH_MAX)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "setting.name is longer than %d bytes", NAME_LENGTH_MAX);
    if (strlen(setting->value) > VALUE_LENGTH_MAX)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "setting.value is longer than %d bytes", VALUE_LENGTH_MAX);
    return true;
}

static void
call_set(RpcCall *call)
{
    const Settings__V1__SetSettingsRequest *request = (const void *)call->message;
    g_autoptr(GError) error = NULL;
    Settings__V1__SetSettingsResponse response = SETTINGS__V1__SET_SETTINGS_RESPONSE__INIT;
    Settings__V1__Setting setting = SETTINGS__V1__SETTING__INIT;
    if (!check(request->setting, &error)) {
        rpc_fail(call, error);
        return;
    }
    setting.name = request->setting->name;
    setting.value = request->setting->value;
    setting.modifiedat = request->setting->modifiedat;
    if (setting.modifiedat <= 0)
        setting.modifiedat = api_now_ns() / 1000000;
    const DocumentKey key = {call->http->tenant, KIND, setting.name};
    response.setting = &setting;
    if (store_document_change(call->api->store, &key, change_set, &setting, &error))
        rpc_reply(call, &response.base);
    else
        rpc_fail(call, error);
}

static void
call_delete(RpcCall *call)
{
    const Settings__V1__DeleteSettingsRequest *request = (const void *)call->message;
    Settings__V1__DeleteSettingsResponse response = SETTINGS__V1__DELETE_SETTINGS_RESPONSE__INIT;
    const DocumentKey key = {call->http->tenant, KIND, request->name};
    g_autoptr(GError) error = NULL;
    if (request->name[0] == '\0')
        error_set(&error, CRESSET_ERROR_INVALID_ARGUMENT, "name is required");
    else if (store_document_delete(call->api->store, &key, &error)) {
        rpc_reply(call, &response.base);
        return;
    }
    rpc_fail(call, error);
}

const RpcMethod rpc_settings_get = {.request = &settings__v1__get_settings_request__descriptor,
                                    .one_tenant = true,
                                    .call = call_get};
const RpcMethod rpc_settings_set = {.request = &settings__v1__set_settings_request__descriptor,
                                    .one_tenant = true,
                                    .call = call_set};
const RpcMethod rpc_settings_delete = {.request =
                                           &settings__v1__delete_settings_request__descriptor,
                                       .one_tenant = true,
                                       .call = call_delete};
