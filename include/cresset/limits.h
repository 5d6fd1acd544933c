/* Hard limits of the product with their reasons. Limits that a user can move are options; those of
 * a tenant stand in server/tenant/limits.h. Names in quotes are the Pyroscope limit names. */
#pragma once

/* Lines (inlined calls) of one location, and frames that one profile may add to a dataset: what
 * keeps a small profile from unfolding into a huge trie. Real inlining stays below 100 lines. */
#define CRESSET_LOCATION_LINES_MAX 1000
#define CRESSET_PROFILE_FRAMES_MAX (4 * 1024 * 1024)
/* What servers take by default: "max_label_names_per_series", "max_label_name_length",
 * "max_label_value_length". */
#define CRESSET_LABEL_NAMES_MAX        30
#define CRESSET_LABEL_NAME_LENGTH_MAX  1024
#define CRESSET_LABEL_VALUE_LENGTH_MAX 2048
/* A tenant id is at most 150 bytes of [0-9a-zA-Z!-_.*'()] (Pyroscope, Mimir, Loki agree). */
#define CRESSET_TENANT_LENGTH_MAX 150
/* Debug files of one tenant, announced ones counted: each is a folder, and all are looked through
 * when one more is announced. A cluster has some hundred distinct executables and libraries. */
#define CRESSET_DEBUG_FILES_MAX 4096
/* A profile of which deltas are made, uncompressed, and its samples. The largest heap profiles of
 * Go programs have some 10 MB and 100,000 samples. */
#define CRESSET_DELTA_BYTES_MAX   (64 * 1024 * 1024)
#define CRESSET_DELTA_SAMPLES_MAX 1000000
