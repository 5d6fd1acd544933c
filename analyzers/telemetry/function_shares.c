#include "analyzers/telemetry/function_shares.h"

#include <string.h>

#include "analyzers/telemetry/series.h"
#include "lib/base/error.h"

/* A flame graph of 16,384 nodes is about 4 MB as values. */
enum { FLAME_BYTES_MAX = 64 * 1024 * 1024 };

struct FunctionShares {
    GStringChunk *names;
    GArray *all;        /* FunctionShare */
    GHashTable *places; /* name to its index in `all` plus 1 */
    double total;
};

void
function_shares_free(FunctionShares *shares)
{
    if (shares == NULL)
        return;
    g_hash_table_unref(shares->places);
    g_array_unref(shares->all);
    g_string_chunk_free(shares->names);
    g_free(shares);
}

static FunctionShares *
new_shares(void)
{
    FunctionShares *shares = g_new0(FunctionShares, 1);
    shares->names = g_string_chunk_new(1024);
    shares->all = g_array_new(FALSE, TRUE, sizeof(FunctionShare));
    shares->places = g_hash_table_new(g_str_hash, g_str_equal);
    return shares;
}

/* Protobuf's JSON writes 64 bits as texts; numbers are taken too. */
static bool
read_number(const Value *value, gint64 *ret_number)
{
    return value != NULL && (value->type == VALUE_TEXT || value->type == VALUE_NUMBER) &&
           g_ascii_string_to_signed(value->text, 10, 0, G_MAXINT64, ret_number, NULL);
}

static void
add_self(FunctionShares *shares, const char *name, double self)
{
    guint place = GPOINTER_TO_UINT(g_hash_table_lookup(shares->places, name));
    if (place == 0) {
        const FunctionShare share = {.name = g_string_chunk_insert(shares->names, name)};
        g_array_append_val(shares->all, share);
        place = shares->all->len;
        g_hash_table_insert(shares->places, (gpointer)(uintptr_t)share.name,
                            GUINT_TO_POINTER(place));
    }
    g_array_index(shares->all, FunctionShare, place - 1).share += self;
}

/* Four numbers per node: offset, total, self, name. */
static bool
read_level(FunctionShares *shares, const Value *level, const GPtrArray *names)
{
    const Value *value = value_first(level, "values");
    while (value != NULL) {
        gint64 numbers[4];
        for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++, value = value->next) {
            if (!read_number(value, &numbers[i]))
                return false;
        }
        if (numbers[3] >= names->len)
            return false;
        if (numbers[2] > 0)
            add_self(shares, names->pdata[numbers[3]], (double)numbers[2]);
    }
    return true;
}

static gint
compare_shares(gconstpointer left, gconstpointer right)
{
    const FunctionShare *a = left, *b = right;
    if (a->share > b->share || a->share < b->share)
        return a->share > b->share ? -1 : 1;
    return strcmp(a->name, b->name);
}

/* The sums become shares of their total. */
static void
finish(FunctionShares *shares)
{
    for (guint i = 0; i < shares->all->len; i++)
        shares->total += g_array_index(shares->all, FunctionShare, i).share;
    g_array_sort(shares->all, compare_shares);
    for (guint i = 0; i < shares->all->len; i++) {
        FunctionShare *share = &g_array_index(shares->all, FunctionShare, i);
        share->share /= shares->total;
        g_hash_table_insert(shares->places, (gpointer)(uintptr_t)share->name,
                            GUINT_TO_POINTER(i + 1));
    }
}

FunctionShares *
function_shares_read(GBytes *body, GError **error)
{
    g_autoptr(Arena) arena = arena_new(FLAME_BYTES_MAX);
    const Value *document = answer_read_json(body, arena, error);
    if (document == NULL)
        return NULL;
    if (document->type != VALUE_MAP) {
        (void)error_set(error, CRESSET_ERROR_INVALID_ARGUMENT, "the answer is no map");
        return NULL;
    }
    g_autoptr(FunctionShares) shares = new_shares();
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (const Value *name = value_first(document, "flamegraph.names"); name != NULL;
         name = name->next)
        g_ptr_array_add(names, (gpointer)(uintptr_t)value_text(name, ""));
    for (const Value *level = value_first(document, "flamegraph.levels"); level != NULL;
         level = level->next) {
        if (!read_level(shares, level, names)) {
            (void)error_set(error, CRESSET_ERROR_INVALID_ARGUMENT,
                            "a level of the flame graph is not offset, total, self and name");
            return NULL;
        }
    }
    finish(shares);
    return g_steal_pointer(&shares);
}

double
function_shares_total(const FunctionShares *shares)
{
    return shares->total;
}

const FunctionShare *
function_shares_all(const FunctionShares *shares, guint *ret_n)
{
    *ret_n = shares->all->len;
    return (const FunctionShare *)(const void *)shares->all->data;
}

double
function_shares_of(const FunctionShares *shares, const char *name)
{
    guint place =
        GPOINTER_TO_UINT(shares != NULL ? g_hash_table_lookup(shares->places, name) : NULL);
    return place > 0 ? g_array_index(shares->all, FunctionShare, place - 1).share : 0;
}
