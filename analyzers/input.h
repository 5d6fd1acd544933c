/* Where a cluster is read from, and as of when: what verbs that look at one have in common. */
#pragma once
#include "analyzers/checks/check.h"
#include "analyzers/verb.h"

typedef struct {
    char *input, *now, *cluster;
    int64_t tier;
} InputOptions;

/* Rows of an option table for an InputOptions that is member `field` of `type`. */
#define INPUT_OPTION_ROWS(type, field)                                                             \
    {"input",                                                                                      \
     OPTION_STRING,                                                                                \
     "",                                                                                           \
     0,                                                                                            \
     0,                                                                                            \
     "DIR",                                                                                        \
     "Folder of recorded lists or of dumps (kubectl get -o json or yaml), or one such file.",      \
     offsetof(type, field.input)},                                                                 \
        {"cluster",                                                                                \
         OPTION_STRING,                                                                            \
         "",                                                                                       \
         0,                                                                                        \
         0,                                                                                        \
         "NAME",                                                                                   \
         "Name of the cluster, said in every report.",                                             \
         offsetof(type, field.cluster)},                                                           \
        {"now",                                                                                    \
         OPTION_STRING,                                                                            \
         "",                                                                                       \
         0,                                                                                        \
         0,                                                                                        \
         "TIME",                                                                                   \
         "Time to take for the present one (RFC 3339), as for recordings.",                        \
         offsetof(type, field.now)},                                                               \
    {                                                                                              \
        "tier", OPTION_INT, "2", 1, 3, "N",                                                        \
            "Checks up to this tier; 3 has those that give advice.", offsetof(type, field.tier)    \
    }

/* Fills what the checks want to know; INVALID_ARGUMENT. */
bool input_check_options(const InputOptions *options, CheckOptions *ret_check, GError **error);
/* Reads the cluster; the errors of folder_read. */
bool input_read(const InputOptions *options, Snapshot *snapshot, GError **error);
