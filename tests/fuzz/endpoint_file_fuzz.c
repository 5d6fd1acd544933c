/* Files of --endpoints-file: an error that names the file, or endpoints that requests can be made
 * for, whose shown URL has neither user nor query. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/export/endpoint_file.h"
#include "agent/export/push_call.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(bool is_right)
{
    if (!is_right)
        abort();
}

static void
check_endpoint(Endpoint *endpoint)
{
    check(endpoint->name != NULL && endpoint->name[0] != '.' && endpoint->name[0] != '\0');
    check(strchr(endpoint->name, '/') == NULL);
    check(strlen(endpoint->name) <= ENDPOINT_NAME_LENGTH_MAX);
    check(endpoint->tenant == NULL || endpoint_is_tenant(endpoint->tenant));
    const char *host = strstr(endpoint->shown_url, "://");
    check(host != NULL && strchr(endpoint->shown_url, '?') == NULL);
    g_autofree char *authority = g_strndup(host + 3, strcspn(host + 3, "/"));
    check(strchr(authority, '@') == NULL);
    check(endpoint->timeout_ms > 0 && endpoint->backoff_min_ms > 0);
    check(endpoint->backoff_max_ms >= endpoint->backoff_min_ms && endpoint->tries_max >= 0);
    g_autoptr(PushCall) call = push_call_new(endpoint);
    check(call != NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        exit(1);
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", fd);
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) endpoints = endpoint_file_load(path, "shop", &error);
    check((endpoints != NULL) == (error == NULL));
    check(error == NULL || strstr(error->message, path) != NULL);
    check(endpoints == NULL || (endpoints->len > 0 && endpoints->len <= ENDPOINTS_MAX));
    for (guint i = 0; endpoints != NULL && i < endpoints->len; i++)
        check_endpoint(endpoints->pdata[i]);
    close(fd);
    return 0;
}
