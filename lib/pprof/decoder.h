/* What the files of the pprof decoder share; private to lib/pprof. */
#pragma once
#include <inttypes.h>

#include "lib/pprof/decode.h"
#include "lib/pprof/idmap.h"
#include "lib/pprof/wire.h"

/* Fields 1 to 6 of Profile are the tables. */
enum {
    FIELD_SAMPLE_TYPE = 1,
    FIELD_SAMPLE = 2,
    FIELD_MAPPING = 3,
    FIELD_LOCATION = 4,
    FIELD_FUNCTION = 5,
    FIELD_STRING_TABLE = 6,
    FIELD_PERIOD_TYPE = 11,
    FIELD_COMMENT = 13,
    PROFILE_FIELDS = 15,
};

extern const char *const PPROF_FIELD_NAMES[PROFILE_FIELDS];

/* A message of varint fields only: the fields 1 to n_fields, and which of them are strings. */
typedef struct {
    const char *message;
    uint32_t n_fields;
    uint32_t strings; /* bit set of field numbers */
    const char *names[11];
} PprofScalars;

enum { PPROF_SCALARS_MAX = 11 };

typedef struct {
    const PprofInput *input;
    Profile profile;
    PprofIdMap mapping_ids, function_ids, location_ids;
    WireSpan tables[FIELD_STRING_TABLE + 1]; /* from the first to the end of the last of each */
    WireSpan rare;                           /* the same for comments and the period type */
    uint64_t header[PROFILE_FIELDS];         /* the varint fields of Profile */
    uint32_t n_lines, n_stack_locations, n_labels; /* filled so far */
    uint32_t inside; /* the field of Profile that is being read; 0 between them */
    PprofResult result;
    GError **error;
} PprofDecoder;

/* Each sets result and *error and returns false. */
bool
pprof_fail(PprofDecoder *decoder, PprofResult result, const char *format, ...) G_GNUC_PRINTF(3, 4);
bool pprof_fail_wire(PprofDecoder *decoder, const uint8_t *at, const char *field, const char *what);
/* The name of what a field that cannot be read belongs to. */
const char *pprof_field_name(const PprofDecoder *decoder, uint32_t number);
bool pprof_fail_type(PprofDecoder *decoder, WireField field, const char *message, const char *name);
bool pprof_fail_memory(PprofDecoder *decoder);

/* Reads the next field of a message. */
static inline bool
pprof_next(PprofDecoder *decoder, WireSpan *span, WireField *field)
{
    const char *problem = wire_next(span, field);
    if (G_LIKELY(problem == NULL))
        return true;
    pprof_fail_wire(decoder, field->start, pprof_field_name(decoder, field->number), problem);
    return false;
}

/* The number of varints in a packed field. */
uint64_t pprof_count_varints(WireSpan span);

bool pprof_check_string(PprofDecoder *decoder, const char *message, uint32_t position,
                        const char *name, uint64_t index);

/* Reads the fields of a message of scalars into values[number], checking string indexes. Inlined
 * into each of its few callers, whose `spec` is constant. */
static G_ALWAYS_INLINE inline bool
pprof_read_scalars(PprofDecoder *decoder, WireSpan span, const PprofScalars *spec,
                   uint32_t position, uint64_t *values)
{
    memset(values, 0, (spec->n_fields + 1) * sizeof *values);
    for (WireField field; span.at < span.end;) {
        if (!pprof_next(decoder, &span, &field))
            return false;
        if (field.number > spec->n_fields)
            continue;
        if (field.type != WIRE_VARINT)
            return pprof_fail_type(decoder, field, spec->message, spec->names[field.number]);
        values[field.number] = field.value;
        if ((spec->strings >> field.number & 1) != 0 &&
            !pprof_check_string(decoder, spec->message, position, spec->names[field.number],
                                field.value))
            return false;
    }
    return true;
}

/* First pass: the sizes of all arrays, where the tables stand, and the header's numbers. */
bool pprof_count(PprofDecoder *decoder);
/* Second pass: the tables that samples refer to, then the samples. */
bool pprof_fill_tables(PprofDecoder *decoder);
bool pprof_fill_samples(PprofDecoder *decoder);

typedef bool (*PprofParse)(PprofDecoder *decoder, WireSpan span, uint32_t position);
/* Calls `parse` for every message of one table, in order. */
bool pprof_walk(PprofDecoder *decoder, uint32_t number, PprofParse parse);
