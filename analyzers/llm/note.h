/* Notes of a model under findings: off by default. They say nothing about what a finding is: its
 * severity, its place and its fingerprint stay as they are. */
#pragma once
#include "analyzers/checks/check.h"
#include "lib/base/option.h"

typedef struct {
    char *url, *model, *key_file, *log_lines, *language, *store, *mask_key_file;
    int64_t calls, bytes, time_ns;
    bool images_shown;
} LlmOptions;

#define LLM_ROW(name, type, default_text, min, max, argument, help, place)                         \
    {                                                                                              \
        name, type, default_text, min, max, argument, help, place                                  \
    }
/* Rows of an option table for an LlmOptions that is member `field` of `type`. */
#define LLM_OPTION_ROWS(type, field)                                                               \
    LLM_ROW(                                                                                       \
        "llm-url", OPTION_STRING, "", 0, 0, "URL",                                                 \
        "Endpoint with the API of OpenAI's chat completions, as http://localhost:11434/v1, for "   \
        "notes of a model under findings; none: nothing is sent.",                                 \
        offsetof(type, field.url)),                                                                \
        LLM_ROW("llm-model", OPTION_STRING, "", 0, 0, "NAME", "Name of the model there.",          \
                offsetof(type, field.model)),                                                      \
        LLM_ROW("llm-key-file", OPTION_STRING, "", 0, 0, "FILE",                                   \
                "File that has the key of the endpoint; none: it wants none.",                     \
                offsetof(type, field.key_file)),                                                   \
        LLM_ROW("llm-log-lines", OPTION_STRING, "auto", 0, 0, "WHEN",                              \
                "Whether lines of logs are sent: auto (only to what is on this machine, in the "   \
                "cluster or in a private network), always or never.",                              \
                offsetof(type, field.log_lines)),                                                  \
        LLM_ROW("llm-show-images", OPTION_BOOL, "false", 0, 0, NULL,                               \
                "Send the names of images as they are.", offsetof(type, field.images_shown)),      \
        LLM_ROW("llm-language", OPTION_STRING, "English", 0, 0, "NAME", "Language of the notes.",  \
                offsetof(type, field.language)),                                                   \
        LLM_ROW("llm-calls", OPTION_INT, "10", 0, 1000, "N", "Calls of one run.",                  \
                offsetof(type, field.calls)),                                                      \
        LLM_ROW("llm-bytes", OPTION_BYTES, "32KiB", 0, 0, "SIZE",                                  \
                "Bytes that one run sends; a token is about four.", offsetof(type, field.bytes)),  \
        LLM_ROW("llm-time", OPTION_DURATION, "1m", 0, 0, "TIME",                                   \
                "Time that one run waits for answers in all; 20 s for one.",                       \
                offsetof(type, field.time_ns)),                                                    \
        LLM_ROW("llm-store", OPTION_STRING, "cresset-analyzer-llm.sqlite", 0, 0, "FILE",           \
                "Answers of the last seven days and the key of the placeholders; to be kept "      \
                "between runs.",                                                                   \
                offsetof(type, field.store)),                                                      \
        LLM_ROW("llm-mask-key-file", OPTION_STRING, "", 0, 0, "FILE",                              \
                "File with a key of the placeholders instead, of 16 bytes or more.",               \
                offsetof(type, field.mask_key_file))

/* Adds notes to root findings, the worst first, as far as the budget of the run goes, and says on
 * stderr in one line how many, and what became of the others, and in a line for each call the
 * SHA-256 of what it sends; nothing without --llm-url. With
 * `is_dry` it prints the bodies that would be sent instead, a line each, without looking for known
 * answers, and sends nothing. What goes wrong with the endpoint, and a damaged store, leave
 * findings as they are; false is for options: INVALID_ARGUMENT, or why their files cannot be
 * opened. */
bool notes_add(const LlmOptions *options, const Snapshot *snapshot, const char *cluster,
               Findings *findings, bool is_dry, GError **error);
