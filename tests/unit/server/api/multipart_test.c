#include "server/api/multipart.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const char body[] = "preamble\r\n--XX\r\n"
                           "Content-Disposition: form-data; name=\"profile\"; "
                           "filename=\"profile.pprof\"\r\n"
                           "Content-Type: application/octet-stream\r\n\r\n"
                           "bytes\r\n--X\r\nmore\r\n--XX  \r\n"
                           "content-disposition: form-data; name=text\r\n\r\n"
                           "\r\n--XX\r\n\r\nno headers\r\n--XX--\r\nepilogue";

static void
test_parts_are_found(void **state)
{
    (void)state;
    g_autoptr(GArray) parts = multipart_parse((const uint8_t *)body, sizeof(body) - 1, "XX", NULL);
    assert_non_null(parts);
    assert_int_equal(parts->len, 3);
    const MultipartPart *profile = multipart_find_file(parts, "profile");
    assert_non_null(profile);
    assert_string_equal(profile->filename, "profile.pprof");
    assert_int_equal(profile->size, strlen("bytes\r\n--X\r\nmore"));
    assert_memory_equal(profile->data, "bytes\r\n--X\r\nmore", profile->size);
    assert_null(multipart_find_file(parts, "text"));
    assert_int_equal(g_array_index(parts, MultipartPart, 1).size, 0);
    assert_int_equal(g_array_index(parts, MultipartPart, 2).size, strlen("no headers"));
}

/* Every prefix of a body is an error, and none is read beyond its end. */
static void
test_cut_bodies_are_errors(void **state)
{
    (void)state;
    size_t whole = strstr(body, "--XX--") + 6 - body;
    for (size_t size = 0; size < whole; size++) {
        g_autofree uint8_t *copy = g_memdup2(body, size);
        g_autoptr(GError) error = NULL;
        assert_null(multipart_parse(copy, size, "XX", &error));
        assert_non_null(strstr(error->message, "multipart body"));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts_are_found),
        cmocka_unit_test(test_cut_bodies_are_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
