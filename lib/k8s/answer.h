/* What the client itself reads of an answer of the Kubernetes API: of a list how it goes on, of an
 * error what the server says. The objects are the caller's to read. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

enum { ANSWER_MESSAGE_BYTES_MAX = 1024 };

/* The head of a list (metav1.TypeMeta and metav1.ListMeta). */
typedef struct {
    char *kind;           /* "PodList" */
    char *continue_token; /* where the next page begins; NULL: this was the last one */
} ListHead;

/* Reads the head of a page. Most servers put it first: what follows is not read then.
 * INVALID_ARGUMENT when the text is not JSON or no list. */
bool list_head_read(GBytes *body, ListHead *ret_head, GError **error);
void list_head_clear(ListHead *head);

/* An error (metav1.Status), or a text that a proxy or an aggregated API sent instead. */
typedef struct {
    char *reason;  /* "Forbidden"; NULL: not a Status */
    char *message; /* one printable line of at most ANSWER_MESSAGE_BYTES_MAX bytes; never NULL */
} ErrorAnswer;

/* Never fails: what is no Status is the message itself, and nothing is "". */
void error_answer_read(GBytes *body, ErrorAnswer *ret_answer);
void error_answer_clear(ErrorAnswer *answer);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ListHead, list_head_clear)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ErrorAnswer, error_answer_clear)
