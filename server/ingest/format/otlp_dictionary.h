/* The tables of an OTLP profiles request (opentelemetry-proto, profiles/v1development): what its
 * profiles refer to by position. Entries stay where they are in the message and are decoded when
 * they are used, so that a wrong one only spoils the profiles that use it. */
#pragma once
#include <glib.h>
#include <stdbool.h>

#include "lib/base/arena.h"
#include "lib/pprof/wire.h"

/* The tables, by their field numbers. */
typedef enum {
    OTLP_MAPPINGS = 1,
    OTLP_LOCATIONS,
    OTLP_FUNCTIONS,
    OTLP_LINKS,
    OTLP_STRINGS,
    OTLP_ATTRIBUTES,
    OTLP_STACKS,
} OtlpTableId;
#define OTLP_TABLES 8

typedef struct {
    WireSpan *entries;
    uint32_t n;
} OtlpTable;

typedef struct {
    OtlpTable tables[OTLP_TABLES]; /* [0] is none */
} OtlpDictionary;

/* Reads the next field of `message`, which is called `what` in errors (INVALID_ARGUMENT). */
bool otlp_next(WireSpan *message, WireField *field, const char *what, GError **error);
/* Whether the field is of the type that it must have. */
bool otlp_expect(const WireField *field, WireType type, const char *what, GError **error);

/* Finds the entries of every dictionary message among the fields of a request, in `arena`. */
bool
otlp_dictionary_read(OtlpDictionary *dictionary, WireSpan request, Arena *arena, GError **error);

/* An entry of a table; INVALID_ARGUMENT says that `field` is out of range. */
bool otlp_dictionary_entry(const OtlpDictionary *dictionary, OtlpTableId table, uint64_t index,
                           const char *field, WireSpan *ret_entry, GError **error);

/* An attribute: a key and a value that can be a label, as new strings of valid UTF-8. */
typedef struct {
    char *key, *value; /* value: NULL when it is none that can be a label */
} OtlpAttribute;

void otlp_attribute_clear(OtlpAttribute *attribute);
/* Decodes a KeyValue, or an entry of the attribute table. Strings and whole numbers can be labels,
 * and lists of one of these. */
bool otlp_attribute_read(const OtlpDictionary *dictionary, WireSpan key_value,
                         OtlpAttribute *ret_attribute, GError **error);
bool otlp_attribute_entry(const OtlpDictionary *dictionary, uint64_t index, const char *field,
                          OtlpAttribute *ret_attribute, GError **error);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(OtlpAttribute, otlp_attribute_clear)
