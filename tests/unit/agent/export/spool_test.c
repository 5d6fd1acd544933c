/* Profiles on the disk: what comes back, in what order, and what damage costs. */
#include "agent/export/spool.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "agent/export/spool_segment.h"
#include "lib/base/error.h"
#include "tests/harness/check.h"
#include "tests/harness/temp_dir.h"

enum { LARGE = 1 << 30, PART = 1000 };

static Spool *
open_spool(const char *dir, int64_t bytes_max, int64_t part_bytes)
{
    const SpoolConfig config = {dir, bytes_max, part_bytes};
    g_autoptr(GError) error = NULL;
    Spool *spool = spool_new(&config);
    assert_true(spool_open(spool, &error));
    return spool;
}

/* Number `i` of the profiles of these tests: tenant and size differ. */
static SpoolRecord
make_record(int i)
{
    static const char *const tenants[] = {"", "team-a", "b"};
    g_autofree char *text = g_strdup_printf("profile %d %.*s", i, i % 7, ".......");
    return (SpoolRecord){.tenant = tenants[i % 3],
                         .payload = g_bytes_new(text, strlen(text)),
                         .raw_size = (uint32_t)(1000 + i),
                         .coding = (uint8_t)(i % 2),
                         .time_ms = 1000000 + i};
}

static SpoolPlace
append(Spool *spool, int i)
{
    SpoolRecord record = make_record(i);
    SpoolPlace place;
    g_autoptr(GError) error = NULL;
    assert_true(spool_append(spool, &record, false, &place, &error));
    g_bytes_unref(record.payload);
    return place;
}

/* Reads the next record, which must be whole, and returns its number; -1 at the end. Lost records
 * are counted. */
static int
read_next(Spool *spool, SpoolPlace *ret_place, uint64_t *n_lost)
{
    SpoolRecord record;
    uint32_t lost;
    for (;;) {
        switch (spool_next(spool, &record, ret_place, &lost)) {
        case SPOOL_END:
            return -1;
        case SPOOL_LOST:
            *n_lost += lost;
            continue;
        case SPOOL_RECORD:
            break;
        }
        int i = (int)record.raw_size - 1000;
        SpoolRecord expected = make_record(i);
        assert_string_equal(record.tenant, expected.tenant);
        assert_true(g_bytes_equal(record.payload, expected.payload));
        assert_int_equal(record.coding, expected.coding);
        assert_int_equal(record.time_ms, expected.time_ms);
        g_bytes_unref(record.payload);
        g_bytes_unref(expected.payload);
        return i;
    }
}

static void
check_order(Spool *spool, int first, int behind)
{
    SpoolPlace place;
    uint64_t n_lost = 0;
    for (int i = first; i < behind; i++)
        assert_int_equal(read_next(spool, &place, &n_lost), i);
    assert_int_equal(read_next(spool, &place, &n_lost), -1);
    assert_int_equal(n_lost, 0);
}

static void
test_order_over_restarts(void **state)
{
    (void)state;
    g_autoptr(TempDir) dir = temp_dir_new();
    int n = 0;
    for (int start = 0; start < 3; start++) {
        g_autoptr(Spool) spool = open_spool(temp_dir_path(dir), LARGE, PART);
        assert_int_equal(spool_counts(spool).unread, n);
        for (int i = 0; i < 50; i++)
            append(spool, n++);
        assert_true(spool_sync(spool, NULL));
    }
    g_autoptr(Spool) spool = open_spool(temp_dir_path(dir), LARGE, PART);
    assert_int_equal(spool_counts(spool).records, n);
    assert_true(spool_counts(spool).segments >= 10);
    check_order(spool, 0, n);
    assert_int_equal(spool_counts(spool).records, n); /* read is not done */
}

static void
test_what_is_done_does_not_come_back(void **state)
{
    (void)state;
    g_autoptr(TempDir) dir = temp_dir_new();
    {
        g_autoptr(Spool) spool = open_spool(temp_dir_path(dir), LARGE, PART);
        for (int i = 0; i < 100; i++) {
            SpoolPlace place = append(spool, i);
            if (i < 40 || i % 2 == 0)
                spool_done(spool, place);
        }
        assert_int_equal(spool_counts(spool).records, 30);
    }
    g_autoptr(Spool) spool = open_spool(temp_dir_path(dir), LARGE, PART);
    SpoolPlace place;
    uint64_t n_lost = 0;
    for (int i = 41; i < 100; i += 2) {
        assert_int_equal(read_next(spool, &place, &n_lost), i);
        spool_done(spool, place);
    }
    assert_int_equal(read_next(spool, &place, &n_lost), -1);
    assert_int_equal(n_lost, 0);
    const SpoolCounts counts = spool_counts(spool);
    assert_int_equal(counts.segments, 0); /* files whose records are all done are gone */
    assert_int_equal(counts.bytes, 0);
}

static void
test_a_record_that_stays_in_memory_is_not_read(void **state)
{
    (void)state;
    g_autoptr(TempDir) dir = temp_dir_new();
    g_autoptr(Spool) spool = open_spool(temp_dir_path(dir), LARGE, PART);
    SpoolPlace place;
    for (int i = 0; i < 30; i++) {
        SpoolRecord record = make_record(i);
        assert_true(spool_append(spool, &record, true, &place, NULL));
        g_bytes_unref(record.payload);
    }
    assert_int_equal(spool_counts(spool).unread, 0);
    for (int i = 30; i < 60; i++)
        append(spool, i);
    check_order(spool, 30, 60);
}

static void
test_the_oldest_is_dropped(void **state)
{
    (void)state;
    g_autoptr(TempDir) dir = temp_dir_new();
    g_autoptr(Spool) spool = open_spool(temp_dir_path(dir), 5 * PART, PART);
    uint64_t segment, last = 0, n_dropped = 0;
    for (int i = 0; i < 200; i++) {
        SpoolRecord record = make_record(i);
        uint32_t n_unread;
        while (spool_is_full(spool, &record)) {
            int64_t newest_ms = spool_oldest_ms(spool);
            assert_true(spool_drop_oldest(spool, &segment, &n_unread));
            assert_true(segment > last);
            last = segment;
            n_dropped += n_unread;
            assert_int_equal(newest_ms, 1000000 + n_dropped - 1);
        }
        g_bytes_unref(record.payload);
        append(spool, i);
        assert_true(spool_counts(spool).bytes <= 5 * PART);
    }
    assert_true(n_dropped > 100);
    assert_int_equal(spool_counts(spool).records, 200 - n_dropped);
    check_order(spool, (int)n_dropped, 200);
    while (spool_drop_oldest(spool, &segment, &(uint32_t){0}))
        continue;
    assert_int_equal(spool_oldest_ms(spool), INT64_MAX);
    append(spool, 1); /* into a new file */
    assert_int_equal(spool_counts(spool).records, 1);
}

/* ---- Damage. ---- */

/* The one segment file of the folder. */
static char *
segment_file(const char *dir)
{
    g_autoptr(GDir) folder = g_dir_open(dir, 0, NULL);
    for (const char *name; (name = g_dir_read_name(folder)) != NULL;)
        if (g_str_has_suffix(name, ".spool"))
            return g_build_filename(dir, name, NULL);
    return NULL;
}

enum { DAMAGED_RECORDS = 6 };

/* Writes a segment of some records, of which number 2 is done. */
static char *
write_segment(const char *dir, SpoolPlace places[DAMAGED_RECORDS])
{
    g_autoptr(Spool) spool = open_spool(dir, LARGE, 0);
    for (int i = 0; i < DAMAGED_RECORDS; i++)
        places[i] = append(spool, i);
    spool_done(spool, places[2]);
    return segment_file(dir);
}

/* Which of the records are still read from a folder with this file, as bits. */
static unsigned
read_damaged(const char *dir, const char *path, const char *bytes, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, bytes, size), size);
    (void)close(fd);
    g_autoptr(Spool) spool = open_spool(dir, LARGE, 0);
    uint64_t n_before = spool_counts(spool).records, n_lost = 0, n_read = 0;
    unsigned found = 0;
    SpoolPlace place;
    int last = -1;
    for (int i; (i = read_next(spool, &place, &n_lost)) >= 0; n_read++) {
        assert_true(i > last && i < DAMAGED_RECORDS);
        found |= 1u << i;
        last = i;
    }
    assert_int_equal(n_read + n_lost, n_before);
    return found;
}

static void
test_every_flipped_byte_costs_one_record(void **state)
{
    (void)state;
    g_autoptr(TempDir) dir = temp_dir_new();
    SpoolPlace places[DAMAGED_RECORDS];
    g_autofree char *path = write_segment(temp_dir_path(dir), places), *bytes = NULL;
    gsize size;
    assert_true(g_file_get_contents(path, &bytes, &size, NULL));
    const unsigned whole = (1u << DAMAGED_RECORDS) - 1 - (1u << 2);
    assert_int_equal(read_damaged(temp_dir_path(dir), path, bytes, size), whole);
    size_t record = 0, n_lost = 0;
    for (size_t at = 0; at < size; at++) {
        while (record + 1 < DAMAGED_RECORDS && at >= places[record + 1].offset)
            record++;
        for (unsigned flip = 1; flip < 256; flip = flip * 2 + 1) {
            bytes[at] ^= (char)flip;
            unsigned found = read_damaged(temp_dir_path(dir), path, bytes, size);
            bytes[at] ^= (char)flip;
            unsigned others = ~(1u << record);
            assert_int_equal(found & others, whole & others);
            n_lost += found != whole && record != 2;
        }
    }
    /* But for states and what fills up to the next record, each byte counts. */
    assert_true(n_lost > 8 * (size - 2 * places[1].offset - (DAMAGED_RECORDS * (4 + 8))));
}

static void
test_every_cut_leaves_the_records_before(void **state)
{
    (void)state;
    g_autoptr(TempDir) dir = temp_dir_new();
    SpoolPlace places[DAMAGED_RECORDS];
    g_autofree char *path = write_segment(temp_dir_path(dir), places), *bytes = NULL;
    gsize size;
    assert_true(g_file_get_contents(path, &bytes, &size, NULL));
    for (size_t cut = 0; cut < size; cut++) {
        unsigned expected = 0;
        for (int i = 0; i < DAMAGED_RECORDS; i++) {
            size_t end = i + 1 < DAMAGED_RECORDS ? places[i + 1].offset : size;
            if (end <= cut && i != 2)
                expected |= 1u << i;
        }
        assert_int_equal(read_damaged(temp_dir_path(dir), path, bytes, cut), expected);
    }
}

/* A record within the bytes of a profile is none: whoever made it cannot know the seed. */
static void
test_a_record_in_a_payload_is_no_record(void **state)
{
    (void)state;
    g_autoptr(TempDir) dir = temp_dir_new();
    uint8_t forged[SPOOL_HEAD_SIZE + 8];
    SpoolHead head = {.payload_size = 8, .content_hash = spool_content_hash("evil....", 8, 0)};
    spool_head_encode(&head, 0, forged);
    memcpy(forged + SPOOL_HEAD_SIZE, "evil....", 8);
    {
        g_autoptr(Spool) spool = open_spool(temp_dir_path(dir), LARGE, 0);
        SpoolRecord record = {.tenant = "", .payload = g_bytes_new(forged, sizeof forged)};
        SpoolPlace place;
        assert_true(spool_append(spool, &record, false, &place, NULL));
        g_bytes_unref(record.payload);
    }
    g_autofree char *path = segment_file(temp_dir_path(dir)), *bytes = NULL;
    gsize size;
    assert_true(g_file_get_contents(path, &bytes, &size, NULL));
    bytes[0] ^= 1; /* its own head is lost: what follows is searched for the next */
    assert_int_equal(read_damaged(temp_dir_path(dir), path, bytes, size), 0);
    g_autofree char *named = temp_dir_file(dir, "0000000000000001-0000000000000000.spool");
    assert_true(g_file_set_contents(named, bytes, (gssize)size, NULL));
    g_autoptr(Spool) spool = open_spool(temp_dir_path(dir), LARGE, 0);
    assert_int_equal(spool_counts(spool).records, 1); /* with the right seed it would be one */
}

static void
test_damage_is_counted(void **state)
{
    (void)state;
    g_autoptr(TempDir) dir = temp_dir_new();
    SpoolPlace places[DAMAGED_RECORDS];
    g_autofree char *path = write_segment(temp_dir_path(dir), places);
    g_autofree char *other = temp_dir_file(dir, "0000000000000009-0000000000000000.spool");
    g_autofree char *alien = temp_dir_file(dir, "notes.txt");
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, "x", 1, (off_t)places[1].offset), 1);      /* a head */
    assert_int_equal(pwrite(fd, "x", 1, (off_t)places[4].offset + 48), 1); /* a content */
    (void)close(fd);
    assert_true(g_file_set_contents(other, "nothing of ours", -1, NULL));
    assert_true(g_file_set_contents(alien, "nothing of ours", -1, NULL));
    g_autoptr(Spool) spool = open_spool(temp_dir_path(dir), LARGE, 0);
    assert_int_equal(spool_counts(spool).n_damaged, 2); /* the head, and the other file */
    assert_int_equal(spool_counts(spool).records, DAMAGED_RECORDS - 2);
    SpoolPlace place;
    uint64_t n_lost = 0;
    while (read_next(spool, &place, &n_lost) >= 0)
        spool_done(spool, place);
    assert_int_equal(n_lost, 1);
    assert_int_equal(spool_counts(spool).records, 0);
    assert_int_equal(g_access(path, F_OK), -1);
    assert_int_equal(g_access(other, F_OK), -1);
    assert_int_equal(g_access(alien, F_OK), 0);
    append(spool, 10);
    g_autofree char *behind = segment_file(temp_dir_path(dir));
    assert_contains(behind, "/000000000000000a-"); /* never a number that was there before */
}

/* ---- Trouble. ---- */

static void
test_a_folder_has_one_user(void **state)
{
    (void)state;
    g_autoptr(TempDir) dir = temp_dir_new();
    Spool *first = open_spool(temp_dir_path(dir), LARGE, 0);
    const SpoolConfig config = {temp_dir_path(dir), LARGE, 0};
    g_autoptr(Spool) second = spool_new(&config);
    g_autoptr(GError) error = NULL;
    assert_false(spool_open(second, &error));
    assert_error_says(error, "another process uses the folder");
    append(first, 1);
    spool_free(first);
    assert_true(spool_open(second, NULL));
    assert_int_equal(spool_counts(second).records, 1);
}

static void
test_a_folder_that_cannot_be_made(void **state)
{
    (void)state;
    g_autoptr(TempDir) dir = temp_dir_new();
    g_autofree char *file = temp_dir_file(dir, "file"), *below = g_build_filename(file, "x", NULL);
    assert_true(g_file_set_contents(file, "", 0, NULL));
    const SpoolConfig config = {below, LARGE, 0};
    g_autoptr(Spool) spool = spool_new(&config);
    g_autoptr(GError) error = NULL;
    assert_false(spool_open(spool, &error));
    assert_error_says(error, below);
}

/* A file that may not grow: as a disk that is full, part of a record may be written. */
static void
test_a_write_that_fails_leaves_no_trace(void **state)
{
    (void)state;
    g_autoptr(TempDir) dir = temp_dir_new();
    g_autoptr(Spool) spool = open_spool(temp_dir_path(dir), LARGE, 0);
    append(spool, 0);
    struct rlimit before, limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = spool_counts(spool).bytes + 10;
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    SpoolRecord record = make_record(1);
    SpoolPlace place;
    g_autoptr(GError) error = NULL;
    bool is_appended = spool_append(spool, &record, false, &place, &error);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_false(is_appended);
    assert_error_says(error, "cannot write");
    g_bytes_unref(record.payload);
    assert_int_equal(spool_counts(spool).records, 1);
    append(spool, 1);
    check_order(spool, 0, 2);
    assert_int_equal(spool_counts(spool).n_damaged, 0);
}

static void
test_a_record_larger_than_all(void **state)
{
    (void)state;
    g_autoptr(TempDir) dir = temp_dir_new();
    g_autoptr(Spool) spool = open_spool(temp_dir_path(dir), 2 * PART, PART);
    append(spool, 0);
    g_autofree char *bytes = g_malloc0(3 * PART);
    SpoolRecord large = {.tenant = "", .payload = g_bytes_new_static(bytes, 3 * PART)};
    SpoolPlace place;
    g_autoptr(GError) error = NULL;
    assert_false(spool_fits(spool, &large));
    assert_false(spool_append(spool, &large, false, &place, &error));
    assert_error_says(error, "spool-bytes");
    g_bytes_unref(large.payload);
    check_order(spool, 0, 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_over_restarts),
        cmocka_unit_test(test_what_is_done_does_not_come_back),
        cmocka_unit_test(test_a_record_that_stays_in_memory_is_not_read),
        cmocka_unit_test(test_the_oldest_is_dropped),
        cmocka_unit_test(test_every_flipped_byte_costs_one_record),
        cmocka_unit_test(test_every_cut_leaves_the_records_before),
        cmocka_unit_test(test_a_record_in_a_payload_is_no_record),
        cmocka_unit_test(test_damage_is_counted),
        cmocka_unit_test(test_a_folder_has_one_user),
        cmocka_unit_test(test_a_folder_that_cannot_be_made),
        cmocka_unit_test(test_a_write_that_fails_leaves_no_trace),
        cmocka_unit_test(test_a_record_larger_than_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
