/* Takes secrets out of text that people or programs elsewhere are to see: what cannot be undone. */
#pragma once
#include <glib.h>
#include <stdbool.h>

/* Longer texts are cut there: what follows is not looked at, so it is left out. */
enum { REDACT_BYTES_MAX = 64 * 1024 };

/* A copy of `text`, as valid UTF-8, with "[redacted]" in place of keys, certificates, tokens,
 * values of passwords and the like, credentials in URLs, addresses of mail, numbers of cards and
 * long random texts; digests are cut short. By patterns: a secret in a form of its own gets
 * through. Takes time in proportion to the text; where a pattern needs more, all of the text is
 * taken out. Doing it again changes nothing. Free with g_free. */
char *redact(const char *text);
/* The same for what spans several lines, keys and certificates in PEM, of a text whose lines are
 * looked at one by one: a block becomes "[redacted]" on the line where it begins. A text of any
 * length. */
char *redact_blocks(const char *text);
