/* Why a profile was refused: the value of the label `reason` of pyroscope_discarded_samples_total
 * and pyroscope_discarded_bytes_total. */
#pragma once

typedef enum {
    REASON_NONE = -1, /* it was not */
    REASON_MISSING_LABELS,
    REASON_INVALID_LABELS,
    REASON_LABEL_NAMES,
    REASON_LABEL_NAME_TOO_LONG,
    REASON_LABEL_VALUE_TOO_LONG,
    REASON_DUPLICATE_LABELS,
    REASON_WINDOW,
    REASON_PROFILE_SIZE,
    REASON_SAMPLES,
    REASON_SAMPLE_LABELS,
    REASON_MALFORMED,
    REASON_BODY_SIZE,
    REASON_RATE,    /* the tenant pushes too fast */
    REASON_LIMIT,   /* the tenant has pushed what it may in the period */
    REASON_SERIES,  /* the profile splits into too many series, or the tenant has too many */
    REASON_STORE,   /* the store could not write it */
    REASON_RELABEL, /* a rule of the tenant drops it: no error */
    REASON_SAMPLED, /* sampling of the tenant drops it: no error */
} IngestReason;
