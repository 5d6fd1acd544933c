/* Volumes that fill up, as the kubelet measures them. */
#include "analyzers/checks/metric.h"
#include "analyzers/checks/table.h"

static void run_claims(CheckRun *run);

/* Volumes that are empty by nature (block devices, read-only ones) use nothing. */
#define FREE_SHARE                                                                                 \
    "kubelet_volume_stats_available_bytes{$S} / kubelet_volume_stats_capacity_bytes{$S}"
#define FREE_INODES "kubelet_volume_stats_inodes_free{$S} / kubelet_volume_stats_inodes{$S}"

static const TelemetryQuery space = {
    .name = "claim-space",
    .families = "kubelet_volume_stats_available_bytes kubelet_volume_stats_capacity_bytes",
    .text = "(" FREE_SHARE " < 0.03) or (max_over_time((" FREE_SHARE
            ")[1h:1m]) < 0.15 and predict_linear(kubelet_volume_stats_available_bytes{$S}[6h], "
            "4 * 86400) < 0)",
};
static const TelemetryQuery inodes = {
    .name = "claim-inodes",
    .families = "kubelet_volume_stats_inodes_free kubelet_volume_stats_inodes",
    .text = "(" FREE_INODES " < 0.03) or (max_over_time((" FREE_INODES
            ")[1h:1m]) < 0.15 and predict_linear(kubelet_volume_stats_inodes_free{$S}[6h], "
            "4 * 86400) < 0)",
};

enum { ROW_SPACE, ROW_INODES };

#define CLAIM_ROW(name, seen, told_by, step, asked)                                                \
    {                                                                                              \
        .id = name, .kind = "PersistentVolumeClaim", .severity = SEVERITY_MEDIUM,                  \
        .stage = STAGE_ADVICE, .tier = 2, .hold_s = 3600, .symptom = seen, .meaning = told_by,     \
        .fix = step, .run = run_claims, .needs = {KIND_PVC}, .asks = {                             \
            asked                                                                                  \
        }                                                                                          \
    }

static const CheckRow rows[] = {
    [ROW_SPACE] =
        CLAIM_ROW("pvc-filling-up", "A volume is about to be full.",
                  "For an hour less than 15 % of it was free, with a trend that fills it "
                  "within four days; critical when less than 3 % is free.",
                  "Expand the claim, if its StorageClass allows that, or clean it up.", &space),
    [ROW_INODES] = CLAIM_ROW("pvc-inodes-filling",
                             "A volume can hardly take another file, though it has space.",
                             "For an hour less than 15 % of its inodes were free, with a trend "
                             "that uses them up within four days; critical when less than 3 % are "
                             "free.",
                             "Remove what made very many small files, or make the file system "
                             "anew with more inodes.",
                             &inodes),
};

const CheckTopic check_topic_claim_metric = {rows, G_N_ELEMENTS(rows)};

/* Nobody can fill a volume that is only read. */
static bool
is_written(const CheckRun *run, const Object *claim, const MetricSeries *series)
{
    const Value *mode = value_first(claim->value, "spec.accessModes");
    (void)run;
    (void)series;
    return mode == NULL || mode->next != NULL || !value_is(mode, "", "ReadOnlyMany");
}

static const MetricRule rules[] = {
    {
        .query = &space,
        .row = &rows[ROW_SPACE],
        .place = PLACE_CLAIM,
        .unit = UNIT_LEFT,
        .worse = SEVERITY_CRITICAL,
        .worse_below = 0.03,
        .is_told = is_written,
        .title = "The volume of claim {object} is {value} full",
        .cause = "The volume of claim {object} is {value} full; when it is full, what writes to it "
                 "fails.",
    },
    {
        .query = &inodes,
        .row = &rows[ROW_INODES],
        .place = PLACE_CLAIM,
        .unit = UNIT_LEFT,
        .worse = SEVERITY_CRITICAL,
        .worse_below = 0.03,
        .is_told = is_written,
        .title = "The volume of claim {object} has used {value} of its inodes",
        .cause = "The volume of claim {object} has used {value} of its inodes: then no file can be "
                 "made in it, however much space is left.",
    },
};

static void
run_claims(CheckRun *run)
{
    metric_run(run, rules, G_N_ELEMENTS(rules));
}
