#include "lib/base/yaml_field.h"

#include <string.h>

#include "tests/harness/check.h"

typedef struct {
    char *name;
    GStrv places;
    bool is_open;
    GHashTable *labels;
} Shop;

static const YamlField fields[] = {
    {"name", yaml_read_text, offsetof(Shop, name)},
    {"places", yaml_read_texts, offsetof(Shop, places)},
    {"is-open", yaml_read_bool, offsetof(Shop, is_open)},
    {"labels", yaml_read_texts_by_key, offsetof(Shop, labels)},
};

static void
shop_clear(Shop *shop)
{
    g_free(shop->name);
    g_strfreev(shop->places);
    g_clear_pointer(&shop->labels, g_hash_table_unref);
}

static bool
read_shop(const char *text, Shop *shop, GError **error)
{
    g_autoptr(YamlTree) tree = yaml_tree_parse(text, strlen(text), "shop.yaml", error);
    *shop = (Shop){0};
    return yaml_read_fields(tree, yaml_tree_root(tree), "a shop", fields, G_N_ELEMENTS(fields),
                            shop, error);
}

static void
test_every_type_is_read(void **state)
{
    (void)state;
    Shop shop;
    g_autoptr(GError) error = NULL;
    assert_true(read_shop("name: corner\nplaces: [one, two]\nis-open: true\nlabels: {team: pay}\n",
                          &shop, &error));
    assert_string_equal(shop.name, "corner");
    assert_int_equal(g_strv_length(shop.places), 2);
    assert_true(shop.is_open);
    assert_string_equal(g_hash_table_lookup(shop.labels, "team"), "pay");
    shop_clear(&shop);
    assert_true(read_shop("name:\nplaces: one\n", &shop, &error));
    assert_null(shop.name);
    assert_string_equal(shop.places[0], "one");
    shop_clear(&shop);
}

static void
test_errors_name_line_and_key(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"name: a\nplaec: b\n", "shop.yaml:2: a shop: there is no key 'plaec', did you mean place"},
        {"name: a\nx: b\n", "shop.yaml:2: a shop: there is no key 'x', it is none of name, places"},
        {"name: ''\n", "shop.yaml:1: name is empty"},
        {"\nis-open: yes\n", "shop.yaml:2: is-open: 'yes' is neither true nor false"},
        {"labels: {a: [b]}\n", "shop.yaml:1: "},
        {"[a]\n", "a shop"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        Shop shop;
        g_autoptr(GError) error = NULL;
        assert_false(read_shop(cases[i].text, &shop, &error));
        assert_contains(error->message, cases[i].words);
        shop_clear(&shop);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_type_is_read),
        cmocka_unit_test(test_errors_name_line_and_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
