/* A cluster over several runs, and what is told of it: the fixture of tests of the state. */
#pragma once
#include "analyzers/state/state.h"
#include "tests/harness/temp_dir.h"

#define POD(name, map)                                                                             \
    "---\n"                                                                                        \
    "apiVersion: v1\n"                                                                             \
    "kind: Pod\n"                                                                                  \
    "metadata: {namespace: shop, name: " name "}\n"                                                \
    "spec: {nodeName: n1, containers: [{name: app, envFrom: [{configMapRef: {name: " map           \
    "}}]}]}\n"                                                                                     \
    "status: {phase: Pending}\n"
#define MAP(name)                                                                                  \
    "---\n"                                                                                        \
    "apiVersion: v1\n"                                                                             \
    "kind: ConfigMap\n"                                                                            \
    "metadata: {namespace: shop, name: " name "}\n"

enum { MINUTE_S = 60, HOUR_S = 3600 };

typedef struct {
    TempDir *dir;
    char *path;
    State *state;
    int64_t now_s;
    bool are_folded;   /* all findings */
    const char *note;  /* of all findings; NULL: none */
    Severity severity; /* of all findings; SEVERITY_INFO: their own */
    bool are_none;     /* receivers */
    bool are_two;      /* receivers hear of it, not only ops */
    int64_t hold_s;    /* how long ops is not to be told of what is milder than high */
} Story;

extern Story story;

/* Before and after each test. */
int story_begin(void **unused);
int story_end(void **unused);

/* Another process goes on. */
void story_reopen(void);
/* One run over a cluster, so many seconds later; `failed` is a kind that cannot be listed. */
void story_run_failing(const char *yaml, int64_t later_s, Kind failed);
void story_run(const char *yaml, int64_t later_s);
/* What ops, or a receiver, is to be told now, which it then was: "new web, resolved pay". */
void story_expect_told(const char *wanted);
void story_expect_told_to(const char *receiver, const char *wanted);
