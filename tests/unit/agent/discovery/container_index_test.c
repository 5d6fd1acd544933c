/* Which containers are known, and which are to be asked for. */
#include "agent/discovery/container_index.h"

#include "tests/harness/check.h"
#include "tests/unit/agent/discovery/made_containers.h"

#define A MADE_ID("a")
#define B MADE_ID("b")
#define C MADE_ID("c")

static void
expect_due(const ContainerIndex *index, guint n_max, const char *const *wanted)
{
    g_autoptr(GPtrArray) ids = container_index_due(index, n_max);
    assert_int_equal(ids->len, g_strv_length((GStrv)wanted));
    for (guint i = 0; i < ids->len; i++)
        assert_string_equal(ids->pdata[i], wanted[i]);
}

#define EXPECT_DUE(index, ...) expect_due(index, 64, (const char *const[]){__VA_ARGS__ NULL})

static void
expect_name(ContainerIndex *index, const char *id, int64_t now_us, const char *wanted)
{
    g_autoptr(LocalContainer) container = container_index_find(index, id, now_us);
    const char *name = container != NULL ? container->name : NULL;
    if (g_strcmp0(name, wanted) != 0)
        fail_msg("%s is called %s", id, name);
}

static void
put(ContainerIndex *index, const char *id, const char *name, int64_t now_us)
{
    g_autofree char *json = g_strdup_printf("{'Id':'%s','Names':['/%s']}", id, name);
    g_autoptr(LocalContainer) container = made_container(json);
    container_index_put(index, container, now_us);
}

static void
settle(ContainerIndex *index, int64_t now_us)
{
    g_autoptr(GPtrArray) ids = container_index_due(index, 64);
    container_index_settle(index, ids, now_us);
}

static void
test_what_was_seen_is_asked_for(void **state)
{
    (void)state;
    g_autoptr(ContainerIndex) index = container_index_new();
    expect_name(index, B, 1, NULL);
    expect_name(index, A, 2, NULL);
    expect_name(index, B, 3, NULL);
    expect_name(index, "lxc-7", 3, NULL); /* which is none of Docker's */
    EXPECT_DUE(index, B, A, );
    expect_due(index, 1, (const char *const[]){B, NULL});
    put(index, A, "web", 4);
    EXPECT_DUE(index, B, );
    expect_name(index, A, 5, "web");
    settle(index, 6);
    assert_false(container_index_has_due(index));
    expect_name(index, B, 7, NULL); /* nobody knows it */
    assert_false(container_index_has_due(index));
    put(index, C, "told", 8); /* of a list */
    expect_name(index, C, 9, "told");
    assert_false(container_index_has_due(index));
    assert_int_equal(container_index_known(index), 2);
}

static void
test_what_could_not_be_asked_waits_behind(void **state)
{
    (void)state;
    g_autoptr(ContainerIndex) index = container_index_new();
    expect_name(index, A, 1, NULL);
    expect_name(index, B, 1, NULL);
    g_autoptr(GPtrArray) first = container_index_due(index, 1);
    expect_name(index, C, 2, NULL);
    container_index_put_off(index, first);
    EXPECT_DUE(index, B, C, A, );
}

/* A container is renamed, another is told of late. */
static void
test_asked_again_after_a_while(void **state)
{
    (void)state;
    g_autoptr(ContainerIndex) index = container_index_new();
    expect_name(index, B, 1, NULL);
    put(index, A, "old", 1);
    settle(index, 1);
    expect_name(index, A, CONTAINER_INDEX_AGAIN_US, "old");
    expect_name(index, B, CONTAINER_INDEX_AGAIN_US, NULL);
    assert_false(container_index_has_due(index));
    expect_name(index, A, CONTAINER_INDEX_AGAIN_US + 1, "old");
    expect_name(index, B, CONTAINER_INDEX_AGAIN_US + 1, NULL);
    EXPECT_DUE(index, A, B, );
    put(index, A, "new", CONTAINER_INDEX_AGAIN_US + 2);
    settle(index, CONTAINER_INDEX_AGAIN_US + 2);
    expect_name(index, A, CONTAINER_INDEX_AGAIN_US + 3, "new");
    /* It is gone, but samples of it may be on their way. */
    expect_name(index, A, 3 * CONTAINER_INDEX_AGAIN_US, "new");
    settle(index, 3 * CONTAINER_INDEX_AGAIN_US);
    expect_name(index, A, 3 * CONTAINER_INDEX_AGAIN_US + 1, "new");
    assert_int_equal(container_index_known(index), 1);
}

static void
test_a_full_index(void **state)
{
    (void)state;
    g_autoptr(ContainerIndex) index = container_index_new();
    put(index, A, "old", 1);
    for (int i = 1; i < CONTAINER_INDEX_MAX; i++) {
        g_autofree char *id = g_strdup_printf("%064x", i);
        expect_name(index, id, 2, NULL);
    }
    g_autoptr(GPtrArray) due = container_index_due(index, G_MAXUINT);
    assert_int_equal(due->len, CONTAINER_INDEX_MAX - 1);
    put(index, B, "late", 3);
    expect_name(index, B, 3, NULL);
    expect_name(index, A, 3, "old");
    /* All but the last that was seen make room. */
    put(index, B, "late", 2 + CONTAINER_INDEX_KEPT_US);
    expect_name(index, B, 2 + CONTAINER_INDEX_KEPT_US, "late");
    expect_name(index, A, 2 + CONTAINER_INDEX_KEPT_US, "old");
    assert_false(container_index_has_due(index));
    container_index_settle(index, due, 4 + CONTAINER_INDEX_KEPT_US); /* of what is forgotten */
    container_index_put_off(index, due);
    assert_int_equal(container_index_known(index), 2);
    assert_false(container_index_has_due(index));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_seen_is_asked_for),
        cmocka_unit_test(test_what_could_not_be_asked_waits_behind),
        cmocka_unit_test(test_asked_again_after_a_while),
        cmocka_unit_test(test_a_full_index),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
