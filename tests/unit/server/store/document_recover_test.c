/* Documents survive the metastore, damaged files, and a disk that dies at any call. */
#include <glib/gstdio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/error.h"
#include "server/store/document_file.h"
#include "server/store/store_private.h"
#include "tests/unit/server/store/disk_sim.h"

static const DocumentKey KEY = {"team", "setting", "colour/of the page"};
enum { SEAL_BYTES = 1 << 20, CALLS_MAX = 40 };

typedef struct {
    char *dir, *meta_dir, *meta_path;
    Disk *disk;
    Store *store;
} Bed;

static void
remove_tree(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    for (const char *name; dir != NULL && (name = g_dir_read_name(dir)) != NULL;) {
        g_autofree char *child = g_build_filename(path, name, NULL);
        remove_tree(child);
    }
    g_remove(path);
}

static void
open_store(Bed *bed)
{
    StoreConfig config = {bed->dir, SEAL_BYTES, 60 * G_GINT64_CONSTANT(1000000000)};
    g_autoptr(GError) error = NULL;
    bed->store = store_open_on(&config, bed->disk, bed->meta_path, &error);
    if (bed->store == NULL)
        fail_msg("%s", error->message);
}

static Bed *
bed_new(Disk *disk)
{
    Bed *bed = g_new0(Bed, 1);
    bed->disk = disk;
    bed->meta_dir = g_dir_make_tmp("cresset-document-XXXXXX", NULL);
    bed->meta_path = g_build_filename(bed->meta_dir, "meta.sqlite", NULL);
    bed->dir = g_build_filename(bed->meta_dir, "data", NULL);
    return bed;
}

static void
bed_free(Bed *bed)
{
    store_close(bed->store);
    remove_tree(bed->meta_dir);
    g_free(bed->dir);
    g_free(bed->meta_dir);
    g_free(bed->meta_path);
    g_free(bed);
}

static int
set_up(void **state)
{
    Bed *bed = bed_new(disk_system());
    open_store(bed);
    *state = bed;
    return 0;
}

static int
tear_down(void **state)
{
    bed_free(*state);
    return 0;
}

static bool
write_text(const Document *old, const DocumentOthers *others, Document *ret_new, void *data,
           GError **error)
{
    (void)others;
    (void)error;
    ret_new->version = old != NULL ? old->version + 1 : 1;
    ret_new->content = g_bytes_new(data, strlen(data));
    return true;
}

static bool
set(Bed *bed, const char *name, const char *text)
{
    const DocumentKey key = {KEY.tenant, KEY.kind, name};
    return store_document_change(bed->store, &key, write_text, (void *)(uintptr_t)text, NULL);
}

/* What a document says; NULL when there is none. */
static char *
get(Bed *bed, const char *name)
{
    const DocumentKey key = {KEY.tenant, KEY.kind, name};
    g_autoptr(Document) document = store_document_get(bed->store, &key, NULL);
    if (document == NULL)
        return NULL;
    char *text = g_malloc0(document->size + 1);
    if (document->size > 0)
        memcpy(text, g_bytes_get_data(document->content, NULL), document->size);
    return text;
}

static void
assert_document(Bed *bed, const char *name, const char *expected)
{
    g_autofree char *text = get(bed, name);
    if (g_strcmp0(text, expected) != 0)
        fail_msg("%s: got %s, wanted %s", name, text, expected);
}

static void
remove_meta(Bed *bed)
{
    const char *suffixes[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < G_N_ELEMENTS(suffixes); i++) {
        g_autofree char *path = g_strconcat(bed->meta_path, suffixes[i], NULL);
        g_remove(path);
    }
}

/* Overwrites the middle of every page of the metastore. */
static void
damage_meta(Bed *bed)
{
    g_autofree char *text = NULL;
    gsize size;
    assert_true(g_file_get_contents(bed->meta_path, &text, &size, NULL));
    assert_true(size > 8192);
    for (gsize at = 100; at < size; at += 1000)
        memset(text + at, 0xa5, MIN(size - at, 500));
    assert_true(g_file_set_contents(bed->meta_path, text, (gssize)size, NULL));
}

static void
empty_meta(Bed *bed)
{
    remove_meta(bed);
    assert_true(g_file_set_contents(bed->meta_path, "", 0, NULL));
}

static void
finds_documents_again_without_the_metastore(void **state)
{
    Bed *bed = *state;
    void (*const harms[])(Bed *) = {damage_meta, remove_meta, empty_meta};
    assert_true(set(bed, KEY.name, "red"));
    assert_true(set(bed, KEY.name, "green"));
    assert_true(set(bed, "empty", ""));
    assert_true(set(bed, "gone", "soon"));
    assert_true(
        store_document_delete(bed->store, &(DocumentKey){KEY.tenant, KEY.kind, "gone"}, NULL));
    for (size_t i = 0; i < G_N_ELEMENTS(harms); i++) {
        store_close(g_steal_pointer(&bed->store));
        harms[i](bed);
        open_store(bed);
        assert_document(bed, KEY.name, "green");
        assert_document(bed, "empty", "");
        assert_document(bed, "gone", NULL);
        g_autoptr(Document) document = store_document_get(bed->store, &KEY, NULL);
        assert_int_equal(document->version, 2);
    }
}

/* The metastore forgets what its log of writes held: it is sound, and too old. */
static void
a_file_wins_over_an_older_metastore(void **state)
{
    Bed *bed = *state;
    g_autofree char *old = NULL;
    gsize size;
    assert_true(set(bed, KEY.name, "red"));
    store_close(g_steal_pointer(&bed->store));
    assert_true(g_file_get_contents(bed->meta_path, &old, &size, NULL));
    open_store(bed);
    assert_true(set(bed, KEY.name, "green"));
    store_close(g_steal_pointer(&bed->store));
    remove_meta(bed);
    assert_true(g_file_set_contents(bed->meta_path, old, (gssize)size, NULL));
    open_store(bed);
    assert_document(bed, KEY.name, "green");
}

static char *
file_path(const Bed *bed)
{
    g_autofree char *name = document_file_name(&KEY, DOCUMENT_FILE_SUFFIX);
    return g_build_filename(bed->dir, "documents", name, NULL);
}

static void
a_damaged_or_missing_file_is_written_anew(void **state)
{
    Bed *bed = *state;
    assert_true(set(bed, KEY.name, "red"));
    g_autofree char *path = file_path(bed);
    store_close(g_steal_pointer(&bed->store));
    assert_true(g_file_set_contents(path, "garbage", 7, NULL));
    open_store(bed);
    assert_non_null(strstr(store_notice(bed->store), path));
    assert_document(bed, KEY.name, "red");
    store_close(g_steal_pointer(&bed->store));
    assert_int_equal(g_remove(path), 0);
    open_store(bed);
    store_close(g_steal_pointer(&bed->store));
    remove_meta(bed);
    open_store(bed);
    assert_null(store_notice(bed->store));
    assert_document(bed, KEY.name, "red");
}

/* What a document may say after a change that was, or was not, acknowledged. */
static void
check_after_crash(Bed *bed, const char *before, const char *after, bool is_acked, uint64_t at)
{
    g_autofree char *text = get(bed, KEY.name);
    if (g_strcmp0(text, after) != 0 && (is_acked || g_strcmp0(text, before) != 0))
        fail_msg("call %u: got %s", (unsigned)at, text);
}

/* One change with a disk that dies at call `at`, power cut, start: with the metastore, without. */
static bool
crash_at(uint64_t at, const char *after, GRand *random)
{
    g_autofree char *before = NULL;
    Bed *bed = bed_new(disk_sim_new());
    open_store(bed);
    assert_true(set(bed, KEY.name, "before"));
    disk_sim_plan(bed->disk, at, SIM_DEAD);
    bool is_acked =
        after != NULL ? set(bed, KEY.name, after) : store_document_delete(bed->store, &KEY, NULL);
    bool is_over = disk_sim_calls(bed->disk) < at;
    store_close(g_steal_pointer(&bed->store));
    disk_sim_lose_power(bed->disk, random);
    disk_sim_plan(bed->disk, 0, SIM_NO_FAULT);
    if (g_rand_boolean(random))
        remove_meta(bed);
    open_store(bed);
    check_after_crash(bed, "before", after, is_acked, at);
    before = get(bed, KEY.name);
    store_close(g_steal_pointer(&bed->store));
    remove_meta(bed);
    open_store(bed);
    assert_document(bed, KEY.name, before); /* what was seen once stays */
    Disk *disk = bed->disk;
    bed_free(bed);
    disk_sim_free(disk);
    return is_over;
}

static void
a_crash_loses_nothing_acknowledged(void **state)
{
    (void)state;
    const char *const wishes[] = {"after", NULL};
    GRand *random = g_rand_new_with_seed(11);
    for (size_t wish = 0; wish < G_N_ELEMENTS(wishes); wish++) {
        bool is_over = false;
        for (uint64_t at = 1; !is_over; at++) {
            assert_true(at < CALLS_MAX);
            for (unsigned life = 0; life < 8; life++)
                is_over = crash_at(at, wishes[wish], random);
        }
    }
    g_rand_free(random);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(finds_documents_again_without_the_metastore, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_file_wins_over_an_older_metastore, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_damaged_or_missing_file_is_written_anew, set_up,
                                        tear_down),
        cmocka_unit_test(a_crash_loses_nothing_acknowledged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
