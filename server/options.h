/* The options of cresset-server, as one table: flags, environment, configuration file and help. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/base/option.h"

typedef struct {
    char *listen, *data_dir, *multitenancy, *log_level, *log_format;
    int64_t workers;
    int64_t seal_bytes, seal_age_ns;
    int64_t profile_bytes_max, samples_max, sample_labels_max, stack_depth_max, symbol_length_max;
    int64_t label_names_max, label_name_length_max, label_value_length_max;
    int64_t body_limit_mb, reject_older_ns, reject_newer_ns;
    int64_t query_lookback_ns, query_length_ns, nodes_default, nodes_max;
    int64_t connections_max, connections_per_ip_max, idle_timeout_ns, body_memory_bytes;
    int64_t shutdown_timeout_ns;
    bool self_profile;
} ServerOptions;

extern const OptionTable server_option_table;

/* Checks the values that are words; INVALID_ARGUMENT names the option. */
bool server_options_check(const ServerOptions *options, GError **error);
