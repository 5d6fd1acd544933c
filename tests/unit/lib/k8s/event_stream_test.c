/* Events of a watch in pieces of any size. */
#include "lib/k8s/event_stream.h"

#include <string.h>

#include "lib/base/error.h"
#include "tests/harness/check.h"

#define POD(name) "{\"metadata\":{\"name\":\"" name "\",\"resourceVersion\":\"7\"}}"

static const char EVENTS[] = "{\"type\":\"ADDED\",\"object\":" POD(
    "a") "}\n"
         "\n{\"type\":\"MODIFIED\",\"object\":" POD(
             "b\\n") "}\r\n"
                     "{\"object\":" POD(
                         "c") ",\"type\":\"DELETED\"}\n"
                              "{\"type\":\"BOOKMARK\",\"object\":" POD(
                                  "") "}\n"
                                      "{\"type\":\"ERROR\",\"object\":{\"code\":410}}\n";

/* Notes events as "TYPE NAME;". */
static bool
note_event(const Event *event, void *user, GError **error)
{
    GString *notes = user;
    g_string_append_printf(notes, "%d %s;", (int)event->type,
                           value_text(event->object, "metadata.name"));
    if (event->type == EVENT_ERROR)
        return error_set(error, CRESSET_ERROR_ABORTED, "the caller ends it");
    return true;
}

static void
test_pieces_of_every_size(void **state)
{
    (void)state;
    size_t size = strlen(EVENTS);
    for (size_t piece = 1; piece <= size; piece++) {
        g_autoptr(GString) notes = g_string_new(NULL);
        g_autoptr(EventStream) stream = event_stream_new(note_event, notes);
        g_autoptr(GError) error = NULL;
        bool goes_on = true;
        for (size_t at = 0; at < size && goes_on; at += piece)
            goes_on = event_stream_feed(stream, EVENTS + at, MIN(piece, size - at), &error);
        assert_false(goes_on);
        assert_error_says(error, "the caller ends it");
        assert_string_equal(notes->str, "0 a;1 b\n;2 c;3 ;4 ;");
    }
}

static void
test_whether_it_may_end(void **state)
{
    (void)state;
    g_autoptr(GString) notes = g_string_new(NULL);
    g_autoptr(EventStream) stream = event_stream_new(note_event, notes);
    assert_true(event_stream_is_between(stream));
    assert_true(event_stream_feed(stream, EVENTS, 10, NULL));
    assert_false(event_stream_is_between(stream));
    size_t first = strcspn(EVENTS, "\n") + 1;
    assert_true(event_stream_feed(stream, EVENTS + 10, first - 10, NULL));
    assert_true(event_stream_is_between(stream));
}

static void
test_what_is_no_event(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"<html>\n", "event 1 of the watch: not valid JSON"},
        {"{\"type\":\"ADDED\",\n", "event 1 of the watch: not valid JSON"},
        {"[]\n", "the field type is none of"},
        {"{\"type\":\"RENAMED\",\"object\":{}}\n", "the field type is none of"},
        {"{\"type\":\"ADDED\"}\n", "the field object is no object"},
        {"{\"type\":\"ADDED\",\"object\":7}\n", "the field object is no object"},
        {"{\"type\":\"ADDED\",\"object\":{}}\n{\"type\":\"ADDED\",\"object\":{}} x\n",
         "event 2 of the watch: not valid JSON"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GString) notes = g_string_new(NULL);
        g_autoptr(EventStream) stream = event_stream_new(note_event, notes);
        g_autoptr(GError) error = NULL;
        assert_false(event_stream_feed(stream, cases[i].text, strlen(cases[i].text), &error));
        assert_error_says(error, cases[i].message);
    }
}

static void
test_an_event_without_end(void **state)
{
    (void)state;
    g_autoptr(GString) notes = g_string_new(NULL);
    g_autoptr(EventStream) stream = event_stream_new(note_event, notes);
    g_autoptr(GError) error = NULL;
    static const char head[] = "{\"type\":\"ADDED\",\"object\":{\"a\":[";
    g_autoptr(GString) numbers = g_string_new(NULL);
    while (numbers->len < 1024 * 1024)
        g_string_append(numbers, "        1,");
    bool goes_on = event_stream_feed(stream, head, strlen(head), NULL);
    size_t fed = 0;
    for (; goes_on && fed < 2 * (size_t)EVENT_BYTES_MAX; fed += numbers->len)
        goes_on = event_stream_feed(stream, numbers->str, numbers->len, &error);
    assert_false(goes_on);
    assert_true(fed <= (size_t)EVENT_BYTES_MAX + numbers->len);
    assert_int_equal(error->code, CRESSET_ERROR_RESOURCE_EXHAUSTED);
}

/* Memory is used again: many events, each a third of what one may take. */
static void
test_many_large_events(void **state)
{
    (void)state;
    g_autoptr(GString) notes = g_string_new(NULL);
    g_autoptr(EventStream) stream = event_stream_new(note_event, notes);
    g_autofree char *padding = g_strnfill(EVENT_BYTES_MAX / 3, ' ');
    g_autofree char *event = g_strdup_printf(
        "{\"type\":\"ADDED\",%s\"object\":{\"metadata\":{\"name\":\"x\"}}}\n", padding);
    for (int i = 0; i < 12; i++)
        assert_true(event_stream_feed(stream, event, strlen(event), NULL));
    assert_int_equal(notes->len, 12 * strlen("0 x;"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces_of_every_size), cmocka_unit_test(test_whether_it_may_end),
        cmocka_unit_test(test_what_is_no_event),     cmocka_unit_test(test_an_event_without_end),
        cmocka_unit_test(test_many_large_events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
