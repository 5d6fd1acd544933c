/* What a check has found. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "analyzers/collect/snapshot.h"

typedef struct CheckRow CheckRow;

typedef enum {
    SEVERITY_INFO,
    SEVERITY_LOW,
    SEVERITY_MEDIUM,
    SEVERITY_HIGH,
    SEVERITY_CRITICAL,
} Severity;

/* "info" … "critical". */
const char *severity_name(Severity severity);
bool severity_parse(const char *text, Severity *ret_severity);

/* A place to look further. */
typedef struct {
    char *label, *url; /* http or https */
} FindingLink;

/* An object that is not there. */
typedef struct {
    Kind kind;
    char *ns, *name;
} Absence;

typedef struct Finding {
    const CheckRow *check;
    Severity severity;
    const Object *object; /* what is to blame */
    char *what;           /* which part of it, for the fingerprint: a container; "" */
    int64_t since_s;      /* 0: not known */
    char *title, *cause;  /* one line; one to three sentences */
    char *note;           /* what a model says about it, which nobody has verified; NULL: nothing */
    GPtrArray *evidence;  /* char *: facts, most telling first */
    GPtrArray *changes;  /* char *: what was changed shortly before it began: "3 min before: …" */
    GPtrArray *fix;      /* char *: steps; commands as they are typed */
    GPtrArray *links;    /* FindingLink */
    GPtrArray *about;    /* Object that it is about beside `object`: the pods of a Deployment */
    GPtrArray *blamed;   /* Object whose findings are surely its cause */
    GPtrArray *explains; /* Finding that are its consequences */
    Absence *absence;    /* which is its cause; NULL: something else is */
    struct Finding *root; /* the finding that it is a consequence of, or NULL */
    char fingerprint[33]; /* of stable facts: check, object, part */
} Finding;

/* printf to the fields; lines are made printable and bounded. */
void finding_title(Finding *finding, const char *format, ...) G_GNUC_PRINTF(2, 3);
void finding_cause(Finding *finding, const char *format, ...) G_GNUC_PRINTF(2, 3);
void finding_evidence(Finding *finding, const char *format, ...) G_GNUC_PRINTF(2, 3);
void finding_fix(Finding *finding, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* The same for what was changed at `at_s`, before the finding began (since_s, which is known). */
void finding_changed(Finding *finding, int64_t at_s, const char *format, ...) G_GNUC_PRINTF(3, 4);
/* The same for the note; it says nothing about what the finding is. */
void finding_note(Finding *finding, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* The command that shows an object: "kubectl -n shop describe pod web-1". */
void finding_describe(Finding *finding, const Object *object);
/* The URL is copied; each once. */
void finding_link(Finding *finding, const char *label, const char *url);
/* The earlier of what is known and `since_s` (0: not known). */
void finding_since(Finding *finding, int64_t since_s);
/* Also about this object; each once. */
void finding_about(Finding *finding, const Object *object);
/* Its cause is that this object is not there; the last one counts. */
void finding_misses(Finding *finding, Kind kind, const char *ns, const char *name);
/* When the object has a finding, this one is its consequence, whatever their stages. */
void finding_blame(Finding *finding, const Object *object);

/* A check that could not look at what it needs. */
typedef struct {
    const CheckRow *check;
    Kind kind;
    char *ns, *name; /* of the object that was needed; "" for all of the kind */
    char *reason;
} Unverified;

typedef struct {
    GPtrArray *all;        /* Finding: roots and consequences; roots sorted first */
    guint n_roots;         /* the first of `all` */
    GPtrArray *unverified; /* Unverified, sorted */
    GHashTable *log_lines; /* char *: lines of logs that findings have in their texts */
    GHashTable *by_part;   /* Finding, set: the first one of each check, object and part */
} Findings;

Findings *findings_new(void);
void findings_free(Findings *findings);
/* A finding about an object and a part of it ("": the whole), owned by the findings. */
Finding *
findings_add(Findings *findings, const CheckRow *check, const Object *object, const char *what);
/* Keeps only those that `is_kept` says true for. */
typedef bool (*FindingFunc)(const Finding *finding, const void *data);
void findings_filter(Findings *findings, FindingFunc is_kept, const void *data);
/* The one that is there already, or NULL. */
Finding *findings_find(const Findings *findings, const CheckRow *check, const Object *object,
                       const char *what);
/* Says that a check could not see what it needs; each once. */
void findings_unverified(Findings *findings, const CheckRow *check, Kind kind, const char *ns,
                         const char *name, const char *reason);

/* Says that texts may have this line (copied), which comes from a log. */
void findings_log_line(Findings *findings, const char *line);

/* "3 h 4 min": a time span for people; free with g_free. */
char *span_text(int64_t seconds);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Findings, findings_free)
