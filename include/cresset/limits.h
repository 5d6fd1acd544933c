/* Every hard limit of the product with its reason. Limits that a user can move are options; these
 * are the defaults and the ceilings behind them. Names in quotes are the Pyroscope limit names. */
#pragma once

/* "max_profile_size_bytes": uncompressed size of one pprof. */
#define CRESSET_PROFILE_BYTES_MAX (4 * 1024 * 1024)
/* "max_profile_stacktrace_samples": samples of one pprof. */
#define CRESSET_PROFILE_SAMPLES_MAX 16000
/* "max_profile_stacktrace_sample_labels": labels of one sample. */
#define CRESSET_SAMPLE_LABELS_MAX 100
/* "max_profile_stacktrace_depth": frames of one stack; leaf-most ones are cut. */
#define CRESSET_STACK_DEPTH_MAX 1000
/* Lines (inlined calls) of one location, and frames that one profile may add to a dataset: what
 * keeps a small profile from unfolding into a huge trie. Real inlining stays below 100 lines. */
#define CRESSET_LOCATION_LINES_MAX 1000
#define CRESSET_PROFILE_FRAMES_MAX (4 * 1024 * 1024)
/* "max_profile_symbol_value_length": bytes of one string; the tail is kept. */
#define CRESSET_SYMBOL_LENGTH_MAX 65535
/* "max_label_names_per_series", "max_label_name_length", "max_label_value_length". */
#define CRESSET_LABEL_NAMES_MAX        30
#define CRESSET_LABEL_NAME_LENGTH_MAX  1024
#define CRESSET_LABEL_VALUE_LENGTH_MAX 2048
/* "ingestion_body_limit_mb": body of one push, uncompressed sizes added up. */
#define CRESSET_PUSH_BODY_BYTES_MAX (256 * 1024 * 1024)
/* "max_flamegraph_nodes_default". */
#define CRESSET_FLAMEGRAPH_NODES_DEFAULT 8192
/* A tenant id is at most 150 bytes of [0-9a-zA-Z!-_.*'()] (Pyroscope, Mimir, Loki agree). */
#define CRESSET_TENANT_LENGTH_MAX 150
