/* A real program started by a test: its output is kept, waits have a bound, and it never outlives
 * the test. Failures fail the cmocka test and show what the program printed. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

enum { PROGRAM_WAIT_MS = 60 * 1000 }; /* for anything that a healthy program does at once */

typedef struct Program Program;

/* Starts argv[0] (a path, or a name that PATH knows) with standard output and error in one stream.
 * `environment` adds "NAME=VALUE" lines to the test's own; NULL adds none. Variables CRESSET_… of
 * the test itself are not handed down. */
Program *program_start(const char *const *argv, const char *const *environment);
/* Kills the program when it still runs. NULL is allowed. */
void program_free(Program *program);

pid_t program_pid(const Program *program);
bool program_is_running(Program *program);
void program_signal(Program *program, int signal);

/* Waits until the output matches the regular expression and returns its first group (or the whole
 * match); the caller frees. Fails the test after `timeout_ms`, or when the program ends without. */
char *program_wait_for(Program *program, const char *regex, int timeout_ms);
/* Waits for the end and returns the exit status, or 128 + the signal that killed it. Fails the test
 * when the program still runs after `timeout_ms`. */
int program_wait(Program *program, int timeout_ms);
/* What it printed so far; the caller frees. */
char *program_output(Program *program);

/* Runs a program to its end: its exit status, and its output in *ret_output (NULL allowed). */
int program_run(const char *const *argv, const char *const *environment, char **ret_output);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Program, program_free)
