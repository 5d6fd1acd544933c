#include "analyzers/run_sample.h"

#include <string.h>

#include "lib/base/metrics.h"
#include "lib/remote_write/write_request.h"

typedef struct {
    const char *name, *type, *help;
    GPtrArray *samples; /* Sample */
} Family;

typedef struct {
    GStrv labels; /* name, value, … */
    double value;
} Sample;

struct RunSamples {
    char *cluster;
    GPtrArray *families; /* Family */
};

static void
sample_free(gpointer data)
{
    Sample *sample = data;
    g_strfreev(sample->labels);
    g_free(sample);
}

static void
family_free(gpointer data)
{
    Family *family = data;
    g_ptr_array_unref(family->samples);
    g_free(family);
}

RunSamples *
run_samples_new(const char *cluster)
{
    RunSamples *samples = g_new0(RunSamples, 1);
    samples->cluster = g_strdup(cluster);
    samples->families = g_ptr_array_new_with_free_func(family_free);
    return samples;
}

void
run_samples_free(RunSamples *samples)
{
    if (samples == NULL)
        return;
    g_free(samples->cluster);
    g_ptr_array_unref(samples->families);
    g_free(samples);
}

void
run_samples_begin(RunSamples *samples, const char *name, const char *type, const char *help)
{
    Family *family = g_new0(Family, 1);
    *family = (Family){name, type, help, g_ptr_array_new_with_free_func(sample_free)};
    g_ptr_array_add(samples->families, family);
}

void
run_samples_add(RunSamples *samples, const char *const *labels, double value)
{
    static const char *const none[] = {NULL};
    Family *family = samples->families->pdata[samples->families->len - 1];
    Sample *sample = g_new0(Sample, 1);
    sample->labels = g_strdupv((GStrv)(uintptr_t)(labels != NULL ? labels : none));
    sample->value = value;
    g_ptr_array_add(family->samples, sample);
}

/* ---- Text. ---- */

static void
append_sample(GString *out, const RunSamples *samples, const Family *family, const Sample *sample)
{
    char number[G_ASCII_DTOSTR_BUF_SIZE];
    g_string_append_printf(out, "%s{cluster=\"", family->name);
    metrics_append_label_value(out, samples->cluster);
    for (size_t i = 0; sample->labels[i] != NULL; i += 2) {
        g_string_append_printf(out, "\",%s=\"", sample->labels[i]);
        metrics_append_label_value(out, sample->labels[i + 1]);
    }
    g_string_append_printf(out, "\"} %s\n",
                           g_ascii_formatd(number, sizeof(number), "%.15g", sample->value));
}

GString *
run_samples_text(const RunSamples *samples)
{
    GString *out = g_string_new(NULL);
    for (guint i = 0; i < samples->families->len; i++) {
        const Family *family = samples->families->pdata[i];
        g_string_append_printf(out, "# HELP %s %s\n# TYPE %s %s\n", family->name, family->help,
                               family->name, family->type);
        for (guint k = 0; k < family->samples->len; k++)
            append_sample(out, samples, family, family->samples->pdata[k]);
    }
    return out;
}

/* ---- Remote write. ---- */

typedef struct {
    const char *name, *value;
} Label;

static gint
compare_labels(gconstpointer left, gconstpointer right)
{
    return strcmp(((const Label *)left)->name, ((const Label *)right)->name);
}

static void
add_label(GArray *labels, const char *name, const char *value)
{
    const Label label = {name, value};
    if (*value != '\0') /* is the same as none */
        g_array_append_val(labels, label);
}

static void
write_series(WriteRequest *request, const RunSamples *samples, const Family *family,
             const Sample *sample, int64_t time_ms)
{
    g_autoptr(GArray) labels = g_array_new(FALSE, FALSE, sizeof(Label));
    add_label(labels, "__name__", family->name);
    add_label(labels, "job", "cresset-analyzer");
    add_label(labels, "cluster", samples->cluster);
    for (size_t i = 0; sample->labels[i] != NULL; i += 2)
        add_label(labels, sample->labels[i], sample->labels[i + 1]);
    g_array_sort(labels, compare_labels);
    for (guint i = 0; i < labels->len; i++) {
        const Label *label = &g_array_index(labels, Label, i);
        write_request_label(request, label->name, label->value);
    }
    write_request_sample(request, sample->value, time_ms);
}

GBytes *
run_samples_write_request(const RunSamples *samples, int64_t time_ms)
{
    g_autoptr(WriteRequest) request = write_request_new();
    for (guint i = 0; i < samples->families->len; i++) {
        const Family *family = samples->families->pdata[i];
        for (guint k = 0; k < family->samples->len; k++)
            write_series(request, samples, family, family->samples->pdata[k], time_ms);
    }
    return write_request_encode(request);
}
