#include "server/ingest/format/pprof_repair.h"

#include <inttypes.h>

#include "lib/base/error.h"
#include "lib/pprof/decode.h"
#include "lib/pprof/encode.h"

enum {
    PROFILE_SAMPLE_TYPE = 1,
    PROFILE_LOCATION = 4,
    PROFILE_FUNCTION = 5,
    PROFILE_STRING_TABLE = 6,
    VALUE_TYPE_TYPE = 1,
    LOCATION_LINE = 4,
    LINE_FUNCTION = 1,
    FUNCTION_ID = 1,
};

enum { DECODE_MEMORY_PER_BYTE = 32, DECODE_MEMORY_MIN = 1024 * 1024 };

/* Puts `buffer` in the place of *profile. */
static void
replace(WireBuffer *profile, WireBuffer *buffer)
{
    g_free(profile->data);
    *profile = *buffer;
    *buffer = (WireBuffer){0};
}

/* ---- Functions with their files. ---- */

/* The string "<file> <function>" of a function, in the arena; false when it is full. */
static bool
name_function(const Profile *profile, const ProfileFunction *function, Arena *arena,
              ProfileString *ret_name)
{
    const ProfileString *file = &profile->strings[function->filename];
    const ProfileString *name = &profile->strings[function->name];
    size_t length = (size_t)file->length + 1 + name->length;
    char *text = arena_alloc(arena, length);
    if (text == NULL || length > UINT32_MAX)
        return false;
    if (file->length > 0)
        memcpy(text, file->data, file->length);
    text[file->length] = ' ';
    if (name->length > 0)
        memcpy(text + file->length + 1, name->data, name->length);
    *ret_name = (ProfileString){text, (uint32_t)length};
    return true;
}

/* Gives every function the name that it is shown by; false when the arena is full. */
static bool
name_functions(Profile *profile, bool keep_absolute, Arena *arena)
{
    uint32_t n = profile->n_strings;
    ProfileString *strings =
        arena_alloc_array(arena, (size_t)n + profile->n_functions, sizeof *strings);
    if (strings == NULL)
        return false;
    memcpy(strings, profile->strings, n * sizeof *strings);
    profile->strings = strings;
    for (uint32_t i = 0; i < profile->n_functions; i++) {
        ProfileFunction *function = &profile->functions[i];
        const ProfileString *file = &strings[function->filename];
        if (file->length == 0 || (keep_absolute && *file->data == '/'))
            continue;
        if (!name_function(profile, function, arena, &strings[profile->n_strings]))
            return false;
        function->name = profile->n_strings++;
    }
    return true;
}

static bool
repair_names(WireBuffer *profile, bool keep_absolute, const TenantLimits *limits, GError **error)
{
    size_t cap = profile->size * DECODE_MEMORY_PER_BYTE + DECODE_MEMORY_MIN;
    g_autoptr(Arena) arena = arena_new(cap);
    g_autoptr(Arena) names = arena_new(cap + (size_t)limits->profile_bytes_max);
    const PprofInput input = {.data = profile->data, .size = profile->size, .arena = arena};
    Profile decoded;
    if (pprof_decode(&input, &decoded, NULL) != PPROF_OK)
        return true;
    if (!name_functions(&decoded, keep_absolute, names))
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "with the names of files in its functions the profile is over the limit "
                         "of %" PRId64 " bytes (max_profile_size_bytes)",
                         limits->profile_bytes_max);
    g_autoptr(GByteArray) encoded = pprof_encode(&decoded);
    profile->size = 0;
    wire_put_raw(profile, encoded->data, encoded->len);
    return true;
}

/* ---- Sample types. ---- */

/* The fields of the profile with this number. */
static GArray *
find_fields(const WireBuffer *profile, uint32_t number)
{
    g_autoptr(GArray) fields = g_array_new(FALSE, FALSE, sizeof(WireSpan));
    WireSpan span = {profile->data, profile->data + profile->size};
    for (WireField field; span.at < span.end;) {
        if (wire_next(&span, &field) != NULL)
            return NULL;
        if (field.number == number && field.type == WIRE_BYTES)
            g_array_append_val(fields, field.bytes);
    }
    return g_steal_pointer(&fields);
}

/* A number in a message; 0 when it is not there. */
static uint64_t
find_number(WireSpan message, uint32_t number)
{
    uint64_t value = 0;
    for (WireField field; message.at < message.end && wire_next(&message, &field) == NULL;) {
        if (field.number == number && field.type == WIRE_VARINT)
            value = field.value;
    }
    return value;
}

static void
repair_sample_types(WireBuffer *profile)
{
    g_autoptr(GArray) types = find_fields(profile, PROFILE_SAMPLE_TYPE);
    g_autoptr(GArray) strings = find_fields(profile, PROFILE_STRING_TABLE);
    for (guint i = 0; types != NULL && strings != NULL && i < types->len; i++) {
        uint64_t string = find_number(g_array_index(types, WireSpan, i), VALUE_TYPE_TYPE);
        if (string >= strings->len)
            continue;
        WireSpan text = g_array_index(strings, WireSpan, string);
        for (size_t at = (size_t)(text.at - profile->data); at < (size_t)(text.end - profile->data);
             at++) {
            if (profile->data[at] == '-')
                profile->data[at] = '_';
        }
    }
}

/* ---- Ids of functions. ---- */

typedef enum { IDS_RIGHT, IDS_FROM_ZERO, IDS_REPEATED } Ids;

static Ids
look_at_ids(const GArray *functions)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
    bool has_zero = false;
    for (guint i = 0; i < functions->len; i++) {
        uint64_t id = find_number(g_array_index(functions, WireSpan, i), FUNCTION_ID);
        has_zero |= id == 0;
        if (!g_hash_table_add(seen, GSIZE_TO_POINTER(id)))
            return IDS_REPEATED;
    }
    return has_zero ? IDS_FROM_ZERO : IDS_RIGHT;
}

/* Copies a message, but for the fields called `number`, which `put` writes instead (or not). */
static void
copy_without(WireBuffer *out, WireSpan message, uint32_t number,
             void (*put)(WireBuffer *out, WireSpan field))
{
    for (WireField field; message.at < message.end && wire_next(&message, &field) == NULL;) {
        if (field.number != number)
            wire_put_raw(out, field.start, (size_t)(message.at - field.start));
        else if (put != NULL && field.type == WIRE_BYTES)
            put(out, field.bytes);
    }
}

/* A line whose function has the next id. */
static void
put_line(WireBuffer *out, WireSpan line)
{
    WireBuffer body = {0};
    wire_put_uint(&body, LINE_FUNCTION, find_number(line, LINE_FUNCTION) + 1);
    copy_without(&body, line, LINE_FUNCTION, NULL);
    wire_put_bytes(out, LOCATION_LINE, body.data, body.size);
    g_free(body.data);
}

/* Ids that begin with 0 all become one more; those that say nothing become their positions, which
 * the lines mean. */
static void
repair_function_ids(WireBuffer *profile)
{
    g_autoptr(GArray) functions = find_fields(profile, PROFILE_FUNCTION);
    Ids ids = functions != NULL ? look_at_ids(functions) : IDS_RIGHT;
    if (ids == IDS_RIGHT)
        return;
    WireBuffer out = {0};
    WireSpan span = {profile->data, profile->data + profile->size};
    uint64_t position = 0;
    for (WireField field; span.at < span.end && wire_next(&span, &field) == NULL;) {
        bool is_line = field.number == PROFILE_LOCATION && ids == IDS_FROM_ZERO;
        if (field.type != WIRE_BYTES || (field.number != PROFILE_FUNCTION && !is_line)) {
            wire_put_raw(&out, field.start, (size_t)(span.at - field.start));
            continue;
        }
        WireBuffer body = {0};
        position += field.number == PROFILE_FUNCTION;
        if (is_line) {
            copy_without(&body, field.bytes, LOCATION_LINE, put_line);
        } else {
            uint64_t id = find_number(field.bytes, FUNCTION_ID) + 1;
            wire_put_uint(&body, FUNCTION_ID, ids == IDS_FROM_ZERO ? id : position);
            copy_without(&body, field.bytes, FUNCTION_ID, NULL);
        }
        wire_put_bytes(&out, field.number, body.data, body.size);
        g_free(body.data);
    }
    replace(profile, &out);
}

bool
pprof_repair(WireBuffer *profile, const char *spy, const TenantLimits *limits, GError **error)
{
    static const char *const SCRIPTS[] = {"pyspy", "rbspy", "scripting", NULL};
    if (profile->size == 0)
        return true;
    if (g_strv_contains(SCRIPTS, spy))
        return repair_names(profile, strcmp(spy, "pyspy") == 0, limits, error);
    if (strcmp(spy, "dotnetspy") == 0) {
        repair_sample_types(profile);
        repair_function_ids(profile);
    }
    return true;
}
