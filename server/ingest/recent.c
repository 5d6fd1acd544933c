#include "server/ingest/recent.h"

#include <string.h>

enum { SLOTS_MIN = 1024 };

/* Open addressing; a zero key is a free slot. */
typedef struct {
    RecentKey *slots;
    uint32_t n, n_slots;
} KeySet;

struct Recent {
    GMutex lock;
    KeySet current, previous;
    GHashTable *claims; /* RecentKey to GPtrArray of waiters */
    RecentOutcome outcome;
};

static uint32_t
find_slot(const KeySet *set, RecentKey key)
{
    uint32_t slot = (uint32_t)key.low & (set->n_slots - 1);
    for (;; slot = (slot + 1) & (set->n_slots - 1)) {
        const RecentKey *at = &set->slots[slot];
        if ((at->high | at->low) == 0 || (at->high == key.high && at->low == key.low))
            return slot;
    }
}

static bool
set_contains(const KeySet *set, RecentKey key)
{
    if (set->n == 0)
        return false;
    const RecentKey *at = &set->slots[find_slot(set, key)];
    return (at->high | at->low) != 0;
}

static void
set_grow(KeySet *set)
{
    KeySet grown = {.n = set->n, .n_slots = MAX(set->n_slots * 2, (uint32_t)SLOTS_MIN)};
    grown.slots = g_new0(RecentKey, grown.n_slots);
    for (uint32_t i = 0; i < set->n_slots; i++) {
        if ((set->slots[i].high | set->slots[i].low) != 0)
            grown.slots[find_slot(&grown, set->slots[i])] = set->slots[i];
    }
    g_free(set->slots);
    *set = grown;
}

static void
set_add(KeySet *set, RecentKey key)
{
    if (set->n * 2 >= set->n_slots)
        set_grow(set);
    RecentKey *at = &set->slots[find_slot(set, key)];
    set->n += (at->high | at->low) == 0;
    *at = key;
}

static guint
hash_key(gconstpointer key)
{
    return (guint)((const RecentKey *)key)->low;
}

static gboolean
equal_keys(gconstpointer a, gconstpointer b)
{
    return memcmp(a, b, sizeof(RecentKey)) == 0;
}

static void
unref_waiters(void *waiters)
{
    g_ptr_array_unref(waiters);
}

Recent *
recent_new(RecentOutcome outcome)
{
    Recent *recent = g_new0(Recent, 1);
    g_mutex_init(&recent->lock);
    recent->claims = g_hash_table_new_full(hash_key, equal_keys, g_free, unref_waiters);
    recent->outcome = outcome;
    return recent;
}

void
recent_free(Recent *recent)
{
    if (recent == NULL)
        return;
    g_free(recent->current.slots);
    g_free(recent->previous.slots);
    g_hash_table_unref(recent->claims);
    g_mutex_clear(&recent->lock);
    g_free(recent);
}

RecentState
recent_claim(Recent *recent, RecentKey key, void *waiter)
{
    g_mutex_lock(&recent->lock);
    RecentState state = RECENT_NEW;
    GPtrArray *waiters = g_hash_table_lookup(recent->claims, &key);
    if (set_contains(&recent->current, key) || set_contains(&recent->previous, key)) {
        state = RECENT_SEEN;
    } else if (waiters != NULL) {
        g_ptr_array_add(waiters, waiter);
        state = RECENT_PENDING;
    } else {
        g_hash_table_insert(recent->claims, g_memdup2(&key, sizeof key), g_ptr_array_new());
    }
    g_mutex_unlock(&recent->lock);
    return state;
}

static void
add_locked(Recent *recent, RecentKey key)
{
    if (recent->current.n >= RECENT_KEYS_MAX) {
        g_free(recent->previous.slots);
        recent->previous = recent->current;
        recent->current = (KeySet){0};
    }
    set_add(&recent->current, key);
}

void
recent_add(Recent *recent, RecentKey key)
{
    g_mutex_lock(&recent->lock);
    add_locked(recent, key);
    g_mutex_unlock(&recent->lock);
}

void
recent_resolve(Recent *recent, RecentKey key, const GError *error)
{
    g_mutex_lock(&recent->lock);
    g_autoptr(GPtrArray) waiters = g_hash_table_lookup(recent->claims, &key);
    if (waiters != NULL)
        g_ptr_array_ref(waiters);
    g_hash_table_remove(recent->claims, &key);
    if (error == NULL)
        add_locked(recent, key);
    g_mutex_unlock(&recent->lock);
    for (guint i = 0; waiters != NULL && i < waiters->len; i++)
        recent->outcome(waiters->pdata[i], error);
}
