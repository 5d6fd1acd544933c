#include "tests/unit/server/ingest/format/jfr_writer.h"

#define STRINGS_MAX 256

typedef struct {
    const char *strings[STRINGS_MAX];
    size_t n;
    WireBuffer elements;
} Metadata;

void
jfr_put(WireBuffer *out, uint64_t number)
{
    uint8_t byte;
    for (unsigned i = 0; i < 8 && number >= 0x80; i++, number >>= 7) {
        byte = (uint8_t)(number | 0x80);
        wire_put_raw(out, &byte, 1);
    }
    byte = (uint8_t)number;
    wire_put_raw(out, &byte, 1);
}

void
jfr_put_string(WireBuffer *out, const char *text)
{
    jfr_put(out, 3);
    jfr_put(out, strlen(text));
    wire_put_raw(out, text, strlen(text));
}

/* Puts what `from` holds, and empties it. */
static void
put_all(WireBuffer *out, WireBuffer *from)
{
    wire_put_raw(out, from->data, from->size);
    g_free(from->data);
    *from = (WireBuffer){0};
}

/* Puts an event with its size, which counts itself: always in four bytes, as the JDK does. */
static void
put_event(WireBuffer *out, WireBuffer *body)
{
    size_t size = body->size + 4;
    const uint8_t header[] = {(uint8_t)(size | 0x80), (uint8_t)(size >> 7 | 0x80),
                              (uint8_t)(size >> 14 | 0x80), (uint8_t)(size >> 21 & 0x7f)};
    wire_put_raw(out, header, sizeof header);
    put_all(out, body);
}

void
jfr_put_event(WireBuffer *events, uint64_t type, WireBuffer *fields)
{
    WireBuffer body = {0};
    jfr_put(&body, type);
    jfr_put(&body, 1234); /* startTime */
    put_all(&body, fields);
    put_event(events, &body);
}

/* ---- Metadata. ---- */

static size_t
string_index(Metadata *metadata, const char *text)
{
    for (size_t i = 0; i < metadata->n; i++) {
        if (strcmp(metadata->strings[i], text) == 0)
            return i;
    }
    g_assert(metadata->n < STRINGS_MAX);
    metadata->strings[metadata->n] = text;
    return metadata->n++;
}

/* An element with attributes as "key", "value", … , NULL; its children follow. */
static void
put_element(Metadata *metadata, const char *name, const char *const *attributes, size_t n_children)
{
    size_t n = 0;
    while (attributes[n] != NULL)
        n++;
    jfr_put(&metadata->elements, string_index(metadata, name));
    jfr_put(&metadata->elements, n / 2);
    for (size_t i = 0; i < n; i++)
        jfr_put(&metadata->elements, string_index(metadata, attributes[i]));
    jfr_put(&metadata->elements, n_children);
}

typedef struct {
    const char *name, *type;
    bool is_constant, is_array;
} WrittenField;

typedef struct {
    const char *name, *id;
    WrittenField fields[6];
} WrittenType;

#define PLAIN    false, false
#define CONSTANT true, false
#define ARRAY    false, true
#define EVENT                                                                                      \
    {"startTime", "5", PLAIN},                                                                     \
    {                                                                                              \
        "stackTrace", "34", CONSTANT                                                               \
    }
static const WrittenType TYPES[] = {
    {"int", "4", {{NULL, NULL, PLAIN}}},
    {"long", "5", {{NULL, NULL, PLAIN}}},
    {"boolean", "6", {{NULL, NULL, PLAIN}}},
    {"java.lang.String", "20", {{NULL, NULL, PLAIN}}},
    {"jdk.types.Symbol", "30", {{"string", "20", PLAIN}}},
    {"java.lang.Class", "31", {{"name", "30", CONSTANT}}},
    {"jdk.types.Method", "32", {{"type", "31", CONSTANT}, {"name", "30", CONSTANT}}},
    {"jdk.types.StackFrame", "33", {{"method", "32", CONSTANT}, {"lineNumber", "4", PLAIN}}},
    {"jdk.types.StackTrace", "34", {{"truncated", "6", PLAIN}, {"frames", "33", ARRAY}}},
    {"jdk.types.ThreadState", "35", {{"name", "20", PLAIN}}},
    {"jdk.ActiveSetting",
     "101",
     {{"startTime", "5", PLAIN}, {"name", "20", PLAIN}, {"value", "20", PLAIN}}},
    {"jdk.ExecutionSample",
     "102",
     {EVENT,
      {"state", "35", CONSTANT},
      {"contextId", "5", PLAIN},
      {"spanId", "5", PLAIN},
      {"spanName", "5", PLAIN}}},
    {"profiler.WallClockSample",
     "103",
     {EVENT, {"state", "35", CONSTANT}, {"samples", "4", PLAIN}}},
    {"jdk.JavaMonitorEnter", "104", {EVENT, {"duration", "5", PLAIN}}},
    {"jdk.ThreadPark", "105", {EVENT, {"duration", "5", PLAIN}}},
    {"jdk.ObjectAllocationInNewTLAB",
     "106",
     {EVENT, {"allocationSize", "5", PLAIN}, {"tlabSize", "5", PLAIN}}},
    {"jdk.ObjectAllocationOutsideTLAB", "107", {EVENT, {"allocationSize", "5", PLAIN}}},
    {"jdk.ObjectAllocationSample", "108", {EVENT, {"weight", "5", PLAIN}}},
    {"profiler.LiveObject", "109", {EVENT, {"allocationSize", "5", PLAIN}}},
    {"profiler.Malloc", "110", {EVENT, {"size", "5", PLAIN}}},
    {"test.Unknown", "111", {EVENT, {"anything", "20", PLAIN}}},
};

static void
put_type(Metadata *metadata, const WrittenType *type)
{
    size_t n = 0;
    while (n < G_N_ELEMENTS(type->fields) && type->fields[n].name != NULL)
        n++;
    put_element(metadata, "class", (const char *const[]){"name", type->name, "id", type->id, NULL},
                n);
    for (size_t i = 0; i < n; i++) {
        const WrittenField *field = &type->fields[i];
        const char *attributes[9] = {"name", field->name, "class", field->type};
        if (field->is_constant) {
            attributes[4] = "constantPool";
            attributes[5] = "true";
        } else if (field->is_array) {
            attributes[4] = "dimension";
            attributes[5] = "1";
        }
        put_element(metadata, "field", attributes, 0);
    }
}

static void
put_metadata(WireBuffer *out)
{
    Metadata metadata = {0};
    WireBuffer event = {0};
    put_element(&metadata, "root", (const char *const[]){NULL}, 1);
    put_element(&metadata, "metadata", (const char *const[]){NULL}, G_N_ELEMENTS(TYPES));
    for (size_t i = 0; i < G_N_ELEMENTS(TYPES); i++)
        put_type(&metadata, &TYPES[i]);
    jfr_put(&event, 0);
    jfr_put(&event, 1);
    jfr_put(&event, 0);
    jfr_put(&event, 1);
    jfr_put(&event, metadata.n);
    for (size_t i = 0; i < metadata.n; i++)
        jfr_put_string(&event, metadata.strings[i]);
    put_all(&event, &metadata.elements);
    put_event(out, &event);
}

/* ---- Constants. ---- */

static void
put_numbers(WireBuffer *out, size_t n, const uint64_t *numbers)
{
    for (size_t i = 0; i < n; i++)
        jfr_put(out, numbers[i]);
}
#define PUT(out, ...)                                                                              \
    put_numbers(out, sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t),                   \
                (const uint64_t[]){__VA_ARGS__})

static void
put_texts(WireBuffer *out, uint64_t type, const char *const *texts, size_t n)
{
    PUT(out, type, n);
    for (size_t i = 0; i < n; i++) {
        jfr_put(out, i + 1);
        jfr_put_string(out, texts[i]);
    }
}

/* Constants stand in two events, of which the header names the later one. */
static void
put_constants(WireBuffer *out, int64_t way_back, bool is_first)
{
    static const char *const SYMBOLS[] = {"shop/Cart", "shop/Main", "add", "main", "write", ""};
    static const char *const STATES[] = {"STATE_RUNNABLE", "STATE_SLEEPING"}, *const WALL[] = {
                                                                                  "wall"};
    WireBuffer event = {0};
    PUT(&event, 1, 1, 0, (uint64_t)way_back, 0);
    if (is_first) {
        PUT(&event, 3);
        put_texts(&event, W_SYMBOL, SYMBOLS, G_N_ELEMENTS(SYMBOLS));
        put_texts(&event, W_STATE, STATES, G_N_ELEMENTS(STATES));
        put_texts(&event, W_STRING, WALL, 1);
    } else {
        PUT(&event, 3);
        PUT(&event, W_CLASS, 3, 1, 1, 2, 2, 3, 6);
        PUT(&event, W_METHOD, 3, 1, 1, 3, 2, 2, 4, 3, 3, 5);
        PUT(&event, W_TRACE, 3);
        PUT(&event, 1, 0, 2, 1, 7, 2, 0); /* key, truncated, frames, method and line of each */
        PUT(&event, 2, 0, 1, 2, 3);
        PUT(&event, 3, 0, 2, 3, UINT32_MAX, 2, 0);
    }
    put_event(out, &event);
}

static void
store_u64(uint8_t *at, uint64_t value)
{
    value = GUINT64_TO_BE(value);
    memcpy(at, &value, sizeof value);
}

WireBuffer
jfr_recording(WireBuffer *events)
{
    WireBuffer out = {0};
    static const uint8_t HEADER[68] = {'F', 'L', 'R', 0, 0, 2, 0, 1, [67] = 1};
    wire_put_raw(&out, HEADER, sizeof HEADER);
    put_all(&out, events);
    size_t first = out.size;
    put_constants(&out, 0, true);
    size_t second = out.size;
    put_constants(&out, (int64_t)first - (int64_t)second, false);
    size_t metadata = out.size;
    put_metadata(&out);
    store_u64(out.data + 8, out.size);
    store_u64(out.data + 16, second);
    store_u64(out.data + 24, metadata);
    store_u64(out.data + 56, 1000);
    return out;
}
