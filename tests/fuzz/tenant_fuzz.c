/* The files of overrides and of tokens, and the header Authorization. The first byte chooses. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "server/tenant/auth.h"
#include "server/tenant/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char TOKENS[] =
    "tokens:\n"
    "  - name: one\n" /* the token "one" */
    "    sha256: 7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed\n"
    "    tenants: [a, b]\n"
    "    access: [read]\n";

/* A path under which the bytes can be opened until *ret_fd is closed. */
static char *
file_of(const void *data, size_t size, int *ret_fd)
{
    *ret_fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (*ret_fd < 0 || write(*ret_fd, data, size) != (ssize_t)size)
        exit(1);
    return g_strdup_printf("/proc/self/fd/%d", *ret_fd);
}

/* What is said of overrides is a file that says the same again. */
static void
read_again(TenantOverrides *overrides, const TenantLimits *limits, bool only_different)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) yaml = tenant_overrides_yaml(overrides, only_different, NULL, NULL);
    gsize size;
    const void *text = g_bytes_get_data(yaml, &size);
    int fd;
    g_autofree char *path = file_of(text, size, &fd);
    g_autoptr(TenantOverrides) again = tenant_overrides_new(path, limits, NULL, NULL, &error);
    if (again == NULL)
        abort();
    g_autoptr(GBytes) same = tenant_overrides_yaml(again, only_different, NULL, NULL);
    if (!g_bytes_equal(yaml, same))
        abort();
    close(fd);
}

static void
read_overrides(const char *path)
{
    g_autoptr(GError) error = NULL;
    TenantLimits limits;
    tenant_limits_init(&limits);
    g_autoptr(TenantOverrides) overrides = tenant_overrides_new(path, &limits, NULL, NULL, &error);
    if ((overrides == NULL) != (error != NULL))
        abort();
    if (overrides == NULL)
        return;
    read_again(overrides, &limits, true);
    read_again(overrides, &limits, false);
    tenant_overrides_get(overrides, "a|b", &limits);
}

static void
read_claim(TenantAuth *auth, const char *authorization)
{
    const TenantClaim claim = {.authorization = authorization, .org_id = "a"};
    g_autoptr(GError) error = NULL;
    g_autofree char *tenant = tenant_auth_resolve(auth, TENANT_REQUIRED, &claim, &error);
    if ((tenant == NULL) != (error != NULL))
        abort();
    (void)tenant_auth_may_read(auth, authorization, "b");
}

static void
read_tokens(const char *path, const char *authorization)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(TenantAuth) auth = tenant_auth_new(path, NULL, &error);
    if ((auth == NULL) != (error != NULL))
        abort();
    if (auth != NULL)
        read_claim(auth, authorization);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    bool is_claim = data[0] % 3 == 2;
    int fd;
    g_autofree char *path =
        is_claim ? file_of(TOKENS, sizeof TOKENS - 1, &fd) : file_of(data + 1, size - 1, &fd);
    g_autofree char *text = g_strndup((const char *)data + 1, size - 1);
    if (data[0] % 3 == 0)
        read_overrides(path);
    else
        read_tokens(path, is_claim ? text : "Bearer one");
    close(fd);
    return 0;
}
