/* The profile model: what the pprof decoder fills and what everything behind it reads.
 *
 * All arrays live in the arena that the decoder was given; strings point into the decoded (raw,
 * uncompressed) input, so the input must outlive the profile. Identifiers of the wire format are
 * resolved: a sample names locations, a line names a function and a location names a mapping by
 * position in these arrays. Format: github.com/google/pprof/proto/profile.proto. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define PROFILE_NONE UINT32_MAX /* "no mapping" and the like */

typedef struct {
    const char *data; /* valid UTF-8, not NUL-terminated */
    uint32_t length;
} ProfileString;

typedef struct {
    uint32_t type, unit; /* strings */
} ProfileValueType;

typedef struct {
    uint64_t id, start, limit, offset;
    uint32_t filename, build_id; /* strings */
    bool has_functions, has_filenames, has_line_numbers, has_inline_frames;
} ProfileMapping;

typedef struct {
    uint64_t id;
    uint32_t name, system_name, filename; /* strings */
    int64_t start_line;
} ProfileFunction;

typedef struct {
    uint32_t function; /* position in functions */
    int64_t line;
} ProfileLine;

typedef struct {
    uint64_t id, address;
    uint32_t mapping;             /* position in mappings or PROFILE_NONE */
    uint32_t first_line, n_lines; /* in lines; the innermost inlined callee first */
    bool is_folded;
} ProfileLocation;

typedef struct {
    uint32_t key, str, num_unit; /* strings; a string label has str != 0 */
    int64_t num;
} ProfileLabel;

typedef struct {
    uint32_t first_location, n_locations; /* in stack_locations; the leaf first */
    uint32_t first_label, n_labels;       /* in labels */
} ProfileSample;

typedef struct {
    ProfileString *strings; /* strings[0] is "" */
    ProfileValueType *sample_types;
    ProfileMapping *mappings;
    ProfileFunction *functions;
    ProfileLine *lines;
    ProfileLocation *locations;
    uint32_t *stack_locations; /* positions in locations */
    ProfileLabel *labels;
    ProfileSample *samples;
    int64_t *values; /* n_samples rows of n_sample_types */
    uint32_t *comments;
    uint32_t n_strings, n_sample_types, n_mappings, n_functions, n_lines, n_locations;
    uint32_t n_stack_locations, n_labels, n_samples, n_comments;
    ProfileValueType period_type;
    bool has_period_type;
    int64_t period, time_ns, duration_ns;
    uint32_t drop_frames, keep_frames, default_sample_type; /* strings */
} Profile;
