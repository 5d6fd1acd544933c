#include "server/store/segment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/server/store/disk_sim.h"

enum { N_FRAMES = 20 };

typedef struct {
    Disk *disk;
    Segment *segment;
    Wire bytes; /* of the file */
    size_t end[N_FRAMES + 1];
} Bed;

static int
set_up(void **state)
{
    Bed *bed = g_new0(Bed, 1);
    bed->disk = disk_sim_new();
    bed->segment = segment_create(bed->disk, "/data", NULL);
    assert_non_null(bed->segment);
    wire_push(&bed->bytes, SEGMENT_HEADER_SIZE);
    assert_int_equal(
        disk_read_all(bed->disk, bed->segment->fd, bed->bytes.data, SEGMENT_HEADER_SIZE, 0), 0);
    bed->end[0] = SEGMENT_HEADER_SIZE;
    for (uint32_t i = 0; i < N_FRAMES; i++) {
        size_t start = bed->bytes.size;
        segment_frame_begin(&bed->bytes);
        for (uint32_t j = 0; j < i * 7; j++)
            *wire_push(&bed->bytes, 1) = (uint8_t)(i + j);
        segment_frame_end(&bed->bytes, start, bed->segment->id.text, i);
        bed->end[i + 1] = bed->bytes.size;
    }
    *state = bed;
    return 0;
}

static int
tear_down(void **state)
{
    Bed *bed = *state;
    segment_free(bed->segment);
    disk_sim_free(bed->disk);
    wire_clear(&bed->bytes);
    g_free(bed);
    return 0;
}

static bool
check_frame(void *data, const uint8_t *payload, size_t size)
{
    uint32_t *n = data;
    assert_int_equal(size, *n * 7);
    for (uint32_t j = 0; j < size; j++)
        assert_int_equal(payload[j], (uint8_t)(*n + j));
    (*n)++;
    return true;
}

static void
reads_whole_files(void **state)
{
    Bed *bed = *state;
    SegmentScan scan;
    uint32_t n = 0;
    assert_true(segment_scan(bed->bytes.data, bed->bytes.size, check_frame, &n, &scan));
    assert_int_equal(scan.n_frames, N_FRAMES);
    assert_int_equal(scan.good_size, bed->bytes.size);
    assert_string_equal(scan.id, bed->segment->id.text);
}

static void
keeps_the_good_frames_of_a_cut_file(void **state)
{
    Bed *bed = *state;
    for (size_t size = 0; size < bed->bytes.size; size++) {
        SegmentScan scan;
        uint32_t n = 0, whole = 0;
        bool is_whole = segment_scan(bed->bytes.data, size, check_frame, &n, &scan);
        while (whole < N_FRAMES && bed->end[whole + 1] <= size)
            whole++;
        bool is_boundary = size == bed->end[whole];
        assert_int_equal(is_whole, is_boundary && size >= SEGMENT_HEADER_SIZE);
        assert_int_equal(scan.n_frames, whole);
        assert_int_equal(scan.good_size, size < SEGMENT_HEADER_SIZE ? 0 : bed->end[whole]);
    }
}

static void
finds_every_flipped_bit(void **state)
{
    Bed *bed = *state;
    for (size_t bit = 0; bit < bed->bytes.size * 8; bit++) {
        SegmentScan scan;
        uint32_t n = 0;
        bed->bytes.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(segment_scan(bed->bytes.data, bed->bytes.size, check_frame, &n, &scan));
        assert_true(scan.good_size <= bit / 8);
        bed->bytes.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

static void
refuses_frames_of_another_segment_or_order(void **state)
{
    Bed *bed = *state;
    SegmentScan scan;
    uint32_t n = 0;
    size_t start = bed->bytes.size;
    segment_frame_begin(&bed->bytes);
    segment_frame_end(&bed->bytes, start, ulid_new().text, N_FRAMES);
    assert_false(segment_scan(bed->bytes.data, bed->bytes.size, check_frame, &n, &scan));
    assert_int_equal(scan.n_frames, N_FRAMES);
    segment_frame_end(&bed->bytes, start, bed->segment->id.text, N_FRAMES + 1);
    n = 0;
    assert_false(segment_scan(bed->bytes.data, bed->bytes.size, check_frame, &n, &scan));
    assert_int_equal(scan.n_frames, N_FRAMES);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reads_whole_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keeps_the_good_frames_of_a_cut_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(finds_every_flipped_bit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_frames_of_another_segment_or_order, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
