#include "server/ingest/format/otlp.h"

#include <inttypes.h>
#include <string.h>

#include "lib/base/error.h"
#include "server/ingest/format/otlp_profile.h"

enum {
    REQUEST_RESOURCE_PROFILES = 1,
    RESOURCE_PROFILES_RESOURCE = 1,
    RESOURCE_PROFILES_SCOPE_PROFILES = 2,
    SCOPE_PROFILES_SCOPE = 1,
    SCOPE_PROFILES_PROFILES = 2,
    RESOURCE_ATTRIBUTES = 1,
    SCOPE_ATTRIBUTES = 3,
    PROFILE_SAMPLES = 2,
};

enum {
    ATTRIBUTES_MAX = 128, /* of one resource and scope; a series has far fewer labels */
    WORK_PER_BYTE = 512,  /* what reading a byte of real requests costs is below 100 */
    WORK_MIN = 64 * 1024 * 1024,
    SIZE_PER_BYTE = 16, /* profiles share the tables of a request, but as pprof each has its own */
    SIZE_MIN = 16 * 1024 * 1024,
    TABLE_ENTRY_BYTES = sizeof(WireSpan) + 1,
    TABLES_BYTES_MAX = 128 * 1024 * 1024, /* entries of real tables have 12 bytes and more */
};

typedef struct Walk Walk;
typedef bool (*WalkEach)(Walk *walk, WireSpan message, GError **error);

struct Walk {
    OtlpContext context;
    GArray *resource_attributes, *attributes; /* Label; the latter with those of the scope */
    ProfileSet *set;
    uint64_t n_profiles, n_resources;
    OtlpRejected *rejected;
};

/* Calls `each` for every message in the field `number` of `message`. */
static bool
walk_field(Walk *walk, WireSpan message, uint32_t number, const char *what, WalkEach each,
           GError **error)
{
    for (WireField field; message.at < message.end;) {
        if (!otlp_next(&message, &field, what, error))
            return false;
        if (field.number == number &&
            (!otlp_expect(&field, WIRE_BYTES, what, error) || !each(walk, field.bytes, error)))
            return false;
    }
    return true;
}

void
otlp_rejected_clear(OtlpRejected *rejected)
{
    if (rejected->reason != NULL)
        g_string_free(rejected->reason, TRUE);
    *rejected = (OtlpRejected){0};
}

/* ---- Which numbering the samples have. ---- */

static bool
see_sample(Walk *walk, WireSpan sample, GError **error)
{
    (void)error;
    uint32_t n_attributes = walk->context.symbols.dictionary->tables[OTLP_ATTRIBUTES].n;
    if (walk->context.numbering < OTLP_NUMBERING_1_9) {
        OtlpNumbering seen = otlp_sample_numbering(sample, n_attributes);
        walk->context.numbering = MAX(walk->context.numbering, seen);
    }
    return true;
}

static bool
see_profile(Walk *walk, WireSpan profile, GError **error)
{
    (void)error;
    if (walk->context.numbering < OTLP_NUMBERING_1_9)
        walk_field(walk, profile, PROFILE_SAMPLES, "profile", see_sample, NULL);
    walk->n_profiles++;
    return true;
}

static bool
see_scope(Walk *walk, WireSpan scope_profiles, GError **error)
{
    return walk_field(walk, scope_profiles, SCOPE_PROFILES_PROFILES, "scope_profiles", see_profile,
                      error);
}

static bool
see_resource(Walk *walk, WireSpan resource_profiles, GError **error)
{
    walk->n_resources++;
    return walk_field(walk, resource_profiles, RESOURCE_PROFILES_SCOPE_PROFILES,
                      "resource_profiles", see_scope, error);
}

/* ---- Profiles with their attributes. ---- */

/* Charges what is done once for each attribute that is known so far. */
static bool
charge(Walk *walk, uint64_t work, GError **error)
{
    if (work > walk->context.work_left)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "request: the attributes of its resources and scopes are far larger than "
                         "itself: send fewer profiles at once");
    walk->context.work_left -= work;
    return true;
}

/* Adds an attribute of a resource or scope; the first of a key counts. */
static bool
take_attribute(Walk *walk, WireSpan key_value, GError **error)
{
    g_auto(OtlpAttribute) attribute = {0};
    if (!otlp_attribute_read(walk->context.symbols.dictionary, key_value, &attribute, error))
        return false;
    if (attribute.key == NULL || *attribute.key == '\0' || attribute.value == NULL ||
        walk->attributes->len >= ATTRIBUTES_MAX)
        return true;
    uint64_t length = strlen(attribute.key) + strlen(attribute.value);
    if (!charge(walk, length + 8 * (uint64_t)walk->attributes->len, error))
        return false;
    for (guint i = 0; i < walk->attributes->len; i++) {
        if (strcmp(g_array_index(walk->attributes, Label, i).name, attribute.key) == 0)
            return true;
    }
    Label label = {profile_set_string(walk->set, attribute.key),
                   profile_set_string(walk->set, attribute.value)};
    g_array_append_val(walk->attributes, label);
    return true;
}

static bool
take_scope_attributes(Walk *walk, WireSpan scope, GError **error)
{
    return walk_field(walk, scope, SCOPE_ATTRIBUTES, "scope", take_attribute, error);
}

static bool
take_resource_attributes(Walk *walk, WireSpan resource, GError **error)
{
    return walk_field(walk, resource, RESOURCE_ATTRIBUTES, "resource", take_attribute, error);
}

static void
reject(OtlpRejected *rejected, uint64_t profile, const char *why)
{
    enum { REASON_LENGTH_MAX = 2000 };
    rejected->n++;
    if (rejected->reason == NULL)
        rejected->reason = g_string_new(NULL);
    if (rejected->reason->len > REASON_LENGTH_MAX)
        return;
    g_string_append_printf(rejected->reason, "%sprofile %" PRIu64 ": %s",
                           rejected->reason->len > 0 ? "; " : "", profile, why);
}

static bool
take_profile(Walk *walk, WireSpan profile, GError **error)
{
    g_autoptr(GError) why = NULL;
    if (!charge(walk, (uint64_t)walk->attributes->len * walk->attributes->len, error))
        return false;
    if (!otlp_profile_read(&walk->context, profile, walk->attributes, walk->set, &why))
        reject(walk->rejected, walk->n_profiles, why->message);
    walk->n_profiles++;
    return true;
}

static bool
take_scope(Walk *walk, WireSpan scope_profiles, GError **error)
{
    if (!charge(walk, walk->resource_attributes->len, error))
        return false;
    g_array_set_size(walk->attributes, 0);
    g_array_append_vals(walk->attributes, walk->resource_attributes->data,
                        walk->resource_attributes->len);
    return walk_field(walk, scope_profiles, SCOPE_PROFILES_SCOPE, "scope_profiles",
                      take_scope_attributes, error) &&
           walk_field(walk, scope_profiles, SCOPE_PROFILES_PROFILES, "scope_profiles", take_profile,
                      error);
}

static bool
take_resource(Walk *walk, WireSpan resource_profiles, GError **error)
{
    g_array_set_size(walk->attributes, 0);
    if (!walk_field(walk, resource_profiles, RESOURCE_PROFILES_RESOURCE, "resource_profiles",
                    take_resource_attributes, error))
        return false;
    g_array_set_size(walk->resource_attributes, 0);
    g_array_append_vals(walk->resource_attributes, walk->attributes->data, walk->attributes->len);
    return walk_field(walk, resource_profiles, RESOURCE_PROFILES_SCOPE_PROFILES,
                      "resource_profiles", take_scope, error);
}

static bool
read_request(Walk *walk, WireSpan request, Arena *arena, GError **error)
{
    OtlpDictionary dictionary;
    if (!otlp_dictionary_read(&dictionary, request, arena, error) ||
        !otlp_symbols_init(&walk->context.symbols, &dictionary, arena, error) ||
        !walk_field(walk, request, REQUEST_RESOURCE_PROFILES, "request", see_resource, error))
        return false;
    if (walk->n_resources == 0)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "request: there are no resource_profiles");
    if (walk->context.numbering == OTLP_NUMBERING_UNKNOWN)
        walk->context.numbering = OTLP_NUMBERING_1_10;
    walk->n_profiles = 0;
    return walk_field(walk, request, REQUEST_RESOURCE_PROFILES, "request", take_resource, error);
}

bool
otlp_read(const OtlpRequest *request, const TenantLimits *limits, int64_t now_ns, ProfileSet *set,
          uint64_t *ret_n, OtlpRejected *ret_rejected, GError **error)
{
    size_t size = request->size;
    /* Every entry of a table has at least its tag and length. */
    size_t tables_bytes = (size / 2 + OTLP_TABLES) * TABLE_ENTRY_BYTES + 1024;
    g_autoptr(Arena) arena = arena_new(MIN(tables_bytes, (size_t)TABLES_BYTES_MAX));
    g_autoptr(GArray) resource_attributes = g_array_new(FALSE, FALSE, sizeof(Label));
    g_autoptr(GArray) attributes = g_array_new(FALSE, FALSE, sizeof(Label));
    uint64_t size_max = (uint64_t)limits->body_limit_mb << 20;
    Walk walk = {.context = {.numbering = request->numbering,
                             .limits = limits,
                             .now_ns = now_ns,
                             .work_left = (uint64_t)size * WORK_PER_BYTE + WORK_MIN,
                             .size_left = MIN(size_max, (uint64_t)size * SIZE_PER_BYTE + SIZE_MIN)},
                 .resource_attributes = resource_attributes,
                 .attributes = attributes,
                 .set = set,
                 .rejected = ret_rejected};
    const WireSpan message = {request->data, size > 0 ? request->data + size : request->data};
    *ret_rejected = (OtlpRejected){0};
    bool ok = read_request(&walk, message, arena, error);
    *ret_n = walk.n_profiles;
    return ok;
}
