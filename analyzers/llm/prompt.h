/* What a model is asked about one finding. */
#pragma once
#include "analyzers/checks/finding.h"
#include "analyzers/llm/mask.h"

enum {
    PROMPT_VERSION = 2, /* raised when the words change: answers to others are not taken */
    PROMPT_LINES_MAX = 10,
    PROMPT_LINE_MAX = 300, /* bytes */
};

typedef struct {
    const char *model, *language;
    bool with_logs;        /* else "[log line]" stands for them */
    GHashTable *log_lines; /* of the findings */
} PromptOptions;

typedef struct {
    GBytes *body;   /* of the request: JSON */
    char *told;     /* all in it that is not of this program: what must not leak */
    char *question; /* tells equal questions, which differ in numbers at most: SHA-256 */
} Prompt;

/* Foreign text is only in the user's message, masked, between two marks that it cannot know; the
 * system's message has the rules. */
void
prompt_make(Mask *mask, const Finding *finding, const PromptOptions *options, Prompt *ret_prompt);
void prompt_clear(Prompt *prompt);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Prompt, prompt_clear)
