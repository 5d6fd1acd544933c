#include "analyzers/confirm.h"

#include <stdio.h>

#include "analyzers/enrich/backfill.h"

static bool
is_young_silence(const Finding *finding, int64_t now_s)
{
    return backfill_is_about(finding->check->id) && finding->since_s > 0 &&
           now_s - finding->since_s < CONFIRM_AGE_S;
}

static bool
has_young_silence(const Look *look)
{
    const GPtrArray *all = look->findings->all;
    for (guint i = 0; i < all->len; i++) {
        if (is_young_silence(all->pdata[i], look->check.now_s))
            return true;
    }
    return false;
}

static void
wait_until(int64_t time_s)
{
    int64_t left_us = time_s * G_USEC_PER_SEC - g_get_real_time();
    if (left_us <= 0)
        return;
    (void)fprintf(stderr,
                  "cresset-analyzer: a collector is silent for a short time: its metrics are asked "
                  "for again in %" G_GINT64_FORMAT " s\n",
                  left_us / G_USEC_PER_SEC + 1);
    g_usleep((gulong)left_us);
}

bool
confirm_silences(Look *look, GError **error)
{
    if (look->confirm_s == 0 || look->backends.apis[SOURCE_METRICS] == NULL ||
        !has_young_silence(look))
        return true;
    CheckOptions later = look->check;
    later.now_s += look->confirm_s;
    wait_until(later.now_s);
    Telemetry *telemetry;
    if (!backends_ask(&look->backends, &look->options->input, &later, &telemetry, error))
        return false;
    findings_free(look->findings);
    telemetry_free(look->telemetry);
    look->check.telemetry = look->telemetry = telemetry;
    look->findings = check_all(look->snapshot, &look->check);
    return true;
}
