#include "web/assets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void
test_index_is_html(void **state)
{
    (void)state;
    const WebAsset *asset = web_assets_find("index.html");
    assert_non_null(asset);
    assert_string_equal(asset->path, "index.html");
    assert_string_equal(asset->content_type, "text/html; charset=utf-8");
    assert_false(asset->immutable);
    assert_true(asset->form[WEB_IDENTITY].size > 100);
    assert_memory_equal(asset->form[WEB_IDENTITY].bytes, "<!doctype html>", 15);
    assert_int_equal(strlen(asset->etag), 34);
    assert_int_equal(asset->etag[0], '"');
    assert_ptr_equal(asset, web_assets_find("index.html"));
}

static void
test_unknown_paths(void **state)
{
    (void)state;
    static const char *const paths[] = {"",          "/",       "/index.html",   "../index.html",
                                        "assets",    "assets/", "index.html.gz", "index.html.br",
                                        "nothing.js"};
    for (size_t i = 0; i < G_N_ELEMENTS(paths); i++)
        assert_null(web_assets_find(paths[i]));
}

static void
test_favicon_exists(void **state)
{
    (void)state;
    const WebAsset *asset = web_assets_find("favicon.svg");
    assert_non_null(asset);
    assert_string_equal(asset->content_type, "image/svg+xml");
}

static void
test_choose(void **state)
{
    (void)state;
    WebAsset asset = {.form = {{"abc", 3}, {"ab", 2}, {"a", 1}}};
    static const struct {
        const char *header;
        WebEncoding expected;
    } cases[] = {
        {NULL, WEB_IDENTITY},
        {"", WEB_IDENTITY},
        {"gzip, deflate, br, zstd", WEB_BROTLI},
        {"gzip", WEB_GZIP},
        {"GZIP;q=0.5", WEB_GZIP},
        {"br;q=0, gzip", WEB_GZIP},
        {"br;q=0.2, gzip;q=0.9", WEB_GZIP},
        {"br ; q=0 , gzip; q=0", WEB_IDENTITY},
        {"*", WEB_BROTLI},
        {"*;q=0", WEB_IDENTITY},
        {"br;q=0, *", WEB_GZIP},
        {"deflate", WEB_IDENTITY},
        {"br;q=nonsense", WEB_IDENTITY},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
        assert_int_equal(web_assets_choose(&asset, cases[i].header), cases[i].expected);
    WebAsset plain = {.form = {{"abc", 3}}};
    assert_int_equal(web_assets_choose(&plain, "gzip, br"), WEB_IDENTITY);
    assert_string_equal(web_encoding_name(WEB_BROTLI), "br");
    assert_null(web_encoding_name(WEB_IDENTITY));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_index_is_html),
        cmocka_unit_test(test_unknown_paths),
        cmocka_unit_test(test_favicon_exists),
        cmocka_unit_test(test_choose),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
