#include "server/query/frame_filter.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/base/regex.h"

/* What is known of a name, of a location or of the way to a node. */
enum { INCLUDED = 1, EXCLUDED = 2, UNKNOWN = 0xff };

typedef struct {
    const char *field;
    uint8_t class; /* of what matches */
    bool is_regex;
    size_t n_max, bytes_max;
} ListRule;

static const ListRule RULES[FRAME_LISTS] = {
    [FRAME_INCLUDE_NAMES] = {"include_function_names", INCLUDED, false, FRAME_NAMES_MAX,
                             FRAME_NAME_BYTES_MAX},
    [FRAME_EXCLUDE_NAMES] = {"exclude_function_names", EXCLUDED, false, FRAME_NAMES_MAX,
                             FRAME_NAME_BYTES_MAX},
    [FRAME_INCLUDE_REGEXES] = {"include_function_name_regexes", INCLUDED, true, FRAME_REGEXES_MAX,
                               FRAME_REGEX_BYTES_MAX},
    [FRAME_EXCLUDE_REGEXES] = {"exclude_function_name_regexes", EXCLUDED, true, FRAME_REGEXES_MAX,
                               FRAME_REGEX_BYTES_MAX},
};

struct FrameFilter {
    bool wants_included;
    GHashTable *names;               /* to its class, as a pointer */
    GPtrArray *regexes[FRAME_LISTS]; /* Regex */
};

static void
free_regex(void *regex)
{
    regex_free(regex);
}

static FrameFilter *
filter_new(void)
{
    FrameFilter *filter = g_new0(FrameFilter, 1);
    filter->names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (size_t i = 0; i < FRAME_LISTS; i++)
        filter->regexes[i] = g_ptr_array_new_with_free_func(free_regex);
    return filter;
}

void
frame_filter_free(FrameFilter *filter)
{
    if (filter == NULL)
        return;
    g_hash_table_unref(filter->names);
    for (size_t i = 0; i < FRAME_LISTS; i++)
        g_ptr_array_unref(filter->regexes[i]);
    g_free(filter);
}

static void
add_name(FrameFilter *filter, const ListRule *rule, const char *name)
{
    int known = GPOINTER_TO_INT(g_hash_table_lookup(filter->names, name));
    g_hash_table_insert(filter->names, g_strdup(name), GINT_TO_POINTER(known | rule->class));
}

static bool
add_list(FrameFilter *filter, size_t list, const FrameList *texts, GError **error)
{
    const ListRule *rule = &RULES[list];
    if (texts->n > rule->n_max)
        return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                         "frame_filter.%s has %zu entries, at most %zu are allowed", rule->field,
                         texts->n, rule->n_max);
    for (size_t i = 0; i < texts->n; i++) {
        size_t length = strlen(texts->texts[i]);
        if (length > rule->bytes_max)
            return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                             "frame_filter.%s[%zu] has %zu bytes, at most %zu are allowed",
                             rule->field, i, length, rule->bytes_max);
        if (!rule->is_regex) {
            add_name(filter, rule, texts->texts[i]);
            continue;
        }
        Regex *regex = regex_new_anywhere(texts->texts[i], error);
        if (regex == NULL) {
            g_prefix_error(error, "frame_filter.%s[%zu]: ", rule->field, i);
            return false;
        }
        g_ptr_array_add(filter->regexes[list], regex);
    }
    filter->wants_included |= rule->class == INCLUDED && texts->n > 0;
    return true;
}

bool
frame_filter_parse(const FrameList lists[FRAME_LISTS], FrameFilter **ret_filter, GError **error)
{
    g_autoptr(FrameFilter) filter = filter_new();
    bool is_empty = true;
    *ret_filter = NULL;
    for (size_t i = 0; i < FRAME_LISTS; i++) {
        if (!add_list(filter, i, &lists[i], error))
            return false;
        is_empty &= lists[i].n == 0;
    }
    if (!is_empty)
        *ret_filter = g_steal_pointer(&filter);
    return true;
}

/* ---- Marking. ---- */

typedef struct {
    const FrameFilter *filter;
    const SymbolView *symbols;
    const LocationLines *lines;
    uint8_t *of_string, *of_location; /* class, or UNKNOWN */
} Marking;

static uint8_t
classify(const FrameFilter *filter, const char *name)
{
    int class = GPOINTER_TO_INT(g_hash_table_lookup(filter->names, name));
    for (size_t list = 0; list < FRAME_LISTS; list++) {
        GPtrArray *regexes = filter->regexes[list];
        for (guint i = 0; i < regexes->len && !(class & RULES[list].class); i++) {
            if (regex_match(g_ptr_array_index(regexes, i), name))
                class |= RULES[list].class;
        }
    }
    return (uint8_t) class;
}

static uint8_t
string_class(const Marking *marking, uint32_t string)
{
    uint8_t *known = &marking->of_string[string];
    if (*known == UNKNOWN) {
        uint32_t length;
        const char *text = symbol_string(marking->symbols, string, &length);
        g_autofree char *name = g_strndup(text, length);
        *known = classify(marking->filter, name);
    }
    return *known;
}

/* What any of the frames of a location is. */
static uint8_t
location_class(const Marking *marking, uint32_t id)
{
    const SymbolView *symbols = marking->symbols;
    const SymbolLocation *location = &symbols->locations[id];
    uint8_t *known = &marking->of_location[id];
    if (*known != UNKNOWN)
        return *known;
    const AddressLine *resolved;
    size_t n = location_lines_get(marking->lines, id, &resolved);
    *known = 0;
    if (n == 0 && location->n_lines == 0)
        *known = string_class(marking, location->first_line);
    for (size_t i = 0; i < n; i++)
        *known |= classify(marking->filter, resolved[i].name);
    for (uint32_t i = 0; i < location->n_lines; i++) {
        uint32_t function = symbols->lines[location->first_line + i].function;
        *known |= string_class(marking, symbols->functions[function].name);
    }
    return *known;
}

static bool
check_regexes(const FrameFilter *filter, GError **error)
{
    for (size_t list = 0; list < FRAME_LISTS; list++) {
        for (guint i = 0; i < filter->regexes[list]->len; i++) {
            if (regex_hit_limit(g_ptr_array_index(filter->regexes[list], i)))
                return error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                                 "frame_filter.%s[%u]: it needs too many steps; write it simpler",
                                 RULES[list].field, i);
        }
    }
    return true;
}

uint8_t *
frame_filter_mark(const FrameFilter *filter, const SymbolView *symbols, const LocationLines *lines,
                  GError **error)
{
    g_autofree uint8_t *of_string = g_malloc((size_t)symbols->n_strings + 1);
    g_autofree uint8_t *of_location = g_malloc((size_t)symbols->n_locations + 1);
    memset(of_string, UNKNOWN, (size_t)symbols->n_strings + 1);
    memset(of_location, UNKNOWN, (size_t)symbols->n_locations + 1);
    const Marking marking = {filter, symbols, lines, of_string, of_location};
    /* The class of the way to each node first, then whether its stacks stay. */
    g_autofree uint8_t *marks = g_malloc0((size_t)symbols->n_nodes + 1);
    for (uint32_t i = 1; i < symbols->n_nodes; i++)
        marks[i] =
            marks[symbols->node_parent[i]] | location_class(&marking, symbols->node_location[i]);
    for (uint32_t i = 0; i < symbols->n_nodes; i++)
        marks[i] = !(marks[i] & EXCLUDED) && (!filter->wants_included || (marks[i] & INCLUDED));
    return check_regexes(filter, error) ? g_steal_pointer(&marks) : NULL;
}
