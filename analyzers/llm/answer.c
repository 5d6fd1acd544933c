#include "analyzers/llm/answer.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/k8s/value.h"

/* Of the tree of one body. */
enum { TREE_BYTES_MAX = 4 * 1024 * 1024 };

static const Value *
read_json(Arena *arena, const void *data, size_t size, GError **error)
{
    g_autoptr(ValueReader) reader = value_reader_new(arena);
    value_reader_begin(reader, VALUE_JSON);
    return value_reader_feed(reader, data, size, error) ? value_reader_end(reader, error) : NULL;
}

char *
answer_content(const void *body, size_t size, GError **error)
{
    g_autoptr(Arena) arena = arena_new(TREE_BYTES_MAX);
    g_autoptr(GError) why = NULL;
    const Value *reply = read_json(arena, body, size, &why);
    const Value *choice = value_first(reply, "choices");
    const char *content = value_text(choice, "message.content");
    if (reply == NULL)
        error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "the endpoint's reply is no JSON");
    else if (value_text(choice, "message.refusal")[0] != '\0')
        error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "the model refused");
    else if (value_is(choice, "finish_reason", "length"))
        error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "the model's answer was cut");
    else if (content[0] == '\0' || strlen(content) > ANSWER_BYTES_MAX)
        error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                  "the endpoint's reply has no text of at most %d bytes in "
                  "choices[0].message.content",
                  ANSWER_BYTES_MAX);
    else
        return g_strdup(content);
    return NULL;
}

static bool
is_text(const Value *map, const char *key, size_t max)
{
    const Value *text = value_get(map, key);
    return text != NULL && text->type == VALUE_TEXT && text->n > 0 && text->n <= max &&
           text->uncut == text->n; /* no NUL in it */
}

bool
answer_parse(const char *content, ModelAnswer *ret_answer, GError **error)
{
    static const char *const levels[] = {"low", "medium", "high"};
    enum { MEMBERS = 3, LEVEL_MAX = 6 };
    g_autoptr(Arena) arena = arena_new(TREE_BYTES_MAX);
    const Value *map = read_json(arena, content, strlen(content), NULL);
    *ret_answer = (ModelAnswer){0};
    if (map == NULL || map->type != VALUE_MAP || map->n != MEMBERS ||
        !is_text(map, "cause", ANSWER_CAUSE_MAX) || !is_text(map, "first_step", ANSWER_STEP_MAX) ||
        !is_text(map, "confidence", LEVEL_MAX))
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "the model's text is not the JSON that was asked for");
    for (size_t i = 0; i < G_N_ELEMENTS(levels); i++) {
        if (value_is(map, "confidence", levels[i]))
            ret_answer->confidence = levels[i];
    }
    if (ret_answer->confidence == NULL)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "the model's confidence is none of low, medium, high");
    ret_answer->cause = g_strdup(value_text(map, "cause"));
    ret_answer->first_step = g_strdup(value_text(map, "first_step"));
    return true;
}

void
answer_clear(ModelAnswer *answer)
{
    g_free(answer->cause);
    g_free(answer->first_step);
    *answer = (ModelAnswer){0};
}
