#include "agent/export/outbox_private.h"

#include <string.h>

enum {
    BYTES_DEFAULT = 64 * 1024 * 1024,
    /* Pyroscope refuses a push larger than its burst size, 2 MB by default, whatever is inside. */
    BATCH_RAW_MAX = 1500 * 1024,
    LINGER_MS = 2000, /* profiles wait so long for others to go with */
};

OutboxTime
outbox_time_now(void)
{
    return (OutboxTime){g_get_monotonic_time() / 1000, g_get_real_time() / 1000};
}

/* ---- Making and freeing. ---- */

Outbox *
outbox_new(const OutboxConfig *config, OutboxTime now)
{
    Outbox *outbox = g_new0(Outbox, 1);
    outbox->bytes_max = config->bytes_max > 0 ? config->bytes_max : BYTES_DEFAULT;
    outbox->spool_bytes = config->spool_bytes;
    outbox->age_max_ms = config->age_max_ms;
    outbox->dir = g_strdup(config->dir);
    g_mutex_init(&outbox->disk);
    g_mutex_init(&outbox->mutex);
    g_cond_init(&outbox->changed);
    g_queue_init(&outbox->items);
    outbox->holds = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    outbox_renew_spool(outbox);
    (void)outbox_disk_is_usable(outbox, now);
    return outbox;
}

void
outbox_free(Outbox *outbox)
{
    if (outbox == NULL)
        return;
    g_queue_clear_full(&outbox->items, outbox_item_free);
    spool_free(outbox->spool);
    g_hash_table_unref(outbox->holds);
    g_mutex_clear(&outbox->disk);
    g_mutex_clear(&outbox->mutex);
    g_cond_clear(&outbox->changed);
    g_free(outbox->disk_error);
    g_free(outbox->dir);
    g_free(outbox);
}

/* ---- Adding. ---- */

static void
signal_locked(Outbox *outbox)
{
    outbox->is_changed = true;
    g_cond_broadcast(&outbox->changed);
}

/* Drops the oldest item; its place goes to `places`, to be marked once the mutex is free. */
static void
drop_head_locked(Outbox *outbox, DropReason reason, GArray *places)
{
    OutboxItem *item = outbox_remove_locked(outbox, outbox->items.head);
    outbox->counts.dropped[reason]++;
    if (outbox_item_is_spooled(item))
        g_array_append_val(places, item->place);
    outbox_item_free(item);
}

/* What is being sent comes on top of the limit: it would else have newer profiles dropped for it.
 */
static void
drop_excess_locked(Outbox *outbox, GArray *places)
{
    while (outbox->bytes > outbox->bytes_max && outbox->items.length > 1)
        drop_head_locked(outbox, DROP_QUEUE_FULL, places);
}

void
outbox_add(Outbox *outbox, const char *tenant, GBytes *payload, size_t raw_size, uint8_t coding,
           OutboxTime now)
{
    g_autoptr(GArray) places = g_array_new(FALSE, FALSE, sizeof(SpoolPlace));
    OutboxItem *item = g_new0(OutboxItem, 1);
    *item = (OutboxItem){.tenant = g_strdup(tenant),
                         .payload = g_bytes_ref(payload),
                         .raw_size = (uint32_t)MIN(raw_size, UINT32_MAX),
                         .coding = coding,
                         .time_ms = now.real_ms,
                         .added_mono_ms = now.mono_ms};
    bool is_read = true;
    g_mutex_lock(&outbox->disk);
    bool is_in_memory = !outbox_write(outbox, item, now, &is_read) || is_read;
    g_mutex_lock(&outbox->mutex);
    outbox->counts.added++;
    outbox_show_spool_locked(outbox);
    if (is_in_memory)
        outbox_insert_locked(outbox, item, false);
    else
        outbox_item_free(item);
    drop_excess_locked(outbox, places);
    signal_locked(outbox);
    g_mutex_unlock(&outbox->mutex);
    outbox_mark_done(outbox, places);
    g_mutex_unlock(&outbox->disk);
}

void
outbox_flush(Outbox *outbox, OutboxTime now)
{
    g_autoptr(GError) error = NULL;
    g_mutex_lock(&outbox->disk);
    outbox_drop_old_segments(outbox, now);
    if (outbox_disk_is_usable(outbox, now) && !spool_sync(outbox->spool, &error))
        outbox_note_failure(outbox, error, now);
    g_mutex_unlock(&outbox->disk);
    g_mutex_lock(&outbox->mutex);
    outbox->is_flushed = outbox->items.length > 0;
    signal_locked(outbox);
    g_mutex_unlock(&outbox->mutex);
}

void
outbox_refuse(Outbox *outbox, DropReason reason)
{
    g_mutex_lock(&outbox->mutex);
    outbox->counts.added++;
    outbox->counts.dropped[reason]++;
    g_mutex_unlock(&outbox->mutex);
}

/* ---- Sending. ---- */

/* Until when nothing of the tenant is taken; 0: it may be. */
static int64_t
held_until_locked(Outbox *outbox, const char *tenant, OutboxTime now)
{
    const int64_t *until_ms = g_hash_table_lookup(outbox->holds, tenant);
    if (until_ms == NULL)
        return 0;
    if (*until_ms > now.mono_ms)
        return *until_ms;
    g_hash_table_remove(outbox->holds, tenant);
    return 0;
}

/* The oldest item that may be sent; NULL with how long that can take (-1: nobody knows). */
static GList *
first_locked(Outbox *outbox, bool is_hurried, OutboxTime now, int64_t *ret_wait_ms)
{
    GList *link = outbox->items.head;
    *ret_wait_ms = -1;
    for (; link != NULL; link = link->next) {
        int64_t until_ms = held_until_locked(outbox, ((OutboxItem *)link->data)->tenant, now);
        if (until_ms == 0 || is_hurried)
            break;
        int64_t wait_ms = until_ms - now.mono_ms;
        *ret_wait_ms = *ret_wait_ms < 0 ? wait_ms : MIN(*ret_wait_ms, wait_ms);
    }
    if (link == NULL)
        return NULL;
    int64_t linger_ms = ((OutboxItem *)link->data)->added_mono_ms + LINGER_MS - now.mono_ms;
    if (is_hurried || outbox->is_flushed || outbox->raw_bytes >= BATCH_RAW_MAX ||
        outbox->spooled.unread > 0 || linger_ms <= 0)
        return link;
    *ret_wait_ms = linger_ms;
    return NULL;
}

static GPtrArray *
pick_locked(Outbox *outbox, GList *link, guint items_max)
{
    GPtrArray *batch = g_ptr_array_new_with_free_func(outbox_item_free);
    const OutboxItem *first = link->data;
    uint64_t raw = 0;
    for (GList *next; link != NULL && batch->len < items_max; link = next) {
        const OutboxItem *item = link->data;
        next = link->next;
        if (item->coding != first->coding || strcmp(item->tenant, first->tenant) != 0)
            continue;
        raw += item->raw_size;
        if (raw > BATCH_RAW_MAX && batch->len > 0)
            break;
        outbox->in_flight_bytes += outbox_item_bytes(item);
        g_ptr_array_add(batch, outbox_remove_locked(outbox, link));
    }
    outbox->n_in_flight = batch->len;
    return batch;
}

GPtrArray *
outbox_take(Outbox *outbox, guint items_max, bool is_hurried, OutboxTime now, int64_t *ret_wait_ms)
{
    g_autoptr(GArray) places = g_array_new(FALSE, FALSE, sizeof(SpoolPlace));
    GPtrArray *batch = NULL;
    g_mutex_lock(&outbox->disk);
    outbox_drop_old_segments(outbox, now);
    while (outbox_load(outbox))
        continue;
    g_mutex_lock(&outbox->mutex);
    while (outbox->items.length > 0 && ((OutboxItem *)outbox->items.head->data)->time_ms <
                                           outbox_oldest_allowed_ms(outbox, now))
        drop_head_locked(outbox, DROP_TOO_OLD, places);
    GList *first = first_locked(outbox, is_hurried, now, ret_wait_ms);
    if (first != NULL)
        batch = pick_locked(outbox, first, items_max);
    else if (outbox->spooled.unread > 0)
        *ret_wait_ms = places->len > 0 ? 0 : *ret_wait_ms; /* there is room to read more */
    g_mutex_unlock(&outbox->mutex);
    outbox_mark_done(outbox, places);
    g_mutex_unlock(&outbox->disk);
    return batch;
}

void
outbox_finish(Outbox *outbox, GPtrArray *batch, guint n_dropped, DropReason reason)
{
    uint64_t raw = 0;
    g_assert(n_dropped <= batch->len);
    g_mutex_lock(&outbox->disk);
    for (guint i = 0; i < batch->len; i++) {
        const OutboxItem *item = batch->pdata[i];
        raw += item->raw_size;
        if (outbox_item_is_spooled(item))
            spool_done(outbox->spool, item->place);
    }
    g_mutex_lock(&outbox->mutex);
    outbox->n_in_flight = 0;
    outbox->in_flight_bytes = 0;
    outbox->counts.acknowledged += batch->len - n_dropped;
    outbox->counts.dropped[reason] += n_dropped;
    outbox->counts.acknowledged_raw += n_dropped < batch->len ? raw : 0;
    outbox_show_spool_locked(outbox);
    g_mutex_unlock(&outbox->mutex);
    g_mutex_unlock(&outbox->disk);
    g_ptr_array_unref(batch);
}

void
outbox_give_back(Outbox *outbox, GPtrArray *batch)
{
    g_autoptr(GArray) places = g_array_new(FALSE, FALSE, sizeof(SpoolPlace));
    g_mutex_lock(&outbox->disk);
    g_mutex_lock(&outbox->mutex);
    outbox->n_in_flight = 0;
    outbox->in_flight_bytes = 0;
    for (guint i = batch->len; i-- > 0;) {
        OutboxItem *item = batch->pdata[i];
        if (item->place.segment <= outbox->dropped_segments)
            item->place.segment = 0; /* its file went meanwhile */
        outbox_insert_locked(outbox, item, true);
    }
    drop_excess_locked(outbox, places);
    g_mutex_unlock(&outbox->mutex);
    outbox_mark_done(outbox, places);
    g_mutex_unlock(&outbox->disk);
    g_ptr_array_set_free_func(batch, NULL);
    g_ptr_array_unref(batch);
}

void
outbox_hold(Outbox *outbox, const char *tenant, int64_t pause_ms, OutboxTime now)
{
    int64_t until_ms = now.mono_ms + pause_ms;
    g_mutex_lock(&outbox->mutex);
    g_hash_table_insert(outbox->holds, g_strdup(tenant), g_memdup2(&until_ms, sizeof(until_ms)));
    g_mutex_unlock(&outbox->mutex);
}

void
outbox_release_holds(Outbox *outbox)
{
    g_mutex_lock(&outbox->mutex);
    g_hash_table_remove_all(outbox->holds);
    g_mutex_unlock(&outbox->mutex);
}

void
outbox_wait(Outbox *outbox, int64_t wait_ms)
{
    int64_t until_us = g_get_monotonic_time() + wait_ms * 1000;
    g_mutex_lock(&outbox->mutex);
    while (!outbox->is_changed) {
        if (wait_ms < 0)
            g_cond_wait(&outbox->changed, &outbox->mutex);
        else if (!g_cond_wait_until(&outbox->changed, &outbox->mutex, until_us))
            break;
    }
    outbox->is_changed = false;
    g_mutex_unlock(&outbox->mutex);
}

void
outbox_wake(Outbox *outbox)
{
    g_mutex_lock(&outbox->mutex);
    signal_locked(outbox);
    g_mutex_unlock(&outbox->mutex);
}

/* ---- The end, and what is told. ---- */

bool
outbox_is_empty(Outbox *outbox, bool in_memory_alone)
{
    bool is_empty = true;
    g_mutex_lock(&outbox->mutex);
    for (const GList *link = outbox->items.head; link != NULL && is_empty; link = link->next)
        is_empty = in_memory_alone && outbox_item_is_spooled(link->data);
    is_empty &= outbox->n_in_flight == 0 && (in_memory_alone || outbox->spooled.unread == 0);
    g_mutex_unlock(&outbox->mutex);
    return is_empty;
}

static void
drop_unspooled_locked(Outbox *outbox, DropReason reason)
{
    for (GList *link = outbox->items.head, *next; link != NULL; link = next) {
        next = link->next;
        if (outbox_item_is_spooled(link->data))
            continue;
        outbox_item_free(outbox_remove_locked(outbox, link));
        outbox->counts.dropped[reason]++;
    }
}

void
outbox_close(Outbox *outbox)
{
    g_mutex_lock(&outbox->mutex);
    drop_unspooled_locked(outbox, DROP_STOPPED);
    g_mutex_unlock(&outbox->mutex);
}

void
outbox_suspend(Outbox *outbox)
{
    g_mutex_lock(&outbox->disk);
    g_mutex_lock(&outbox->mutex);
    drop_unspooled_locked(outbox, DROP_REMOVED);
    outbox->n_left += outbox->items.length + outbox->spooled.unread;
    while (outbox->items.length > 0)
        outbox_item_free(outbox_remove_locked(outbox, outbox->items.head));
    outbox->spooled = (SpoolCounts){.n_damaged = outbox->spooled.n_damaged};
    g_mutex_unlock(&outbox->mutex);
    outbox_renew_spool(outbox);
    g_mutex_unlock(&outbox->disk);
}

void
outbox_resume(Outbox *outbox, OutboxTime now)
{
    g_mutex_lock(&outbox->disk);
    (void)outbox_disk_is_usable(outbox, now);
    g_mutex_unlock(&outbox->disk);
}

void
outbox_get_counts(Outbox *outbox, OutboxCounts *ret_counts)
{
    g_mutex_lock(&outbox->mutex);
    *ret_counts = outbox->counts;
    ret_counts->waiting =
        outbox->items.length + outbox->n_in_flight + outbox->spooled.unread + outbox->n_left;
    ret_counts->waiting_bytes = outbox_memory_locked(outbox);
    ret_counts->spooled = outbox->spooled.records;
    ret_counts->spool_bytes = outbox->spooled.bytes;
    ret_counts->spool_damaged = outbox->spooled.n_damaged;
    g_mutex_unlock(&outbox->mutex);
}

char *
outbox_check(Outbox *outbox)
{
    g_mutex_lock(&outbox->mutex);
    char *problem = g_strdup(outbox->disk_error);
    g_mutex_unlock(&outbox->mutex);
    return problem;
}
