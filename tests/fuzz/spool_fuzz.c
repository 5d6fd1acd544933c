/* A spool that is written, read, closed, damaged and opened again, as the bytes of the input say:
 * what it returns was appended, in order, and never after it was done; without damage it is all of
 * it, and the numbers add up. */
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/export/spool.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STEPS_MAX = 400, RECORDS_MAX = 256, BYTES_MAX = 16 * 1024, PART_BYTES = 1024 };

typedef enum { ABSENT, WAITING, READ, DONE, DROPPED } RecordState;

typedef struct {
    const uint8_t *at, *end;
    char *dir;
    Spool *spool;
    RecordState states[RECORDS_MAX]; /* by number */
    SpoolPlace places[RECORDS_MAX];
    int n_records, last_read;
    uint64_t n_unread;
    bool is_damaged;
} Run;

static void
check(bool is_right)
{
    if (!is_right)
        abort();
}

static uint8_t
take(Run *run)
{
    return run->at < run->end ? *run->at++ : 0;
}

static void
open_again(Run *run)
{
    const SpoolConfig config = {run->dir, BYTES_MAX, PART_BYTES};
    spool_free(run->spool);
    run->spool = spool_new(&config);
    check(spool_open(run->spool, NULL));
    run->last_read = -1;
    uint64_t n_live = 0;
    for (int i = 0; i < run->n_records; i++) {
        if (run->states[i] == READ)
            run->states[i] = WAITING;
        n_live += run->states[i] == WAITING;
    }
    const SpoolCounts counts = spool_counts(run->spool);
    check(counts.records == counts.unread);
    check(run->is_damaged || (counts.records == n_live && counts.n_damaged == 0));
    run->n_unread = counts.unread;
}

/* The content of a record follows from its number. */
static GBytes *
payload_of(int number, size_t size)
{
    uint8_t *bytes = g_malloc(size + 1);
    memset(bytes, number, size + 1);
    return g_bytes_new_take(bytes, size + 1);
}

static void
drop_oldest(Run *run)
{
    uint64_t segment;
    uint32_t n_unread;
    if (!spool_drop_oldest(run->spool, &segment, &n_unread))
        return;
    run->n_unread -= n_unread;
    for (int i = 0; i < run->n_records; i++)
        if (run->places[i].segment == segment && run->states[i] != DONE)
            run->states[i] = DROPPED;
}

static void
append(Run *run)
{
    int number = run->n_records;
    size_t size = (size_t)take(run) * 4;
    if (number == RECORDS_MAX)
        return;
    g_autoptr(GBytes) payload = payload_of(number, size);
    const SpoolRecord record = {.tenant = number % 2 ? "t" : "",
                                .payload = payload,
                                .raw_size = (uint32_t)number,
                                .time_ms = number};
    while (spool_is_full(run->spool, &record))
        drop_oldest(run);
    bool is_read = run->n_unread == 0 && size % 8 == 4;
    check(spool_append(run->spool, &record, is_read, &run->places[number], NULL));
    run->states[number] = is_read ? READ : WAITING;
    run->last_read = is_read ? number : run->last_read;
    run->n_unread += !is_read;
    run->n_records++;
    check(spool_counts(run->spool).bytes <= BYTES_MAX);
}

static void
read_next(Run *run)
{
    SpoolRecord record;
    SpoolPlace place;
    uint32_t n_lost;
    switch (spool_next(run->spool, &record, &place, &n_lost)) {
    case SPOOL_END:
        check(run->n_unread == 0);
        return;
    case SPOOL_LOST:
        check(run->is_damaged && n_lost > 0 && n_lost <= run->n_unread);
        run->n_unread -= n_lost;
        return;
    case SPOOL_RECORD:
        break;
    }
    int number = (int)record.raw_size;
    check(number < run->n_records && number > run->last_read);
    check(run->states[number] == WAITING || run->is_damaged);
    check(strcmp(record.tenant, number % 2 ? "t" : "") == 0);
    g_autoptr(GBytes) expected = payload_of(number, g_bytes_get_size(record.payload) - 1);
    check(g_bytes_equal(record.payload, expected));
    g_bytes_unref(record.payload);
    check(place.segment == run->places[number].segment);
    run->states[number] = READ;
    run->last_read = number;
    run->n_unread--;
}

static void
finish(Run *run)
{
    int number = take(run);
    if (number >= run->n_records || run->states[number] != READ)
        return;
    spool_done(run->spool, run->places[number]);
    run->states[number] = DONE;
}

/* Changes a byte of a file, or cuts it, while nobody has it open. */
static void
damage(Run *run)
{
    g_clear_pointer(&run->spool, spool_free);
    g_autoptr(GDir) folder = g_dir_open(run->dir, 0, NULL);
    for (const char *name; (name = g_dir_read_name(folder)) != NULL;) {
        g_autofree char *path = g_build_filename(run->dir, name, NULL);
        size_t place = (size_t)take(run) << 8 | take(run);
        uint8_t byte = take(run);
        int fd = open(path, O_RDWR | O_CLOEXEC);
        off_t end = lseek(fd, 0, SEEK_END);
        off_t at = end > 0 ? (off_t)(place % (size_t)end) : 0;
        if (end > 0 && byte == 0)
            check(ftruncate(fd, at) == 0);
        else if (end > 0)
            check(pwrite(fd, &byte, 1, at) == 1);
        (void)close(fd);
    }
    run->is_damaged = true;
    open_again(run);
}

static void
step(Run *run)
{
    switch (take(run) % 8) {
    case 0:
    case 1:
        append(run);
        break;
    case 2:
    case 3:
        read_next(run);
        break;
    case 4:
        finish(run);
        break;
    case 5:
        check(spool_sync(run->spool, NULL));
        open_again(run);
        break;
    case 6:
        damage(run);
        break;
    default:
        drop_oldest(run);
        break;
    }
}

static void
remove_folder(const char *dir)
{
    g_autoptr(GDir) folder = g_dir_open(dir, 0, NULL);
    for (const char *name; (name = g_dir_read_name(folder)) != NULL;) {
        g_autofree char *path = g_build_filename(dir, name, NULL);
        (void)g_unlink(path);
    }
    (void)g_rmdir(dir);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree Run *run = g_new0(Run, 1);
    run->at = data;
    run->end = data + size;
    run->dir = g_dir_make_tmp("spool-fuzz-XXXXXX", NULL);
    check(run->dir != NULL);
    open_again(run);
    for (int i = 0; i < STEPS_MAX && run->at < run->end; i++)
        step(run);
    while (run->n_unread > 0)
        read_next(run);
    read_next(run);
    spool_free(run->spool);
    remove_folder(run->dir);
    g_free(run->dir);
    return 0;
}
