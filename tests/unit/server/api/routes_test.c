/* docs/reference/openapi.yaml and the route table name the same paths. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <yaml.h>

#include "server/api/api.h"

static yaml_node_t *
member(yaml_document_t *document, const yaml_node_t *mapping, const char *name)
{
    for (yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;
         pair < mapping->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(document, pair->key);
        if (strcmp((const char *)key->data.scalar.value, name) == 0)
            return yaml_document_get_node(document, pair->value);
    }
    return NULL;
}

/* "GET /path" of an operation; a parameter at the end of the path is '*', as in the route table. */
static char *
operation_of(const char *method, const char *path)
{
    g_autofree char *upper = g_ascii_strup(method, -1);
    const char *parameter = strchr(path, '{');
    int length = (int)(parameter != NULL ? (size_t)(parameter - path) : strlen(path));
    return g_strdup_printf("%s %.*s%s", upper, length, path, parameter != NULL ? "*" : "");
}

/* Adds every operation. */
static void
add_operations(yaml_document_t *document, const yaml_node_t *paths, GHashTable *operations)
{
    for (yaml_node_pair_t *path = paths->data.mapping.pairs.start;
         path < paths->data.mapping.pairs.top; path++) {
        const yaml_node_t *name = yaml_document_get_node(document, path->key);
        const yaml_node_t *methods = yaml_document_get_node(document, path->value);
        for (yaml_node_pair_t *pair = methods->data.mapping.pairs.start;
             pair < methods->data.mapping.pairs.top; pair++) {
            const yaml_node_t *method = yaml_document_get_node(document, pair->key);
            g_hash_table_add(operations, operation_of((const char *)method->data.scalar.value,
                                                      (const char *)name->data.scalar.value));
        }
    }
}

static GHashTable *
described_operations(void)
{
    g_autofree char *text = NULL;
    gsize size;
    assert_true(
        g_file_get_contents(CRESSET_SOURCE_DIR "/docs/reference/openapi.yaml", &text, &size, NULL));
    yaml_parser_t parser;
    yaml_document_t document;
    assert_true(yaml_parser_initialize(&parser));
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
    assert_true(yaml_parser_load(&parser, &document));
    GHashTable *operations = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    const yaml_node_t *paths = member(&document, yaml_document_get_root_node(&document), "paths");
    assert_non_null(paths);
    add_operations(&document, paths, operations);
    yaml_document_delete(&document);
    yaml_parser_delete(&parser);
    return operations;
}

static void
test_every_route_is_described(void **state)
{
    (void)state;
    g_autoptr(GHashTable) described = described_operations();
    size_t n;
    const HttpRoute *routes = api_routes(&n);
    for (size_t i = 0; i < n; i++) {
        /* A family, or what is not offered, need not be described. */
        bool is_prefix = strchr(routes[i].path, '*') != NULL;
        g_autofree char *operation = g_strdup_printf("%s %s", routes[i].method, routes[i].path);
        if (!g_hash_table_remove(described, operation) && !is_prefix)
            fail_msg("openapi.yaml lacks %s", operation);
    }
    GHashTableIter iter;
    void *operation;
    g_hash_table_iter_init(&iter, described);
    if (g_hash_table_iter_next(&iter, &operation, NULL))
        fail_msg("openapi.yaml has %s, which is not served", (const char *)operation);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_route_is_described),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
