#include "tests/unit/server/store/fixture.h"

#include <string.h>
#include <xxhash.h>

static GMutex lock;
static GCond answered;
static unsigned n_waiting;

static void
free_model_row(void *data)
{
    ModelRow *row = data;
    g_free(row->tenant);
    g_strfreev(row->annotations);
    g_free(row->labels);
    g_free(row);
}

void
model_init(Model *model)
{
    model->rows = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_model_row);
    model->next_id = 1;
}

void
model_clear(Model *model)
{
    g_clear_pointer(&model->rows, g_hash_table_unref);
}

static char *
id_text(const uint8_t *id)
{
    uint32_t words[4];
    memcpy(words, id, sizeof words);
    return g_strdup_printf("%08x%08x%08x%08x", words[0], words[1], words[2], words[3]);
}

static char *
labels_text(const Labels *labels)
{
    GString *text = g_string_new(NULL);
    for (uint32_t i = 0; i < labels->n_labels; i++)
        g_string_append_printf(text, "%s=%s,", labels->labels[i].name, labels->labels[i].value);
    return g_string_free(text, FALSE);
}

typedef struct {
    ModelRow *rows[8];
    unsigned n;
} Acknowledgement;

static void
on_done(void *data, const GError *error)
{
    Acknowledgement *wanted = data;
    g_mutex_lock(&lock);
    for (unsigned i = 0; i < wanted->n; i++)
        wanted->rows[i]->is_acked = error == NULL;
    n_waiting--;
    g_cond_broadcast(&answered);
    g_mutex_unlock(&lock);
    g_free(wanted);
}

void
model_wait(Model *model)
{
    (void)model;
    g_mutex_lock(&lock);
    while (n_waiting > 0)
        g_cond_wait(&answered, &lock);
    g_mutex_unlock(&lock);
}

static Labels *
make_labels(const ModelAppend *append, unsigned type)
{
    g_autofree char *profile_type = g_strdup_printf("process_cpu:type%u:count:cpu:ns", type);
    Label pairs[] = {{"service_name", append->service},
                     {"__name__", "process_cpu"},
                     {"__profile_type__", profile_type},
                     {"pod", append->pod}};
    return labels_new(pairs, G_N_ELEMENTS(pairs));
}

static int64_t
random_value(GRand *random, unsigned type)
{
    if (g_rand_int_range(random, 0, 50) == 0)
        return (int64_t)g_rand_int(random) << 20 | 1;
    int64_t value = g_rand_int_range(random, 0, 4) == 0 ? g_rand_int_range(random, 1, 300) : 1;
    return type == 1 ? value * 10000000 : value;
}

static uint64_t
span_hash(const StoreSpan *span)
{
    return XXH3_64bits(span, sizeof *span) | 1;
}

/* One row in three has spans, some of them with traces, shared by its samples. */
static StoreSpan *
random_spans(GRand *random, uint32_t n)
{
    if (g_rand_int_range(random, 0, 3) != 0)
        return NULL;
    StoreSpan *spans = g_new0(StoreSpan, (size_t)n + 1);
    for (uint32_t i = 0; i < n; i++) {
        uint64_t which = (uint64_t)g_rand_int_range(random, 0, 8); /* 0 is none */
        spans[i] = (StoreSpan){which % 2 << 63, which % 3, which << 60 | which};
    }
    return spans;
}

static int
compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* One row in four has annotations, some of them two of one name. */
static GStrv
annotate(StoreRow *row, uint32_t number)
{
    static const Label annotations[] = {
        {"throttled", "a"}, {"throttled", "b"}, {"sampled", "a"}, {"throttled", ""}};
    g_autoptr(GPtrArray) texts = g_ptr_array_new();
    row->n_annotations = number % 4 == 0 ? 1 + number / 4 % 2 : 0;
    row->annotations = annotations + number / 8 % 3;
    for (uint32_t i = 0; i < row->n_annotations; i++)
        g_ptr_array_add(
            texts, g_strdup_printf("%s=%s", row->annotations[i].name, row->annotations[i].value));
    g_ptr_array_sort(texts, compare_texts);
    g_ptr_array_add(texts, NULL);
    return (GStrv)g_ptr_array_free(g_steal_pointer(&texts), FALSE);
}

static ModelRow *
fill_row(Model *model, GRand *random, const FixtureProfile *profile, const ModelAppend *append,
         unsigned type, StoreRow *row, const uint32_t *positions, int64_t *values)
{
    ModelRow *wanted = g_new0(ModelRow, 1);
    *row = (StoreRow){.labels = make_labels(append, type),
                      .profile = &profile->profile,
                      .samples = positions,
                      .values = values,
                      .n_samples = profile->profile.n_samples,
                      .time_ns = append->time_ns,
                      .duration_ns = 10000000000 + type,
                      .period = 10000000};
    memcpy(row->id, (uint32_t[]){model->next_id++, type, 7, g_rand_int(random)}, 16);
    wanted->annotations = annotate(row, model->next_id);
    row->spans = random_spans(random, row->n_samples);
    for (uint32_t i = 0; i < row->n_samples; i++) {
        values[i] = random_value(random, type);
        const StoreSpan *span = row->spans != NULL ? &row->spans[i] : NULL;
        if (span != NULL && span->span != 0)
            wanted->span_fingerprint +=
                (uint64_t)values[i] * (profile->stack_hash[i] ^ span_hash(span));
        wanted->total += values[i];
        wanted->fingerprint += (uint64_t)values[i] * profile->stack_hash[i];
    }
    wanted->tenant = g_strdup(append->tenant);
    wanted->labels = labels_text(row->labels);
    wanted->time_ns = row->time_ns;
    wanted->duration_ns = row->duration_ns;
    wanted->period = row->period;
    return wanted;
}

bool
model_append(Model *model, Store *store, GRand *random, const FixtureProfile *profile,
             const ModelAppend *append)
{
    StoreRow rows[8];
    int64_t *values[8];
    uint32_t n = profile->profile.n_samples;
    g_autofree uint32_t *positions = g_new(uint32_t, n + 1);
    for (uint32_t i = 0; i < n; i++)
        positions[i] = i;
    Acknowledgement *wanted = g_new0(Acknowledgement, 1);
    wanted->n = append->n_types;
    for (unsigned type = 0; type < append->n_types; type++) {
        values[type] = g_new(int64_t, n + 1);
        wanted->rows[type] =
            fill_row(model, random, profile, append, type, &rows[type], positions, values[type]);
        g_hash_table_insert(model->rows, id_text(rows[type].id), wanted->rows[type]);
    }
    g_mutex_lock(&lock);
    n_waiting++;
    g_mutex_unlock(&lock);
    bool is_ok = store_append(store, append->tenant, rows, append->n_types, on_done, wanted, NULL);
    if (!is_ok) {
        GError failed = {0};
        on_done(wanted, &failed);
    }
    for (unsigned type = 0; type < append->n_types; type++) {
        labels_unref((Labels *)(uintptr_t)rows[type].labels);
        g_free((void *)(uintptr_t)rows[type].spans);
        g_free(values[type]);
    }
    return is_ok;
}

typedef struct {
    Model *model;
    char *wrong;
    GRand *random;
} Check;

/* The hash of the folded path of every node. */
static uint64_t *
node_hashes(const SymbolView *symbols)
{
    g_autofree uint64_t *functions = g_new0(uint64_t, symbols->n_function_nodes);
    for (uint32_t i = 1; i < symbols->n_function_nodes; i++) {
        uint32_t length;
        const char *name = symbol_string(symbols, symbols->function_name[i], &length);
        g_assert(symbols->function_parent[i] < i);
        functions[i] = fixture_path_hash(functions[symbols->function_parent[i]], name, length);
    }
    uint64_t *nodes = g_new0(uint64_t, symbols->n_nodes);
    for (uint32_t i = 0; i < symbols->n_nodes; i++) {
        g_assert(i == 0 || symbols->node_parent[i] < i);
        nodes[i] = functions[symbols->function_of_node[i]];
    }
    return nodes;
}

static void
compare_row(Check *check, const StoreDataset *dataset, uint32_t at, uint64_t fingerprint)
{
    const StoreRowView *row = &dataset->rows[at];
    g_autofree char *id = id_text(row->id);
    g_autofree char *labels = labels_text(dataset->series[row->series].labels);
    ModelRow *wanted = g_hash_table_lookup(check->model->rows, id);
    if (wanted == NULL)
        check->wrong = g_strdup_printf("row %s was never appended", id);
    else if (++wanted->n_seen > 1)
        check->wrong = g_strdup_printf("row %s is there %u times", id, wanted->n_seen);
    else if (strcmp(wanted->tenant, dataset->tenant) != 0 || strcmp(wanted->labels, labels) != 0)
        check->wrong = g_strdup_printf("row %s has labels %s, not %s", id, labels, wanted->labels);
    else if (wanted->time_ns != row->time_ns || wanted->duration_ns != row->duration_ns ||
             wanted->period != row->period || wanted->total != row->total)
        check->wrong = g_strdup_printf("row %s has another time, duration, period or total", id);
    else if (wanted->fingerprint != fingerprint)
        check->wrong = g_strdup_printf("row %s has other samples", id);
}

static void
check_annotations(Check *check, const StoreDataset *dataset, uint32_t at)
{
    const StoreAnnotations *annotations = &dataset->annotations;
    g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);
    for (uint32_t i = 0; i < annotations->n_rows; i++) {
        if (annotations->rows[i].row != at)
            continue;
        const Label *pair = annotations->table[annotations->rows[i].annotation]->labels;
        g_ptr_array_add(texts, g_strdup_printf("%s=%s", pair->name, pair->value));
    }
    g_ptr_array_sort(texts, compare_texts);
    g_ptr_array_add(texts, NULL);
    g_autofree char *id = id_text(dataset->rows[at].id);
    const ModelRow *wanted = g_hash_table_lookup(check->model->rows, id);
    if (!g_strv_equal((const char *const *)texts->pdata, (const char *const *)wanted->annotations))
        check->wrong = g_strdup_printf("row %s has other annotations", id);
}
/* The same sum as the model's. */
static bool
check_spans(Check *check, const StoreDataset *dataset, uint32_t at, const uint64_t *hashes,
            GError **error)
{
    g_autoptr(GArray) samples = g_array_new(FALSE, FALSE, sizeof(StoreSpanSample));
    if (!store_dataset_spans(dataset, at, samples, error))
        return false;
    uint64_t fingerprint = 0;
    for (guint i = 0; i < samples->len; i++) {
        const StoreSpanSample *sample = &g_array_index(samples, StoreSpanSample, i);
        fingerprint += (uint64_t)sample->value * (hashes[sample->node] ^ span_hash(&sample->span));
    }
    g_autofree char *id = id_text(dataset->rows[at].id);
    const ModelRow *wanted = g_hash_table_lookup(check->model->rows, id);
    if (wanted->span_fingerprint != fingerprint)
        check->wrong = g_strdup_printf("row %s has other spans", id);
    return true;
}

static bool
check_dataset(const StoreDataset *dataset, void *data, GError **error)
{
    Check *check = data;
    g_autofree uint64_t *hashes = node_hashes(dataset->symbols);
    g_autofree int64_t *totals = g_new0(int64_t, dataset->symbols->n_nodes);
    for (uint32_t i = 0; i < dataset->n_rows && check->wrong == NULL; i++) {
        const StoreRowView *row = &dataset->rows[i];
        if (i > 0 && (row[-1].series > row->series ||
                      (row[-1].series == row->series && row[-1].time_ns > row->time_ns)))
            check->wrong = g_strdup("rows are not sorted by series and time");
        memset(totals, 0, dataset->symbols->n_nodes * sizeof *totals);
        if (!store_dataset_accumulate(dataset, &i, 1, totals, error))
            return false;
        uint64_t fingerprint = 0;
        for (uint32_t node = 0; node < dataset->symbols->n_nodes; node++)
            fingerprint += (uint64_t)totals[node] * hashes[node];
        compare_row(check, dataset, i, fingerprint);
        if (check->wrong == NULL)
            check_annotations(check, dataset, i);
        if (check->wrong == NULL && !check_spans(check, dataset, i, hashes, error))
            return false;
    }
    return check->wrong == NULL;
}

static char *
visit_all(Check *check, Store *store, const char *tenant, StoreVisit visit)
{
    g_autoptr(GError) error = NULL;
    bool is_partial = false;
    if (!store_visit(store, tenant, NULL, INT64_MIN, INT64_MAX, STORE_WITH_SPANS, visit, check,
                     &is_partial, &error))
        return g_strdup_printf("visit failed: %s", error->message);
    if (is_partial && check->wrong == NULL)
        return g_strdup("the answer is partial");
    return check->wrong;
}

char *
model_check(Model *model, Store *store)
{
    GHashTableIter iter;
    void *key, *value;
    g_hash_table_iter_init(&iter, model->rows);
    while (g_hash_table_iter_next(&iter, &key, &value))
        ((ModelRow *)value)->n_seen = 0;
    Check check = {.model = model};
    g_auto(GStrv) tenants = store_tenants(store);
    for (size_t i = 0; tenants[i] != NULL; i++) {
        char *wrong = visit_all(&check, store, tenants[i], check_dataset);
        if (wrong != NULL)
            return wrong;
    }
    g_hash_table_iter_init(&iter, model->rows);
    char *wrong = NULL;
    g_mutex_lock(&lock);
    while (wrong == NULL && g_hash_table_iter_next(&iter, &key, &value)) {
        const ModelRow *row = value;
        if (row->is_acked && row->n_seen != 1)
            wrong =
                g_strdup_printf("acknowledged row %s is there %u times", (char *)key, row->n_seen);
    }
    g_mutex_unlock(&lock);
    return wrong;
}

static bool
check_sums(const StoreDataset *dataset, void *data, GError **error)
{
    Check *check = data;
    g_autofree uint64_t *hashes = node_hashes(dataset->symbols);
    g_autofree int64_t *totals = g_new0(int64_t, dataset->symbols->n_nodes);
    g_autofree uint32_t *rows = g_new(uint32_t, dataset->n_rows);
    uint64_t wanted = 0, fingerprint = 0;
    uint32_t n = 0;
    int chance = g_rand_int_range(check->random, 0, 5);
    for (uint32_t i = 0; i < dataset->n_rows; i++) {
        if (g_rand_int_range(check->random, 0, 4) < chance) {
            g_autofree char *id = id_text(dataset->rows[i].id);
            const ModelRow *row = g_hash_table_lookup(check->model->rows, id);
            wanted += row->fingerprint;
            rows[n++] = i;
        }
    }
    if (!store_dataset_accumulate(dataset, rows, n, totals, error))
        return false;
    for (uint32_t node = 0; node < dataset->symbols->n_nodes; node++)
        fingerprint += (uint64_t)totals[node] * hashes[node];
    if (fingerprint != wanted)
        check->wrong = g_strdup_printf("sum over %u rows differs", n);
    return check->wrong == NULL;
}

char *
model_check_sums(Model *model, Store *store, GRand *random, const char *tenant)
{
    Check check = {.model = model, .random = random};
    return visit_all(&check, store, tenant, check_sums);
}

typedef struct {
    GHashTable *ids;
    uint64_t n_rows;
} CountedIds;

static bool
check_ids(const StoreDataset *dataset, void *data, GError **error)
{
    CountedIds *counted = data;
    (void)error;
    for (uint32_t i = 0; i < dataset->n_rows; i++)
        g_hash_table_add(counted->ids, id_text(dataset->rows[i].id));
    counted->n_rows += dataset->n_rows;
    return true;
}

char *
model_check_once(Store *store, uint64_t *n_rows)
{
    g_auto(GStrv) tenants = store_tenants(store);
    g_autoptr(GHashTable) ids = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    uint64_t n_seen = 0;
    for (size_t i = 0; tenants[i] != NULL; i++) {
        CountedIds counted = {ids, 0};
        bool is_partial = false;
        if (!store_visit(store, tenants[i], NULL, INT64_MIN, INT64_MAX, STORE_WITH_ROWS, check_ids,
                         &counted, &is_partial, NULL) ||
            is_partial)
            return g_strdup("a concurrent visit failed");
        n_seen += counted.n_rows;
    }
    if (n_seen < *n_rows)
        return g_strdup("a row that was seen before is gone");
    *n_rows = n_seen;
    return g_hash_table_size(ids) == n_seen ? NULL : g_strdup("a row was seen twice");
}
