#include "tests/unit/agent/discovery/made_pod.h"

#include <string.h>

#include "tests/harness/check.h"

Pod *
made_pod(const char *json)
{
    g_autofree char *text = g_strdelimit(g_strdup(json), "'", '"');
    g_autoptr(Arena) arena = arena_new(1024 * 1024);
    g_autoptr(ValueReader) reader = value_reader_new(arena);
    value_reader_begin(reader, VALUE_JSON);
    assert_true(value_reader_feed(reader, text, strlen(text), NULL));
    const Value *object = value_reader_end(reader, NULL);
    assert_non_null(object);
    return pod_new(object);
}
