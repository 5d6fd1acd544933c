#include "analyzers/llm/note.h"

#include <stdio.h>
#include <string.h>

#include "analyzers/llm/answer.h"
#include "analyzers/llm/endpoint.h"
#include "analyzers/llm/guard.h"
#include "analyzers/llm/prompt.h"
#include "analyzers/llm/store.h"
#include "lib/base/error.h"
#include "lib/base/secret_file.h"

enum {
    FAILURES_MAX = 2,   /* in a row: then the run asks no more */
    FINDINGS_MAX = 200, /* that a run looks at: known answers may be there for more than it asks */
    KEY_FILE_BYTES_MIN = 16,
    NS_PER_MS = 1000000,
};

/* One run. */
typedef struct {
    const LlmOptions *options;
    PromptOptions prompt;
    Endpoint *endpoint; /* NULL: there is none, for a dry run */
    Store *store;
    Dictionary *dictionary;
    Mask *mask;
    int64_t calls_left, bytes_left, ms_left, now_s;
    unsigned failures;
    bool is_open; /* the circuit: nobody is asked any more */
    GError *last;
    struct {
        unsigned added, known, blocked, failed, discarded, unasked;
    } n;
} Run;

static void
run_clear(Run *run)
{
    endpoint_free(run->endpoint);
    store_close(run->store);
    mask_free(run->mask);
    dictionary_free(run->dictionary);
    g_clear_error(&run->last);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Run, run_clear)

/* ---- Beginning. ---- */

static bool
check_options(const LlmOptions *options, GError **error)
{
    static const char *const whens[] = {"auto", "always", "never", NULL};
    if (!g_strv_contains(whens, options->log_lines))
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "--llm-log-lines '%s' is none of auto, always, never", options->log_lines);
    return options->url[0] == '\0' || options->model[0] != '\0' ||
           error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "--llm-url needs --llm-model");
}

/* The key as a digest of a file, so that it may be of any form. */
static bool
read_key(const char *file, uint8_t *ret_key, GError **error)
{
    size_t size;
    gsize digest_size = MASK_KEY_BYTES;
    g_autofree char *content = secret_file_read_bytes(file, &size, error);
    if (content == NULL)
        return false;
    if (size < KEY_FILE_BYTES_MIN)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "--llm-mask-key-file %s has fewer than %d bytes", file,
                         KEY_FILE_BYTES_MIN);
    g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);
    g_checksum_update(checksum, (const guchar *)content, (gssize)size);
    g_checksum_get_digest(checksum, ret_key, &digest_size);
    return true;
}

static bool
open_run(Run *run, const Snapshot *snapshot, const char *cluster, GHashTable *log_lines,
         GError **error)
{
    const LlmOptions *options = run->options;
    uint8_t key[MASK_KEY_BYTES];
    if (!check_options(options, error) ||
        (options->url[0] != '\0' &&
         (run->endpoint = endpoint_new(options->url, options->key_file, error)) == NULL) ||
        (run->store = store_open(options->store, error)) == NULL)
        return false;
    memcpy(key, store_key(run->store), sizeof key);
    if (options->mask_key_file[0] != '\0' && !read_key(options->mask_key_file, key, error))
        return false;
    run->dictionary = dictionary_new(snapshot, cluster, !options->images_shown, error);
    if (run->dictionary == NULL)
        return false;
    run->mask = mask_new(run->dictionary, key);
    bool is_near = run->endpoint != NULL && endpoint_is_near(run->endpoint);
    bool with_logs = strcmp(options->log_lines, "always") == 0 ||
                     (strcmp(options->log_lines, "auto") == 0 && is_near);
    run->prompt = (PromptOptions){options->model, options->language, with_logs, log_lines};
    return true;
}

/* ---- Asking. ---- */

static void
remember_error(Run *run, GError *error)
{
    g_clear_error(&run->last);
    run->last = error;
}

static bool
may_ask(const Run *run, const Prompt *prompt)
{
    return !run->is_open && run->calls_left > 0 && run->ms_left > 0 &&
           run->bytes_left >= (int64_t)g_bytes_get_size(prompt->body);
}

/* A line of the log for each call, with the hash of what is sent. */
static void
say_sent(const Run *run, const Finding *finding, GBytes *body)
{
    g_autofree char *hash = g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, body);
    (void)fprintf(stderr,
                  "cresset-analyzer: llm-sent: %zu bytes to %s, model %s, about finding %s, sha256 "
                  "%s\n",
                  g_bytes_get_size(body), endpoint_url(run->endpoint), run->options->model,
                  finding->fingerprint, hash);
}

/* The model's text, or NULL. */
static char *
ask(Run *run, const Prompt *prompt)
{
    g_autoptr(GBytes) reply = NULL;
    GError *error = NULL;
    bool is_final;
    int64_t begin_us = g_get_monotonic_time();
    bool ok = endpoint_ask(run->endpoint, prompt->body, MIN(run->ms_left, ENDPOINT_TIMEOUT_MS),
                           &reply, &is_final, &error);
    run->ms_left -= (g_get_monotonic_time() - begin_us) / 1000 + 1;
    run->failures = ok ? 0 : run->failures + 1;
    run->is_open = !ok && (is_final || run->failures >= FAILURES_MAX);
    if (!ok) {
        run->n.failed++;
        remember_error(run, error);
        return NULL;
    }
    gsize size;
    const void *body = g_bytes_get_data(reply, &size);
    char *content = answer_content(body, size, &error);
    if (content == NULL) {
        run->n.discarded++;
        remember_error(run, error);
    }
    return content;
}

/* ---- Taking. ---- */

/* False when the answer is not one that may be shown. */
static bool
take(Run *run, Finding *finding, const char *content)
{
    g_auto(ModelAnswer) answer = {0};
    GError *error = NULL;
    const char *why = NULL;
    if (!answer_parse(content, &answer, &error)) {
        remember_error(run, error);
        return false;
    }
    g_autofree char *cause = guard_text(run->mask, answer.cause, &why);
    g_autofree char *step = cause != NULL ? guard_text(run->mask, answer.first_step, &why) : NULL;
    if (step == NULL) {
        error_set(&error, CRESSET_ERROR_PERMISSION_DENIED, "the model's answer has %s", why);
        remember_error(run, error);
        return false;
    }
    finding_note(finding, "%s First: %s (confidence: %s)", cause, step, answer.confidence);
    return true;
}

/* Whether the budget and the contents allow to send it; a leak takes a call too, as to look for one
 * takes time. */
static bool
may_send(Run *run, const Prompt *prompt)
{
    if (!may_ask(run, prompt)) {
        run->n.unasked++;
        return false;
    }
    run->calls_left--;
    if (mask_find_leak(run->mask, prompt->told) != NULL) {
        run->n.blocked++;
        return false;
    }
    run->bytes_left -= (int64_t)g_bytes_get_size(prompt->body);
    return true;
}

static void
add_note(Run *run, Finding *finding, const Prompt *prompt)
{
    g_autofree char *known = store_find(run->store, prompt->question, run->now_s);
    if (known != NULL && take(run, finding, known)) {
        run->n.added++;
        run->n.known++;
        return;
    }
    if (!may_send(run, prompt))
        return;
    say_sent(run, finding, prompt->body);
    g_autofree char *content = ask(run, prompt);
    if (content == NULL)
        return;
    if (!take(run, finding, content)) {
        run->n.discarded++;
        return;
    }
    run->n.added++;
    store_put(run->store, prompt->question, content, run->now_s);
}

static void
print_body(Run *run, const Prompt *prompt)
{
    gsize size;
    const char *body = g_bytes_get_data(prompt->body, &size);
    if (!may_send(run, prompt))
        return;
    (void)fwrite(body, 1, size, stdout);
    (void)putchar('\n');
}

static void
say_result(const Run *run, bool is_dry)
{
    if (is_dry)
        (void)fprintf(stderr, "cresset-analyzer: this would be sent to %s",
                      run->endpoint != NULL ? endpoint_url(run->endpoint) : "--llm-url");
    else
        (void)fprintf(
            stderr,
            "cresset-analyzer: notes of the model: %u, of them %u known; %u calls failed, "
            "%u answers discarded",
            run->n.added, run->n.known, run->n.failed, run->n.discarded);
    (void)fprintf(stderr,
                  "; not sent: %u for a leak (llm_blocked_leak), %u beyond the budget%s%s\n",
                  run->n.blocked, run->n.unasked, run->last != NULL ? "; the last: " : "",
                  run->last != NULL ? run->last->message : "");
}

/* A store that is damaged or locked, or too many names: findings are told all the same. */
static bool
can_do_without(const GError *error)
{
    return g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_DATA_LOSS) ||
           g_error_matches(error, CRESSET_ERROR, CRESSET_ERROR_RESOURCE_EXHAUSTED);
}

bool
notes_add(const LlmOptions *options, const Snapshot *snapshot, const char *cluster,
          Findings *findings, bool is_dry, GError **error)
{
    if (options->url[0] == '\0' && !is_dry)
        return true;
    g_auto(Run) run = {.options = options,
                       .calls_left = options->calls,
                       .bytes_left = options->bytes,
                       .ms_left = options->time_ns / NS_PER_MS,
                       .now_s = g_get_real_time() / G_USEC_PER_SEC};
    g_autoptr(GError) why = NULL;
    if (!open_run(&run, snapshot, cluster, findings->log_lines, &why)) {
        if (is_dry || !can_do_without(why)) {
            g_propagate_error(error, g_steal_pointer(&why));
            return false;
        }
        (void)fprintf(stderr, "cresset-analyzer: no notes of the model: %s\n", why->message);
        return true;
    }
    guint n = MIN(findings->n_roots, FINDINGS_MAX);
    run.n.unasked = findings->n_roots - n;
    for (guint i = 0; i < n; i++) {
        g_auto(Prompt) prompt = {0};
        prompt_make(run.mask, findings->all->pdata[i], &run.prompt, &prompt);
        if (is_dry)
            print_body(&run, &prompt);
        else
            add_note(&run, findings->all->pdata[i], &prompt);
    }
    say_result(&run, is_dry);
    return true;
}
