#include "agent/discovery/newcomers.h"

typedef struct {
    int64_t first_us, last_us;
} Sight;

struct Newcomers {
    int64_t patience_us;
    GMutex lock;        /* guards what follows */
    GHashTable *sights; /* char * → Sight */
};

Newcomers *
newcomers_new(int64_t patience_us)
{
    Newcomers *newcomers = g_new0(Newcomers, 1);
    newcomers->patience_us = patience_us;
    g_mutex_init(&newcomers->lock);
    newcomers->sights = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return newcomers;
}

void
newcomers_free(Newcomers *newcomers)
{
    if (newcomers == NULL)
        return;
    g_hash_table_unref(newcomers->sights);
    g_mutex_clear(&newcomers->lock);
    g_free(newcomers);
}

static gboolean
is_old(gpointer id, gpointer sight, gpointer before_us)
{
    (void)id;
    return ((const Sight *)sight)->last_us <= *(const int64_t *)before_us;
}

/* NULL when there are too many. */
static Sight *
add_locked(Newcomers *newcomers, const char *id, int64_t now_us)
{
    int64_t before_us = now_us - NEWCOMERS_KEPT_US;
    if (g_hash_table_size(newcomers->sights) >= NEWCOMERS_MAX)
        (void)g_hash_table_foreach_remove(newcomers->sights, is_old, &before_us);
    if (g_hash_table_size(newcomers->sights) >= NEWCOMERS_MAX)
        return NULL;
    Sight *sight = g_new(Sight, 1);
    *sight = (Sight){.first_us = now_us, .last_us = now_us};
    g_hash_table_insert(newcomers->sights, g_strdup(id), sight);
    return sight;
}

bool
newcomers_is_new(Newcomers *newcomers, const char *id, int64_t now_us)
{
    g_mutex_lock(&newcomers->lock);
    Sight *sight = g_hash_table_lookup(newcomers->sights, id);
    if (sight == NULL)
        sight = add_locked(newcomers, id, now_us);
    bool is_new = sight != NULL && now_us - sight->first_us < newcomers->patience_us;
    if (sight != NULL)
        sight->last_us = now_us;
    g_mutex_unlock(&newcomers->lock);
    return is_new;
}

size_t
newcomers_size(Newcomers *newcomers)
{
    g_mutex_lock(&newcomers->lock);
    size_t size = g_hash_table_size(newcomers->sights);
    g_mutex_unlock(&newcomers->lock);
    return size;
}
