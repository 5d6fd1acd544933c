/* What a model answers, and what of it is taken: {"cause", "first_step", "confidence"}, no more. */
#pragma once
#include <glib.h>
#include <stdbool.h>

enum {
    ANSWER_BYTES_MAX = 8 * 1024, /* of the model's text */
    ANSWER_CAUSE_MAX = 600,
    ANSWER_STEP_MAX = 300,
};

typedef struct {
    char *cause, *first_step;
    const char *confidence; /* "low", "medium" or "high" */
} ModelAnswer;

/* The model's text in a body of /v1/chat/completions; free with g_free. NULL with INVALID_ARGUMENT
 * when there is none, it was cut, or the model refused. */
char *answer_content(const void *body, size_t size, GError **error);
/* The answer in the model's text. False with INVALID_ARGUMENT for anything but one JSON object with
 * exactly these members, within their lengths. */
bool answer_parse(const char *content, ModelAnswer *ret_answer, GError **error);
void answer_clear(ModelAnswer *answer);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ModelAnswer, answer_clear)
