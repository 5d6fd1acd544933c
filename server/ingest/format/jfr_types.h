/* The types of a chunk of a JDK Flight Recorder file, and how values of them are read.
 *
 * The format has no public specification; what is known of it is what the JDK (jdk.jfr), JDK
 * Mission Control and async-profiler write and read. A chunk describes its own types: every event
 * and constant is a sequence of fields in the order of its type. Numbers are varints of at most
 * nine bytes, the ninth with eight bits. */
#pragma once
#include <glib.h>
#include <stdbool.h>

#include "lib/base/arena.h"
#include "lib/pprof/wire.h"

/* The fields that are read, by their names; all others are passed over. */
typedef enum {
    JFR_FIELD_NONE,
    JFR_FIELD_DURATION,
    JFR_FIELD_STACK_TRACE,
    JFR_FIELD_STATE,
    JFR_FIELD_CONTEXT_ID,
    JFR_FIELD_SPAN_ID,
    JFR_FIELD_SPAN_NAME,
    JFR_FIELD_TLAB_SIZE,
    JFR_FIELD_ALLOCATION_SIZE,
    JFR_FIELD_WEIGHT,
    JFR_FIELD_SAMPLES,
    JFR_FIELD_SIZE,
    JFR_FIELD_NAME,
    JFR_FIELD_VALUE,
    JFR_FIELD_STRING,
    JFR_FIELD_FRAMES,
    JFR_FIELD_METHOD,
    JFR_FIELD_LINE_NUMBER,
    JFR_FIELD_TYPE,
    JFR_FIELDS,
} JfrFieldName;

typedef enum { JFR_BYTE, JFR_NUMBER, JFR_FLOAT, JFR_DOUBLE, JFR_STRING, JFR_STRUCT } JfrKind;

typedef struct {
    uint64_t type_id;
    uint32_t type; /* position in types */
    JfrFieldName name;
    bool is_array, is_constant; /* a constant is given by its key in the pool of its type */
} JfrField;

typedef struct {
    uint64_t id;
    const char *name;
    JfrKind kind;
    uint32_t first_field, n_fields;
    int tag; /* the user's own */
} JfrType;

typedef struct {
    JfrType *types; /* by id */
    JfrField *fields;
    uint32_t n_types, n_fields, types_capacity, fields_capacity;
    Arena *arena;
    uint64_t steps_left; /* fields that may still be looked at */
} JfrTypes;

/* A field's value. */
typedef struct {
    uint64_t number; /* of a number, or the key of a constant */
    WireSpan bytes;  /* of a string, an array or a struct, as it stands */
} JfrValue;

/* Reads the types from a metadata event, behind its size. Everything lives in `arena`. */
bool
jfr_types_read(JfrTypes *types, WireSpan event, Arena *arena, uint64_t steps_max, GError **error);
/* The type with this id or name, or NULL. */
JfrType *jfr_types_find(const JfrTypes *types, uint64_t id);
JfrType *jfr_types_find_name(const JfrTypes *types, const char *name);

/* Reads a varint, or a string; both move on behind what they read and return false when it is cut.
 */
bool jfr_read_number(WireSpan *at, uint64_t *ret_number);
bool jfr_skip_string(WireSpan *at);

/* How a string is encoded: its first byte. */
enum {
    JFR_STRING_NULL,
    JFR_STRING_EMPTY,
    JFR_STRING_CONSTANT, /* the key of a constant of type java.lang.String follows */
    JFR_STRING_UTF8,
    JFR_STRING_CHARS,
    JFR_STRING_LATIN1,
};
/* The text of a string as new valid UTF-8; "" for one that is null, cut or a constant. */
char *jfr_string_text(WireSpan string);

/* Reads a value of `type` and moves *at behind it: fills `values`, by field, of which those that
 * the type does not have are 0. A string is its own field JFR_FIELD_STRING. */
bool jfr_read_record(JfrTypes *types, const JfrType *type, WireSpan *at,
                     JfrValue values[JFR_FIELDS], GError **error);
