#include "server/query/location_lines.h"

#include "lib/pprof/build_id.h"

/* Of one dataset; beyond, addresses stay as they were stored. */
#define ADDRESSES_MAX 100000

/* The locations of one mapping that are asked for. */
typedef struct {
    GArray *locations; /* uint32_t */
    GArray *addresses; /* uint64_t */
} Wanted;

static void
wanted_free(gpointer pointer)
{
    Wanted *wanted = pointer;
    g_array_unref(wanted->locations);
    g_array_unref(wanted->addresses);
    g_free(wanted);
}

static bool
can_be_resolved(const SymbolView *symbols, const SymbolLocation *location)
{
    uint32_t length = 0;
    if (location->n_lines > 0 || location->address == 0 || location->mapping == 0)
        return false;
    symbol_string(symbols, symbols->mappings[location->mapping - 1].build_id, &length);
    return length > 0;
}

static void
want(GHashTable *by_mapping, uint32_t id, const SymbolLocation *location)
{
    gpointer key = GUINT_TO_POINTER(location->mapping);
    Wanted *wanted = g_hash_table_lookup(by_mapping, key);
    if (wanted == NULL) {
        wanted = g_new0(Wanted, 1);
        wanted->locations = g_array_new(FALSE, FALSE, sizeof(uint32_t));
        wanted->addresses = g_array_new(FALSE, FALSE, sizeof(uint64_t));
        g_hash_table_insert(by_mapping, key, wanted);
    }
    g_array_append_val(wanted->locations, id);
    g_array_append_val(wanted->addresses, location->address);
}

/* What is asked for, by mapping id + 1: the locations of the nodes that have a value below them. */
static GHashTable *
collect(const SymbolView *symbols, const int64_t *totals)
{
    g_autofree uint8_t *has_value = g_malloc0((size_t)symbols->n_nodes + 1);
    g_autofree uint8_t *is_seen = g_malloc0((size_t)symbols->n_locations + 1);
    GHashTable *by_mapping = g_hash_table_new_full(NULL, NULL, NULL, wanted_free);
    uint32_t n = 0;
    for (uint32_t i = symbols->n_nodes; i-- > 1;) {
        uint32_t id = symbols->node_location[i];
        has_value[i] |= totals[i] != 0;
        has_value[symbols->node_parent[i]] |= has_value[i];
        if (!has_value[i] || is_seen[id] || n == ADDRESSES_MAX)
            continue;
        is_seen[id] = 1;
        if (can_be_resolved(symbols, &symbols->locations[id])) {
            want(by_mapping, id, &symbols->locations[id]);
            n++;
        }
    }
    return by_mapping;
}

struct LocationLines {
    GPtrArray *answers; /* AddressLines */
    GHashTable *places; /* location -> Place */
    uint32_t *flags;    /* by mapping */
    uint32_t n_mappings;
};

/* Where the lines of a location are. */
typedef struct {
    const AddressLines *answer;
    size_t index;
} Place;

static void
answer_free(gpointer answer)
{
    address_lines_free(answer);
}

static LocationLines *
lines_new(uint32_t n_mappings)
{
    LocationLines *lines = g_new(LocationLines, 1);
    *lines = (LocationLines){.answers = g_ptr_array_new_with_free_func(answer_free),
                             .places = g_hash_table_new_full(NULL, NULL, NULL, g_free),
                             .flags = g_new0(uint32_t, (size_t)n_mappings + 1),
                             .n_mappings = n_mappings};
    return lines;
}

void
location_lines_free(LocationLines *lines)
{
    if (lines == NULL)
        return;
    g_ptr_array_unref(lines->answers);
    g_hash_table_unref(lines->places);
    g_free(lines->flags);
    g_free(lines);
}

size_t
location_lines_get(const LocationLines *lines, uint32_t location, const AddressLine **ret_lines)
{
    const Place *place =
        lines != NULL ? g_hash_table_lookup(lines->places, GUINT_TO_POINTER(location)) : NULL;
    return place != NULL ? address_lines_get(place->answer, place->index, ret_lines) : 0;
}

uint32_t
location_lines_flags(const LocationLines *lines, uint32_t mapping)
{
    return lines != NULL && mapping < lines->n_mappings ? lines->flags[mapping] : 0;
}

static uint32_t
flags_of(const AddressLine *lines, size_t n)
{
    uint32_t flags = SYMBOL_HAS_FUNCTIONS | (n > 1 ? SYMBOL_HAS_INLINE_FRAMES : 0);
    for (size_t i = 0; i < n; i++) {
        flags |= lines[i].filename[0] != '\0' ? SYMBOL_HAS_FILENAMES : 0;
        flags |= lines[i].line > 0 ? SYMBOL_HAS_LINE_NUMBERS : 0;
    }
    return flags;
}

/* Takes over the answer for what was wanted of a mapping. */
static void
take(LocationLines *lines, uint32_t mapping, const Wanted *wanted, AddressLines *answer)
{
    for (guint i = 0; i < wanted->locations->len; i++) {
        const AddressLine *of;
        size_t n = address_lines_get(answer, i, &of);
        if (n == 0)
            continue;
        Place *place = g_new(Place, 1);
        *place = (Place){answer, i};
        uint32_t id = g_array_index(wanted->locations, uint32_t, i);
        g_hash_table_insert(lines->places, GUINT_TO_POINTER(id), place);
        lines->flags[mapping] |= flags_of(of, n);
    }
    g_ptr_array_add(lines->answers, answer);
}

static char *
text_of(const SymbolView *symbols, uint32_t string)
{
    uint32_t length;
    const char *text = symbol_string(symbols, string, &length);
    return g_strndup(text, length);
}

static void
resolve(const Query *query, const StoreDataset *dataset, uint32_t mapping, const Wanted *wanted,
        LocationLines *lines)
{
    const SymbolView *symbols = dataset->symbols;
    const SymbolMapping *from = &symbols->mappings[mapping];
    g_autofree char *stored_id = text_of(symbols, from->build_id);
    g_autofree char *build_id = build_id_plain(stored_id);
    if (*build_id == '\0')
        return;
    g_autofree char *filename = text_of(symbols, from->filename);
    const QueryMapping of = {.tenant = dataset->tenant,
                             .build_id = build_id,
                             .filename = filename,
                             .start = from->start,
                             .limit = from->limit,
                             .offset = from->offset};
    AddressLines *answer = query->resolver->resolve(
        query->resolver->data, &of, (const uint64_t *)(const void *)wanted->addresses->data,
        wanted->addresses->len);
    if (answer != NULL)
        take(lines, mapping, wanted, answer);
    else if (query->missing != NULL)
        g_hash_table_add(query->missing, g_steal_pointer(&build_id));
}

LocationLines *
location_lines_new(const Query *query, const StoreDataset *dataset, const int64_t *totals)
{
    const SymbolView *symbols = dataset->symbols;
    if (query->resolver == NULL)
        return NULL;
    g_autoptr(GHashTable) by_mapping = collect(symbols, totals);
    g_autoptr(LocationLines) lines = lines_new(symbols->n_mappings);
    GHashTableIter iter;
    gpointer mapping, wanted;
    g_hash_table_iter_init(&iter, by_mapping);
    while (g_hash_table_iter_next(&iter, &mapping, &wanted))
        resolve(query, dataset, GPOINTER_TO_UINT(mapping) - 1, wanted, lines);
    return g_hash_table_size(lines->places) > 0 ? g_steal_pointer(&lines) : NULL;
}
