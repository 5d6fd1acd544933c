#include "server/store/row_annotations.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "server/store/head.h"

static Labels *
annotation(const char *name, const char *text)
{
    Label pair = {name, text};
    return labels_new(&pair, 1);
}

static void
put_example(Wire *wire)
{
    static const StoreRowAnnotation rows[] = {{2, 0}, {2, 1}, {300, 1}};
    g_autoptr(Labels) throttled = annotation("throttled", "{}"),
                      sampled = annotation("sampled", "");
    Labels *table[] = {throttled, sampled};
    const StoreAnnotations annotations = {table, rows, 2, 3};
    row_annotations_put(wire, &annotations);
}

static bool
get(const uint8_t *bytes, size_t size, uint32_t n_rows, StoreAnnotations *ret_annotations)
{
    Scan scan = scan_of(bytes, size);
    return row_annotations_get(&scan, n_rows, ret_annotations);
}

static void
a_section_gives_what_was_put(void **state)
{
    (void)state;
    Wire wire = {0};
    StoreAnnotations got;
    put_example(&wire);
    assert_true(get(wire.data, wire.size, 301, &got));
    assert_int_equal(got.n_table, 2);
    assert_string_equal(labels_get(got.table[0], "throttled"), "{}");
    assert_string_equal(labels_get(got.table[1], "sampled"), "");
    assert_int_equal(got.n_rows, 3);
    assert_int_equal(got.rows[1].row, 2);
    assert_int_equal(got.rows[1].annotation, 1);
    assert_int_equal(got.rows[2].row, 300);
    row_annotations_clear(&got);
    assert_false(get(wire.data, wire.size, 300, &got));
    row_annotations_clear(&got);
    wire_clear(&wire);
}

static void
rows_that_move_are_sorted_again(void **state)
{
    (void)state;
    static const StoreRowAnnotation rows[] = {{0, 1}, {0, 0}, {2, 0}};
    static const uint32_t moved[] = {2, 1, 0};
    const StoreAnnotations annotations = {.rows = rows, .n_rows = 3}, none = {0};
    g_autofree StoreRowAnnotation *got = row_annotations_move(&annotations, moved);
    static const StoreRowAnnotation expected[] = {{0, 0}, {2, 0}, {2, 1}};
    assert_memory_equal(got, expected, sizeof expected);
    assert_null(row_annotations_move(&none, moved));
}

/* Every cut and every changed byte is either refused or stays within the rows and the table. */
static void
broken_sections_do_no_harm(void **state)
{
    (void)state;
    Wire wire = {0};
    StoreAnnotations got;
    put_example(&wire);
    for (size_t size = 0; size < wire.size; size++) {
        g_autofree uint8_t *cut = g_memdup2(wire.data, size);
        assert_false(get(cut, size, 301, &got));
        row_annotations_clear(&got);
    }
    for (size_t i = 0; i < wire.size * 256; i++) {
        g_autofree uint8_t *changed = g_memdup2(wire.data, wire.size);
        changed[i / 256] = (uint8_t)i;
        if (get(changed, wire.size, 301, &got)) {
            for (uint32_t k = 0; k < got.n_rows; k++)
                assert_true(got.rows[k].row < 301 && got.rows[k].annotation < got.n_table);
        }
        row_annotations_clear(&got);
    }
    wire_clear(&wire);
}

/* A payload of the log: one dataset with two rows without samples, then what `extras` says. */
static bool
restore(const uint8_t *extras, size_t size, uint32_t *ret_n_rows)
{
    static const Label pairs[] = {{"service_name", "s"}};
    g_autoptr(Labels) labels = labels_new(pairs, 1);
    g_autoptr(Head) head = head_new("01ARZ3NDEKTSV4RRFFQ69G5FAV");
    g_autoptr(Head) again = head_new("01ARZ3NDEKTSV4RRFFQ69G5FAV");
    const StoreRow rows[] = {{.labels = labels, .profile = &(Profile){0}},
                             {.labels = labels, .profile = &(Profile){0}}};
    Wire frame = {0};
    assert_true(head_append(head, "t", rows, 2, &frame, NULL));
    wire_put(&frame, extras, size);
    bool is_ok = head_restore(again, frame.data, frame.size);
    g_autoptr(GArray) views = head_enter(again, "t", NULL);
    *ret_n_rows = views->len > 0 ? g_array_index(views, HeadView, 0).annotations.n_rows : 0;
    head_leave(again);
    wire_clear(&frame);
    return is_ok;
}

#define MARK       0xff, 0xff, 0xff, 0xff, 0x0f
#define PAIR       1, 1, 'k', 1, 'v'
#define BYTES(...) {__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__})

/* What the log says of rows that are not the frame's, or of no annotation, is refused. */
static void
a_frame_annotates_its_own_rows(void **state)
{
    (void)state;
    static const struct {
        uint8_t bytes[24], size;
        bool is_ok;
        uint32_t n_rows;
    } cases[] = {
        {{0}, 0, true, 0}, /* of an older log */
        {BYTES(MARK), true, 0},
        {BYTES(MARK, 0, 0, 0, PAIR, 0, 1, 0), true, 2},
        {BYTES(MARK, 0, 0, 0, PAIR, 0, 1, 1, PAIR), true, 2},
        {BYTES(MARK, 0, 0, 1, PAIR), false, 0},              /* a gap in the table */
        {BYTES(MARK, 0, 2, 0, PAIR), false, 0},              /* no such row */
        {BYTES(MARK, 1, 0, 0, PAIR), false, 0},              /* no such dataset */
        {BYTES(MARK, 0, 0, 0, 0), false, 0},                 /* no pair */
        {BYTES(MARK, 0, 1, 0, PAIR, 0, 0, 0), false, 0},     /* out of order */
        {BYTES(MARK, 0, 0, 0, 1, 1, 'k', 2, 'v'), false, 0}, /* cut */
        {BYTES(MARK, MARK), false, 0},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        uint32_t n_rows;
        assert_int_equal(restore(cases[i].bytes, cases[i].size, &n_rows), cases[i].is_ok);
        assert_int_equal(n_rows, cases[i].n_rows);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_section_gives_what_was_put),
        cmocka_unit_test(rows_that_move_are_sorted_again),
        cmocka_unit_test(broken_sections_do_no_harm),
        cmocka_unit_test(a_frame_annotates_its_own_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
