#include "agent/export/outbox_private.h"

enum {
    /* Of what lies on the disk so much is in memory too. */
    AHEAD_BYTES_MAX = 4 * 1024 * 1024,
    ITEM_OVERHEAD = 192,       /* bytes counted for an item besides its payload */
    DISK_PAUSE_MS = 15 * 1000, /* after a write that failed */
};

void
outbox_item_free(void *data)
{
    OutboxItem *item = data;
    g_bytes_unref(item->payload);
    g_free(item->tenant);
    g_free(item);
}

size_t
outbox_item_bytes(const OutboxItem *item)
{
    return g_bytes_get_size(item->payload) + ITEM_OVERHEAD;
}

bool
outbox_item_is_spooled(const OutboxItem *item)
{
    return item->place.segment != 0;
}

/* ---- Items, under the mutex. ---- */

void
outbox_insert_locked(Outbox *outbox, OutboxItem *item, bool is_oldest)
{
    if (is_oldest)
        g_queue_push_head(&outbox->items, item);
    else
        g_queue_push_tail(&outbox->items, item);
    outbox->bytes += outbox_item_bytes(item);
    outbox->raw_bytes += item->raw_size;
}

OutboxItem *
outbox_remove_locked(Outbox *outbox, GList *link)
{
    OutboxItem *item = link->data;
    g_queue_delete_link(&outbox->items, link);
    outbox->bytes -= outbox_item_bytes(item);
    outbox->raw_bytes -= item->raw_size;
    outbox->is_flushed &= outbox->items.length > 0;
    return item;
}

size_t
outbox_memory_locked(const Outbox *outbox)
{
    return outbox->bytes + outbox->in_flight_bytes;
}

/* ---- The disk, under its lock. ---- */

/* Shows what the spool holds now: to be called whenever that has changed. */
void
outbox_show_spool_locked(Outbox *outbox)
{
    if (outbox->spool != NULL)
        outbox->spooled = spool_counts(outbox->spool);
}

void
outbox_mark_done(Outbox *outbox, const GArray *places)
{
    for (guint i = 0; i < places->len; i++)
        spool_done(outbox->spool, g_array_index(places, SpoolPlace, i));
    if (places->len == 0)
        return;
    g_mutex_lock(&outbox->mutex);
    outbox_show_spool_locked(outbox);
    g_mutex_unlock(&outbox->mutex);
}

void
outbox_note_failure(Outbox *outbox, const GError *error, OutboxTime now)
{
    if (!outbox->is_failing)
        g_warning("profiles wait in memory alone, the spool takes nothing: %s", error->message);
    outbox->is_failing = true;
    outbox->disk_retry_ms = now.mono_ms + DISK_PAUSE_MS;
    g_mutex_lock(&outbox->mutex);
    outbox->counts.spool_failures++;
    g_free(outbox->disk_error);
    outbox->disk_error = g_strdup(error->message);
    g_mutex_unlock(&outbox->mutex);
}

static void
note_success(Outbox *outbox)
{
    if (!outbox->is_failing)
        return;
    g_message("the spool takes profiles again");
    outbox->is_failing = false;
    g_mutex_lock(&outbox->mutex);
    g_clear_pointer(&outbox->disk_error, g_free);
    g_mutex_unlock(&outbox->mutex);
}

/* Drops the oldest file of the spool, with what is in memory of it. */
static bool
drop_segment(Outbox *outbox, DropReason reason)
{
    uint32_t n_unread;
    if (!spool_drop_oldest(outbox->spool, &outbox->dropped_segments, &n_unread))
        return false;
    g_mutex_lock(&outbox->mutex);
    outbox->counts.dropped[reason] += n_unread;
    for (GList *link = outbox->items.head, *next; link != NULL; link = next) {
        next = link->next;
        if (((const OutboxItem *)link->data)->place.segment != outbox->dropped_segments)
            continue;
        outbox_item_free(outbox_remove_locked(outbox, link));
        outbox->counts.dropped[reason]++;
    }
    outbox_show_spool_locked(outbox);
    g_mutex_unlock(&outbox->mutex);
    return true;
}

/* What an earlier run has left behind counts from now on; what was left here counts already. */
static void
recover(Outbox *outbox)
{
    const SpoolCounts found = spool_counts(outbox->spool);
    g_mutex_lock(&outbox->mutex);
    uint64_t n_known = MIN(found.records, outbox->n_left);
    outbox->counts.recovered += found.records - n_known;
    outbox->counts.dropped[DROP_REMOVED] += outbox->n_left - n_known;
    outbox->n_left = 0;
    outbox_show_spool_locked(outbox);
    g_mutex_unlock(&outbox->mutex);
    if (found.records > 0)
        g_message("%" G_GUINT64_FORMAT " profiles wait in %s", found.records, outbox->dir);
    if (found.n_damaged > 0)
        g_warning("%s is damaged in %" G_GUINT64_FORMAT " places, which were left out", outbox->dir,
                  found.n_damaged);
    while (spool_counts(outbox->spool).bytes > (uint64_t)outbox->spool_bytes)
        (void)drop_segment(outbox, DROP_SPOOL_FULL);
}

/* Lets go of the spool when there is one, and makes it anew, not taken yet. */
void
outbox_renew_spool(Outbox *outbox)
{
    const SpoolConfig config = {.dir = outbox->dir, .bytes_max = outbox->spool_bytes};
    spool_free(outbox->spool);
    outbox->spool = outbox->dir != NULL ? spool_new(&config) : NULL;
    outbox->is_open = outbox->is_failing = false;
    outbox->dropped_segments = 0;
    g_mutex_lock(&outbox->mutex);
    g_clear_pointer(&outbox->disk_error, g_free);
    g_mutex_unlock(&outbox->mutex);
}

/* Whether the disk is to be used; takes the folder when that was not done before. */
bool
outbox_disk_is_usable(Outbox *outbox, OutboxTime now)
{
    g_autoptr(GError) error = NULL;
    if (outbox->spool == NULL || (outbox->is_failing && now.mono_ms < outbox->disk_retry_ms))
        return false;
    if (outbox->is_open)
        return true;
    outbox->is_open = spool_open(outbox->spool, &error);
    if (outbox->is_open)
        recover(outbox);
    else
        outbox_note_failure(outbox, error, now);
    return outbox->is_open;
}

int64_t
outbox_oldest_allowed_ms(const Outbox *outbox, OutboxTime now)
{
    return outbox->age_max_ms > 0 ? now.real_ms - outbox->age_max_ms : INT64_MIN;
}

void
outbox_drop_old_segments(Outbox *outbox, OutboxTime now)
{
    while (outbox->spool != NULL &&
           spool_oldest_ms(outbox->spool) < outbox_oldest_allowed_ms(outbox, now))
        (void)drop_segment(outbox, DROP_TOO_OLD);
}

/* Writes an item to the spool; *ret_is_read when it is to stay in memory. False when it can be kept
 * there alone. */
bool
outbox_write(Outbox *outbox, OutboxItem *item, OutboxTime now, bool *ret_is_read)
{
    const SpoolRecord record = {item->tenant, item->payload, item->raw_size, item->coding,
                                item->time_ms};
    g_autoptr(GError) error = NULL;
    if (!outbox_disk_is_usable(outbox, now) || !spool_fits(outbox->spool, &record))
        return false;
    while (spool_is_full(outbox->spool, &record))
        (void)drop_segment(outbox, DROP_SPOOL_FULL);
    g_mutex_lock(&outbox->mutex);
    *ret_is_read =
        outbox->spooled.unread == 0 && outbox_memory_locked(outbox) + outbox_item_bytes(item) <=
                                           MIN(outbox->bytes_max, (size_t)AHEAD_BYTES_MAX);
    g_mutex_unlock(&outbox->mutex);
    if (spool_append(outbox->spool, &record, *ret_is_read, &item->place, &error)) {
        note_success(outbox);
        return true;
    }
    item->place.segment = 0;
    outbox_note_failure(outbox, error, now);
    return false;
}

/* Reads the next record into memory; false when there is none, or no room. */
bool
outbox_load(Outbox *outbox)
{
    SpoolRecord record;
    SpoolPlace place;
    uint32_t n_lost;
    g_mutex_lock(&outbox->mutex);
    bool has_room = outbox->items.length == 0 ||
                    outbox_memory_locked(outbox) < MIN(outbox->bytes_max, (size_t)AHEAD_BYTES_MAX);
    bool has_more = has_room && outbox->spooled.unread > 0;
    g_mutex_unlock(&outbox->mutex);
    if (!has_more)
        return false;
    SpoolRead read = spool_next(outbox->spool, &record, &place, &n_lost);
    g_mutex_lock(&outbox->mutex);
    outbox->counts.dropped[DROP_DAMAGED] += n_lost;
    if (read == SPOOL_RECORD) {
        OutboxItem *item = g_new(OutboxItem, 1);
        *item = (OutboxItem){.tenant = g_strdup(record.tenant),
                             .payload = record.payload,
                             .raw_size = record.raw_size,
                             .coding = record.coding,
                             .time_ms = record.time_ms,
                             .place = place};
        outbox_insert_locked(outbox, item, false);
    }
    outbox_show_spool_locked(outbox);
    g_mutex_unlock(&outbox->mutex);
    return read != SPOOL_END;
}
