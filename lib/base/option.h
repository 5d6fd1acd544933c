/* Options of a program, declared once as table rows.
 *
 * From one row come the command-line flag `--data-dir DIR`, the environment variable
 * CRESSET_DATA_DIR, the YAML key `data-dir`, the line in --help and the line in docs/reference.
 * Precedence: command line, environment, file, default. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
    OPTION_STRING,   /* char * */
    OPTION_LIST,     /* GStrv; the flag may be repeated, the environment separates by commas */
    OPTION_BOOL,     /* bool; --flag, --flag=false */
    OPTION_INT,      /* int64_t, within min and max */
    OPTION_DOUBLE,   /* double, within min and max */
    OPTION_BYTES,    /* int64_t bytes; "64MiB", "4096" */
    OPTION_DURATION, /* int64_t nanoseconds; "15s", "1h30m", a bare number is seconds */
} OptionType;

typedef struct {
    const char *name; /* "data-dir" */
    OptionType type;
    const char *default_text; /* parsed like a value from the file; NULL is empty or zero */
    double min, max;          /* of numbers, in the stored unit; both 0 means unbounded */
    const char *argument;     /* "DIR", shown in --help */
    const char *help;         /* one sentence */
    size_t offset;            /* of the field in the program's configuration struct */
} OptionRow;

typedef struct {
    const char *program; /* "cresset-server" */
    const char *summary; /* one sentence */
    const OptionRow *rows;
    size_t n_rows;
    const char *const *secrets; /* names of options whose values nobody is shown, NULL at the end;
                                 * or NULL */
} OptionTable;

typedef enum {
    OPTION_RUN,   /* the configuration is complete */
    OPTION_DONE,  /* --help, --version or --help-markdown was printed; exit 0 */
    OPTION_ERROR, /* *error says what is wrong and names the nearest right option; exit 2 */
} OptionResult;

/* Fills `config` (zeroed by the caller) from defaults, the YAML file given by --config or
 * CRESSET_CONFIG, the environment and `argv`. An unknown flag or key is an error. */
OptionResult
option_parse(const OptionTable *table, int argc, char **argv, void *config, GError **error);
/* Sets every option to its default; `config` must be zeroed. INVALID_ARGUMENT for a bad table. */
bool option_set_defaults(const OptionTable *table, void *config, GError **error);
/* Frees what option_parse or option_set_defaults stored in `config`. */
void option_clear(const OptionTable *table, void *config);

/* Parses "1h30m", "15s", "500ms", "7d" or a bare number of seconds into nanoseconds. */
bool option_parse_duration(const char *text, int64_t *ret_ns, GError **error);
/* The same text of a duration, in the largest unit that divides it: "90m"; 0 is "0s". */
char *option_duration_text(int64_t ns);
/* Parses "64MiB", "4k", "1GB" or a bare number into bytes (k, M, G and Ki, Mi, Gi are 1024-based
 * with the i and 1000-based without). */
bool option_parse_bytes(const char *text, int64_t *ret_bytes, GError **error);
