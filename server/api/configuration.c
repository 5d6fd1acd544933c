#include "server/api/configuration.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/base/option_yaml.h"

#define YAML_TYPE "text/yaml; charset=utf-8"

/* Whether the request may see what is of no single tenant; else it has been answered. */
static bool
admit(HttpRequest *request, const Api *api)
{
    g_autoptr(GError) error = NULL;
    const TenantClaim claim = {.authorization = http_request_header(request, "Authorization"),
                               .org_id = API_EVERY_TENANT};
    if (api->auth == NULL)
        return true;
    g_autofree char *tenant = tenant_auth_resolve(api->auth, TENANT_REQUIRED, &claim, &error);
    if (tenant == NULL)
        api_reply(request, NULL, NULL, error);
    return tenant != NULL;
}

void
configuration_handle(HttpRequest *request, void *data)
{
    const Api *api = data;
    if (admit(request, api))
        api_reply(request, YAML_TYPE, option_yaml(api->option_table, api->options, NULL), NULL);
}

/* What is not at its default, or the defaults. */
static GBytes *
yaml_with_defaults(const Api *api, bool only_different)
{
    g_autofree void *defaults = g_malloc0(api->options_size);
    bool ok = option_set_defaults(api->option_table, defaults, NULL);
    g_assert(ok); /* the program would not have started */
    GBytes *yaml = only_different ? option_yaml(api->option_table, api->options, defaults)
                                  : option_yaml(api->option_table, defaults, NULL);
    option_clear(api->option_table, defaults);
    return yaml;
}

void
configuration_handle_diff(HttpRequest *request, void *data)
{
    const Api *api = data;
    if (admit(request, api))
        api_reply(request, YAML_TYPE, yaml_with_defaults(api, true), NULL);
}

void
configuration_handle_default(HttpRequest *request, void *data)
{
    const Api *api = data;
    if (admit(request, api))
        api_reply(request, YAML_TYPE, yaml_with_defaults(api, false), NULL);
}

typedef struct {
    TenantAuth *auth;
    const char *authorization;
} Reader;

static bool
may_read(const char *tenant, void *data)
{
    const Reader *reader = data;
    return tenant_auth_may_read(reader->auth, reader->authorization, tenant);
}

void
configuration_handle_overrides(HttpRequest *request, void *data)
{
    const Api *api = data;
    g_autoptr(GError) error = NULL;
    const char *mode = http_request_param(request, "mode");
    bool only_different = mode != NULL && strcmp(mode, "diff") == 0;
    if (mode != NULL && mode[0] != '\0' && !only_different) {
        error_set(&error, CRESSET_ERROR_INVALID_ARGUMENT,
                  "mode must be diff or not there, not '%s'", mode);
        api_reply(request, NULL, NULL, error);
        return;
    }
    Reader reader = {api->auth, http_request_header(request, "Authorization")};
    api_reply(request, YAML_TYPE,
              tenant_overrides_yaml(api->overrides, only_different,
                                    api->auth != NULL ? may_read : NULL, &reader),
              NULL);
}
