#include "server/debuginfo/usage.h"

#include "lib/base/error.h"

#define FULL_TEXT "the tenant's debug files are full (limit debuginfo-tenant-bytes)"

typedef struct {
    int64_t size_bytes;
    bool is_pending;
} File;

typedef struct {
    GHashTable *files; /* build id -> File */
    int64_t bytes;     /* of all of them */
} Tenant;

struct DebugUsage {
    int64_t tenant_bytes_max;
    GMutex lock;         /* of the tenants; never held while the disk is asked */
    GHashTable *tenants; /* name -> Tenant; only of those that have files */
};

static Tenant *
tenant_new(void)
{
    Tenant *tenant = g_new0(Tenant, 1);
    tenant->files = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return tenant;
}

static void
tenant_free(void *data)
{
    Tenant *tenant = data;
    g_hash_table_unref(tenant->files);
    g_free(tenant);
}

DebugUsage *
debug_usage_new(int64_t tenant_bytes_max)
{
    DebugUsage *usage = g_new0(DebugUsage, 1);
    usage->tenant_bytes_max = tenant_bytes_max;
    usage->tenants = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, tenant_free);
    g_mutex_init(&usage->lock);
    return usage;
}

void
debug_usage_free(DebugUsage *usage)
{
    if (usage == NULL)
        return;
    g_hash_table_unref(usage->tenants);
    g_mutex_clear(&usage->lock);
    g_free(usage);
}

static void
remove_file(Tenant *tenant, const char *build_id)
{
    const File *file = g_hash_table_lookup(tenant->files, build_id);
    if (file == NULL)
        return;
    tenant->bytes -= file->size_bytes;
    g_hash_table_remove(tenant->files, build_id);
}

void
debug_usage_set(DebugUsage *usage, const char *tenant, const DebugFile *file)
{
    char *build_id = g_ascii_strdown(file->gnu_build_id, -1);
    File fresh = {file->size_bytes, file->state == DEBUG_FILE_UPLOADING};
    g_mutex_lock(&usage->lock);
    Tenant *owner = g_hash_table_lookup(usage->tenants, tenant);
    if (owner == NULL) {
        owner = tenant_new();
        g_hash_table_insert(usage->tenants, g_strdup(tenant), owner);
    }
    remove_file(owner, build_id);
    owner->bytes += fresh.size_bytes;
    g_hash_table_insert(owner->files, build_id, g_memdup2(&fresh, sizeof fresh));
    g_mutex_unlock(&usage->lock);
}

void
debug_usage_remove(DebugUsage *usage, const char *tenant, const char *build_id)
{
    g_autofree char *lower = g_ascii_strdown(build_id, -1);
    g_mutex_lock(&usage->lock);
    Tenant *owner = g_hash_table_lookup(usage->tenants, tenant);
    if (owner != NULL) {
        remove_file(owner, lower);
        if (g_hash_table_size(owner->files) == 0)
            g_hash_table_remove(usage->tenants, tenant);
    }
    g_mutex_unlock(&usage->lock);
}

bool
debug_usage_has_room(DebugUsage *usage, const char *tenant, unsigned files_max, GError **error)
{
    g_mutex_lock(&usage->lock);
    const Tenant *owner = g_hash_table_lookup(usage->tenants, tenant);
    unsigned n_files = owner != NULL ? g_hash_table_size(owner->files) : 0;
    int64_t bytes = owner != NULL ? owner->bytes : 0, max = usage->tenant_bytes_max;
    g_mutex_unlock(&usage->lock);
    if (n_files >= files_max)
        return error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED,
                         "the tenant has too many debug files: delete some first");
    return max == 0 || bytes < max || error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED, FULL_TEXT);
}

/* With the lock held. */
static bool
admit(const DebugUsage *usage, const Tenant *tenant, const char *build_id, int64_t size,
      GError **error)
{
    const File *file = tenant != NULL ? g_hash_table_lookup(tenant->files, build_id) : NULL;
    if (file == NULL || !file->is_pending)
        return error_set(error, CRESSET_ERROR_FAILED_PRECONDITION,
                         "no upload of %s is pending: call ShouldInitiateUpload first", build_id);
    int64_t others = tenant->bytes - file->size_bytes, max = usage->tenant_bytes_max;
    return max == 0 || (others <= max && size <= max - others) ||
           error_set(error, CRESSET_ERROR_RESOURCE_EXHAUSTED, FULL_TEXT);
}

bool
debug_usage_admit(DebugUsage *usage, const char *tenant, const char *build_id, int64_t size,
                  GError **error)
{
    g_autofree char *lower = g_ascii_strdown(build_id, -1);
    g_mutex_lock(&usage->lock);
    bool ok = admit(usage, g_hash_table_lookup(usage->tenants, tenant), lower, size, error);
    g_mutex_unlock(&usage->lock);
    return ok;
}
