/* A builder of pprof profiles (github.com/google/pprof/proto/profile.proto).
 *
 * Strings, mappings, functions and locations are interned: equal contents give equal ids, in
 * first-seen order, and every id is final at once, so that callers may cache it. Samples with equal
 * stacks and labels are added up. Messages are encoded as they come; finishing joins the tables.
 * Not thread-safe. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "include/cresset/profile.h"

typedef struct PprofBuilder PprofBuilder;

PprofBuilder *pprof_builder_new(void);
void pprof_builder_free(PprofBuilder *builder);

/* The index of a string in the string table; "" is 0. `text` must be valid UTF-8. */
uint32_t pprof_builder_string(PprofBuilder *builder, const char *text, size_t length);
/* The same for a NUL-terminated string; NULL is "". */
uint32_t pprof_builder_text(PprofBuilder *builder, const char *text);

typedef struct {
    uint64_t start, limit, offset; /* memory range; offset of start in the file */
    uint32_t filename, build_id;   /* strings */
    bool has_functions, has_filenames, has_line_numbers, has_inline_frames;
} PprofMapping;

typedef struct {
    uint32_t name, system_name, filename; /* strings */
    int64_t start_line;
} PprofFunction;

typedef struct {
    uint32_t function; /* id */
    int64_t line;
} PprofLine;

typedef struct {
    uint32_t mapping; /* id, 0 is none */
    uint64_t address;
    const PprofLine *lines; /* the innermost inlined callee first; none when unsymbolized */
    size_t n_lines;
    bool is_folded;
} PprofLocation;

typedef struct {
    uint32_t key, str, num_unit; /* strings; a numeric label has str 0 */
    int64_t num;
} PprofLabel;

/* Each returns the id of the entry, from 1. */
uint32_t pprof_builder_mapping(PprofBuilder *builder, const PprofMapping *mapping);
uint32_t pprof_builder_function(PprofBuilder *builder, const PprofFunction *function);
uint32_t pprof_builder_location(PprofBuilder *builder, const PprofLocation *location);

/* Declares one more value per sample; all of them before the first sample. */
void pprof_builder_sample_type(PprofBuilder *builder, const char *type, const char *unit);

typedef struct {
    const uint32_t *locations; /* ids, the leaf first */
    size_t n_locations;
    const int64_t *values;    /* one per sample type */
    const PprofLabel *labels; /* may be NULL */
    size_t n_labels;
} PprofSample;

void pprof_builder_sample(PprofBuilder *builder, const PprofSample *sample);

/* Profile-wide fields. */
void
pprof_builder_period(PprofBuilder *builder, const char *type, const char *unit, int64_t period);
void pprof_builder_time(PprofBuilder *builder, int64_t time_ns, int64_t duration_ns);
void pprof_builder_comment(PprofBuilder *builder, const char *text);
/* Which sample type viewers show first. */
void pprof_builder_default_sample_type(PprofBuilder *builder, const char *type);

/* Distinct samples so far, and about how many bytes the encoded profile has: what callers bound. */
size_t pprof_builder_n_samples(const PprofBuilder *builder);
size_t pprof_builder_size(const PprofBuilder *builder);

/* The encoded, uncompressed profile; the builder is empty afterwards and may be used again. */
GByteArray *pprof_builder_finish(PprofBuilder *builder);

/* Encodes a decoded profile as it stands: tables in order, with their ids. */
GByteArray *pprof_encode(const Profile *profile);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(PprofBuilder, pprof_builder_free)
