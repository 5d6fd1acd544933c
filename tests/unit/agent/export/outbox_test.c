/* Profiles that wait: their order, their limits, and that every one of them is accounted for. */
#include "agent/export/outbox.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/harness/check.h"
#include "tests/harness/temp_dir.h"

enum { KIB = 1024, MIB = 1024 * 1024, HOUR_MS = 3600 * 1000 };

static const OutboxTime START = {.mono_ms = 5000000, .real_ms = INT64_C(1700000000000)};

static OutboxTime
later(int64_t ms)
{
    return (OutboxTime){START.mono_ms + ms, START.real_ms + ms};
}

static Outbox *
memory_outbox(size_t bytes_max)
{
    const OutboxConfig config = {.bytes_max = bytes_max, .age_max_ms = HOUR_MS};
    return outbox_new(&config, START);
}

static Outbox *
spool_outbox(const TempDir *dir, int64_t spool_bytes, OutboxTime now)
{
    const OutboxConfig config = {
        .dir = temp_dir_path(dir), .spool_bytes = spool_bytes, .age_max_ms = HOUR_MS};
    return outbox_new(&config, now);
}

/* The number of a profile is its raw size. */
static void
add(Outbox *outbox, const char *tenant, int number, size_t size, OutboxTime now)
{
    g_autoptr(GBytes) payload = g_bytes_new_take(g_malloc0(size), size);
    outbox_add(outbox, tenant, payload, (size_t)number, 0, now);
}

/* added + recovered = acknowledged + dropped + waiting */
static OutboxCounts
check_ledger(Outbox *outbox)
{
    OutboxCounts counts;
    outbox_get_counts(outbox, &counts);
    uint64_t n_dropped = 0;
    for (size_t i = 0; i < DROP_REASON_COUNT; i++)
        n_dropped += counts.dropped[i];
    assert_int_equal(counts.added + counts.recovered,
                     counts.acknowledged + n_dropped + counts.waiting);
    return counts;
}

static GPtrArray *
take(Outbox *outbox, OutboxTime now)
{
    int64_t wait_ms;
    GPtrArray *batch = outbox_take(outbox, 256, true, now, &wait_ms);
    (void)check_ledger(outbox);
    return batch;
}

static int
number_at(const GPtrArray *batch, guint i)
{
    return (int)((const OutboxItem *)batch->pdata[i])->raw_size;
}

/* Takes and acknowledges everything; the numbers come in order from `first` to before `behind`. */
static void
check_rest(Outbox *outbox, int first, int behind, OutboxTime now)
{
    int next = first;
    for (GPtrArray *batch; (batch = take(outbox, now)) != NULL;) {
        for (guint i = 0; i < batch->len; i++)
            assert_int_equal(number_at(batch, i), next++);
        outbox_finish(outbox, batch, 0, 0);
        (void)check_ledger(outbox);
    }
    assert_int_equal(next, behind);
    assert_true(outbox_is_empty(outbox, false));
    assert_int_equal(check_ledger(outbox).waiting, 0);
}

static void
test_profiles_wait_for_company(void **state)
{
    (void)state;
    g_autoptr(Outbox) outbox = memory_outbox(MIB);
    int64_t wait_ms;
    assert_null(outbox_take(outbox, 256, false, START, &wait_ms));
    assert_int_equal(wait_ms, -1);
    add(outbox, "", 1, 10, START);
    assert_null(outbox_take(outbox, 256, false, later(500), &wait_ms));
    assert_int_equal(wait_ms, 1500);
    GPtrArray *batch = outbox_take(outbox, 256, false, later(2000), &wait_ms);
    assert_int_equal(batch->len, 1);
    outbox_finish(outbox, batch, 0, 0);
    add(outbox, "", 2, 10, later(3000));
    outbox_flush(outbox, later(3000));
    batch = outbox_take(outbox, 256, false, later(3000), &wait_ms);
    assert_int_equal(batch->len, 1); /* the end of a group */
    outbox_finish(outbox, batch, 0, 0);
    add(outbox, "", 2 * MIB, 10, later(3000));
    batch = outbox_take(outbox, 256, false, later(3000), &wait_ms);
    assert_int_equal(batch->len, 1); /* it fills a request */
    outbox_finish(outbox, batch, 0, 0);
    assert_int_equal(check_ledger(outbox).acknowledged, 3);
}

static void
test_requests_have_a_size(void **state)
{
    (void)state;
    g_autoptr(Outbox) outbox = memory_outbox(MIB);
    for (int i = 0; i < 8; i++)
        add(outbox, "", 500 * KIB, 10, START);
    GPtrArray *batch = take(outbox, START);
    assert_int_equal(batch->len, 3); /* 1500 KiB */
    outbox_finish(outbox, batch, 0, 0);
    int64_t wait_ms;
    batch = outbox_take(outbox, 2, true, START, &wait_ms);
    assert_int_equal(batch->len, 2);
    outbox_finish(outbox, batch, 2, DROP_INVALID);
    batch = take(outbox, START);
    outbox_give_back(outbox, batch);
    const OutboxCounts counts = check_ledger(outbox);
    assert_int_equal(counts.acknowledged, 3);
    assert_int_equal(counts.dropped[DROP_INVALID], 2);
    assert_int_equal(counts.waiting, 3);
}

static void
test_the_oldest_give_way_in_memory(void **state)
{
    (void)state;
    g_autoptr(Outbox) outbox = memory_outbox(10 * KIB);
    for (int i = 0; i < 40; i++) {
        add(outbox, "", i, KIB, START);
        assert_true(check_ledger(outbox).waiting_bytes <= 10 * KIB);
    }
    const OutboxCounts counts = check_ledger(outbox);
    assert_int_equal(counts.waiting, 8);
    assert_int_equal(counts.dropped[DROP_QUEUE_FULL], 32);
    GPtrArray *batch = take(outbox, START); /* on its way it counts, but is not dropped */
    for (int i = 40; i < 50; i++)
        add(outbox, "", i, KIB, START);
    assert_true(check_ledger(outbox).waiting_bytes <= 20 * KIB);
    assert_int_equal(number_at(batch, 0), 32);
    outbox_give_back(outbox, batch);
    assert_true(check_ledger(outbox).waiting_bytes <= 10 * KIB);
    check_rest(outbox, 42, 50, START);
}

static void
test_a_tenant_is_held_alone(void **state)
{
    (void)state;
    g_autoptr(Outbox) outbox = memory_outbox(MIB);
    static const char *const tenants[] = {"a", "b", "a", "a", "c", "b"};
    for (int i = 0; i < 6; i++)
        add(outbox, tenants[i], i, 10, START);
    GPtrArray *batch = take(outbox, START);
    assert_int_equal(batch->len, 3); /* a request is of one tenant */
    assert_int_equal(number_at(batch, 2), 3);
    outbox_give_back(outbox, batch);
    outbox_hold(outbox, "a", 1000, START);
    outbox_flush(outbox, START);
    int64_t wait_ms;
    static const int firsts[] = {1, 4};
    for (size_t i = 0; i < G_N_ELEMENTS(firsts); i++) {
        batch = outbox_take(outbox, 256, false, START, &wait_ms);
        assert_int_equal(number_at(batch, 0), firsts[i]);
        outbox_finish(outbox, batch, 0, 0);
    }
    assert_null(outbox_take(outbox, 256, false, later(400), &wait_ms));
    assert_int_equal(wait_ms, 600);
    batch = outbox_take(outbox, 256, false, later(1000), &wait_ms);
    assert_int_equal(number_at(batch, 0), 0);
    outbox_finish(outbox, batch, 0, 0);
    add(outbox, "a", 6, 10, later(1000));
    outbox_hold(outbox, "a", HOUR_MS, later(1000));
    batch = take(outbox, later(1000)); /* at the end there is no time to wait */
    assert_int_equal(batch->len, 1);
    outbox_finish(outbox, batch, 0, 0);
}

static void
test_what_is_too_old_is_dropped(void **state)
{
    (void)state;
    g_autoptr(TempDir) dir = temp_dir_new();
    Outbox *outboxes[] = {memory_outbox(MIB), spool_outbox(dir, MIB, START)};
    for (size_t k = 0; k < G_N_ELEMENTS(outboxes); k++) {
        g_autoptr(Outbox) outbox = outboxes[k];
        for (int i = 0; i < 10; i++)
            add(outbox, "", i, 10, later(i * 1000));
        check_rest(outbox, 4, 10, later(HOUR_MS + 3500));
        const OutboxCounts counts = check_ledger(outbox);
        assert_int_equal(counts.dropped[DROP_TOO_OLD], 4);
        assert_int_equal(counts.spooled, 0);
    }
    g_autoptr(Outbox) outbox = spool_outbox(dir, 100 * MIB, START);
    for (int i = 0; i < 200; i++) /* more than one file, and more than is in memory */
        add(outbox, "", i, 100 * KIB, START);
    outbox_flush(outbox, later(HOUR_MS + 1));
    const OutboxCounts counts = check_ledger(outbox);
    assert_int_equal(counts.dropped[DROP_TOO_OLD], 200);
    assert_int_equal(counts.spool_bytes, 0);
}

static void
test_the_disk_takes_what_memory_cannot(void **state)
{
    (void)state;
    g_autoptr(TempDir) dir = temp_dir_new();
    {
        g_autoptr(Outbox) outbox = spool_outbox(dir, 100 * MIB, START);
        for (int i = 0; i < 300; i++) {
            add(outbox, "", i, 64 * KIB, START);
            assert_true(check_ledger(outbox).waiting_bytes <= 4 * MIB + 64 * KIB);
        }
        const OutboxCounts counts = check_ledger(outbox);
        assert_int_equal(counts.spooled, 300);
        assert_true(counts.spool_bytes > 300 * 64 * KIB);
        check_rest(outbox, 0, 300, START);
        for (int i = 300; i < 310; i++) /* and now straight on again */
            add(outbox, "", i, 64 * KIB, START);
        check_rest(outbox, 300, 310, START);
        for (int i = 400; i < 500; i++)
            add(outbox, "", i, 64 * KIB, START);
        GPtrArray *batch = take(outbox, START);
        outbox_finish(outbox, batch, 0, 0);
        batch = take(outbox, START); /* in the middle of a push */
        outbox_give_back(outbox, batch);
        outbox_close(outbox);
        assert_int_equal(check_ledger(outbox).dropped[DROP_STOPPED], 0);
    }
    g_autoptr(Outbox) outbox = spool_outbox(dir, 100 * MIB, later(1000));
    const OutboxCounts counts = check_ledger(outbox);
    assert_int_equal(counts.recovered, counts.waiting);
    assert_int_equal(counts.waiting_bytes, 0);
    check_rest(outbox, 500 - (int)counts.recovered, 500, later(1000));
    assert_true(counts.recovered < 100);
}

static void
test_the_oldest_give_way_on_the_disk(void **state)
{
    (void)state;
    g_autoptr(TempDir) dir = temp_dir_new();
    g_autoptr(Outbox) outbox = spool_outbox(dir, 2 * MIB, START);
    int first = 0;
    GPtrArray *batch = NULL;
    for (int i = 0; i < 500; i++) {
        add(outbox, "", i, 10 * KIB, START);
        assert_true(check_ledger(outbox).spool_bytes <= 2 * MIB);
        if (i == 100)
            batch = take(outbox, START);
    }
    guint n_taken = batch->len;
    assert_int_equal(number_at(batch, 0), 0);
    outbox_give_back(outbox, batch); /* its files are gone: it is in memory alone now */
    OutboxCounts counts = check_ledger(outbox);
    assert_int_equal(counts.waiting, counts.spooled + n_taken);
    assert_int_equal(counts.waiting + counts.dropped[DROP_SPOOL_FULL], 500);
    assert_false(outbox_is_empty(outbox, true));
    outbox_close(outbox);
    counts = check_ledger(outbox);
    assert_int_equal(counts.dropped[DROP_STOPPED], n_taken);
    assert_true(outbox_is_empty(outbox, true));
    first = 500 - (int)counts.waiting;
    check_rest(outbox, first, 500, START);
}

/* ---- Trouble with the disk. ---- */

static void
test_a_disk_that_takes_nothing(void **state)
{
    (void)state;
    g_autoptr(TempDir) dir = temp_dir_new();
    g_autofree char *path = temp_dir_file(dir, "spool");
    assert_true(g_file_set_contents(path, "not a folder", -1, NULL));
    const OutboxConfig config = {.bytes_max = 10 * KIB, .dir = path, .spool_bytes = MIB};
    g_autoptr(Outbox) outbox = outbox_new(&config, START);
    g_autofree char *problem = outbox_check(outbox);
    assert_contains(problem, path);
    for (int i = 0; i < 40; i++)
        add(outbox, "", i, KIB, START);
    OutboxCounts counts = check_ledger(outbox);
    assert_int_equal(counts.dropped[DROP_QUEUE_FULL], 32);
    assert_int_equal(counts.spool_failures, 1); /* it is not asked again and again */
    assert_int_equal(counts.spooled, 0);
    assert_int_equal(g_unlink(path), 0);
    add(outbox, "", 40, KIB, later(14999));
    assert_int_equal(check_ledger(outbox).spooled, 0);
    add(outbox, "", 41, KIB, later(15000));
    counts = check_ledger(outbox);
    assert_int_equal(counts.spooled, 1);
    assert_null(outbox_check(outbox));
    outbox_close(outbox); /* what the disk has stays */
    counts = check_ledger(outbox);
    assert_int_equal(counts.waiting, 1);
    assert_int_equal(counts.dropped[DROP_STOPPED], 8);
}

static void
test_a_disk_that_is_full(void **state)
{
    (void)state;
    g_autoptr(TempDir) dir = temp_dir_new();
    g_autoptr(Outbox) outbox = spool_outbox(dir, 10 * MIB, START);
    for (int i = 0; i < 10; i++)
        add(outbox, "", i, KIB, START);
    struct rlimit before, limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = check_ledger(outbox).spool_bytes + 100;
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    for (int i = 10; i < 20; i++)
        add(outbox, "", i, KIB, START);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    OutboxCounts counts = check_ledger(outbox);
    assert_int_equal(counts.spooled, 10);
    assert_int_equal(counts.waiting, 20);
    assert_int_equal(counts.spool_failures, 1);
    g_autofree char *problem = outbox_check(outbox);
    assert_contains(problem, "cannot write");
    for (int i = 20; i < 30; i++)
        add(outbox, "", i, KIB, later(15000));
    assert_int_equal(check_ledger(outbox).spooled, 20);
    assert_null(outbox_check(outbox));
    check_rest(outbox, 0, 30, later(15000));
}

/* Another agent that still uses the folder, as it may be while a DaemonSet is updated. */
static void
test_a_folder_that_becomes_free(void **state)
{
    (void)state;
    g_autoptr(TempDir) dir = temp_dir_new();
    Outbox *before = spool_outbox(dir, MIB, START);
    for (int i = 0; i < 5; i++)
        add(before, "", i, KIB, START);
    g_autoptr(Outbox) outbox = spool_outbox(dir, MIB, START);
    g_autofree char *problem = outbox_check(outbox);
    assert_contains(problem, "another process uses the folder");
    assert_int_equal(check_ledger(outbox).recovered, 0);
    outbox_free(before);
    add(outbox, "", 5, KIB, later(20000));
    const OutboxCounts counts = check_ledger(outbox);
    assert_int_equal(counts.recovered, 5);
    assert_int_equal(counts.spooled, 6);
    check_rest(outbox, 0, 6, later(20000));
}

static void
test_damage_is_accounted_for(void **state)
{
    (void)state;
    g_autoptr(TempDir) dir = temp_dir_new();
    {
        g_autoptr(Outbox) outbox = spool_outbox(dir, MIB, START);
        for (int i = 0; i < 10; i++)
            add(outbox, "", i, KIB, START);
    }
    g_autoptr(GDir) folder = g_dir_open(temp_dir_path(dir), 0, NULL);
    for (const char *name; (name = g_dir_read_name(folder)) != NULL;) {
        g_autofree char *path = temp_dir_file(dir, name), *bytes = NULL;
        gsize size;
        if (!g_str_has_suffix(name, ".spool"))
            continue;
        assert_true(g_file_get_contents(path, &bytes, &size, NULL));
        bytes[3 * (KIB + 48) + 100] ^= 1; /* the content of number 3 */
        assert_true(g_file_set_contents(path, bytes, (gssize)size - 8, NULL)); /* 9 is torn */
    }
    g_autoptr(Outbox) outbox = spool_outbox(dir, MIB, START);
    OutboxCounts counts = check_ledger(outbox);
    assert_int_equal(counts.recovered, 9);
    assert_int_equal(counts.spool_damaged, 1);
    GPtrArray *batch = take(outbox, START);
    assert_int_equal(batch->len, 8);
    assert_int_equal(number_at(batch, 3), 4);
    outbox_finish(outbox, batch, 0, 0);
    counts = check_ledger(outbox);
    assert_int_equal(counts.dropped[DROP_DAMAGED], 1);
    assert_int_equal(counts.waiting, 0);
}

static void
test_waiting_ends_when_something_comes(void **state)
{
    (void)state;
    g_autoptr(Outbox) outbox = memory_outbox(MIB);
    outbox_wait(outbox, 0); /* over at once */
    outbox_wake(outbox);
    outbox_wait(outbox, -1);
    add(outbox, "", 1, 10, START);
    outbox_wait(outbox, -1);
    outbox_refuse(outbox, DROP_BAD_TENANT);
    const OutboxCounts counts = check_ledger(outbox);
    assert_int_equal(counts.added, 2);
    assert_int_equal(counts.dropped[DROP_BAD_TENANT], 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_profiles_wait_for_company),
        cmocka_unit_test(test_requests_have_a_size),
        cmocka_unit_test(test_the_oldest_give_way_in_memory),
        cmocka_unit_test(test_a_tenant_is_held_alone),
        cmocka_unit_test(test_what_is_too_old_is_dropped),
        cmocka_unit_test(test_the_disk_takes_what_memory_cannot),
        cmocka_unit_test(test_the_oldest_give_way_on_the_disk),
        cmocka_unit_test(test_a_disk_that_takes_nothing),
        cmocka_unit_test(test_a_disk_that_is_full),
        cmocka_unit_test(test_a_folder_that_becomes_free),
        cmocka_unit_test(test_damage_is_accounted_for),
        cmocka_unit_test(test_waiting_ends_when_something_comes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
