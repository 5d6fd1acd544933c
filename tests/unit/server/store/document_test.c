#include "server/store/document.h"

#include <string.h>

#include "lib/base/error.h"
#include "server/store/meta_document.h"
#include "tests/harness/check.h"
#include "tests/unit/server/store/meta_bed.h"

/* What a change is to do, and what it saw. */
typedef struct {
    const char *content; /* NULL deletes */
    bool refuse;
    char *old;
    DocumentOthers others;
} Wish;

static bool
grant(const Document *old, const DocumentOthers *others, Document *ret_new, void *data,
      GError **error)
{
    Wish *wish = data;
    wish->others = *others;
    if (old != NULL)
        wish->old = g_strndup(g_bytes_get_data(old->content, NULL), old->size);
    if (wish->refuse)
        return error_set(error, CRESSET_ERROR_ALREADY_EXISTS, "no");
    ret_new->version = old != NULL ? old->version + 1 : 1;
    if (wish->content != NULL)
        ret_new->content = g_bytes_new(wish->content, strlen(wish->content));
    return true;
}

static void
change(MetaBed *bed, const char *tenant, const char *name, const char *content, const char *old)
{
    Wish wish = {.content = content};
    const DocumentKey key = {tenant, "note", name};
    assert_true(meta_document_change(bed->meta, &key, grant, &wish, NULL));
    if (old == NULL)
        assert_null(wish.old);
    else
        assert_string_equal(wish.old, old);
    g_free(wish.old);
}

/* "name=content:version" of each. */
static void
assert_documents(MetaBed *bed, const char *tenant, const char *expected)
{
    g_autoptr(GPtrArray) list = meta_document_list(bed->meta, tenant, "note", true, NULL);
    g_autoptr(GString) out = g_string_new(NULL);
    for (guint i = 0; i < list->len; i++) {
        const Document *document = list->pdata[i];
        g_string_append_printf(out, "%s=%.*s:%d ", document->name, (int)document->size,
                               (const char *)g_bytes_get_data(document->content, NULL),
                               (int)document->version);
    }
    assert_string_equal(out->str, expected);
}

static void
puts_replaces_and_deletes(void **state)
{
    MetaBed *bed = *state;
    change(bed, "a", "x", "one", NULL);
    change(bed, "a", "w", "", NULL);
    change(bed, "a", "x", "two", "one");
    change(bed, "b", "x", "other", NULL);
    assert_documents(bed, "a", "w=:1 x=two:2 ");
    assert_documents(bed, "b", "x=other:1 ");
    change(bed, "a", "x", NULL, "two");
    change(bed, "a", "x", NULL, NULL);
    assert_documents(bed, "a", "w=:1 ");
    g_autoptr(GError) error = NULL;
    assert_null(meta_document_get(bed->meta, &(DocumentKey){"a", "note", "x"}, &error));
    assert_true(g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_NOT_FOUND));
}

static void
is_there_after_a_restart(void **state)
{
    MetaBed *bed = *state;
    bool is_new;
    change(bed, "a", "x", "one", NULL);
    meta_close(bed->meta);
    bed->meta = meta_open(bed->path, &is_new, NULL);
    assert_false(is_new);
    assert_documents(bed, "a", "x=one:1 ");
    g_autoptr(GPtrArray) names = meta_document_list(bed->meta, "a", "note", false, NULL);
    const Document *document = names->pdata[0];
    assert_null(document->content);
    assert_int_equal(document->size, 3);
}

static void
a_refusal_changes_nothing(void **state)
{
    MetaBed *bed = *state;
    change(bed, "a", "x", "one", NULL);
    change(bed, "a", "y", "four", NULL);
    Wish wish = {.content = "two", .refuse = true};
    g_autoptr(GError) error = NULL;
    assert_false(
        meta_document_change(bed->meta, &(DocumentKey){"a", "note", "x"}, grant, &wish, &error));
    assert_true(g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_ALREADY_EXISTS));
    assert_int_equal(wish.others.n, 1);
    assert_int_equal(wish.others.bytes, 4);
    g_free(wish.old);
    assert_documents(bed, "a", "x=one:1 y=four:1 ");
    change(bed, "a", "x", "three", "one");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(puts_replaces_and_deletes, meta_bed_set_up,
                                        meta_bed_tear_down),
        cmocka_unit_test_setup_teardown(is_there_after_a_restart, meta_bed_set_up,
                                        meta_bed_tear_down),
        cmocka_unit_test_setup_teardown(a_refusal_changes_nothing, meta_bed_set_up,
                                        meta_bed_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
