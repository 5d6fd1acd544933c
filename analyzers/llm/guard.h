/* What a model may not say: its text is seen by people who act on it, and whoever can write a log
 * line can make it say things. */
#pragma once
#include "analyzers/llm/mask.h"

/* A text of a model, masked as the question was, as it may be shown: one line, with names in place
 * of placeholders, without links, mentions, code marks and Markdown. NULL when it must not be shown
 * at all: it names commands that change something or run what comes from elsewhere, has encoded
 * data, secrets, or hosts and addresses that were not in the question; *ret_why (static) says
 * which. Free with g_free. */
char *guard_text(const Mask *mask, const char *text, const char **ret_why);
