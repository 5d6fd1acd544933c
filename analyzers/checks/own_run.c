/* What the analyzer says of its own runs: told by `run`, which has a state and receivers; no look
 * at a cluster finds it. */
#include "analyzers/checks/table.h"

#define OWN_ROW(name, about, level, seen, told_by, step)                                           \
    {                                                                                              \
        .id = name, .kind = about, .severity = level, .stage = STAGE_BACKEND, .tier = 1,           \
        .symptom = seen, .meaning = told_by, .fix = step                                           \
    }

static const CheckRow rows[] = {
    OWN_ROW(
        "analyzer-late", "CronJob", SEVERITY_MEDIUM,
        "For some time nobody has looked at the cluster.",
        "`run` finds in its state that there was no run for more than two of the usual "
        "intervals, and a quarter of an hour, or has itself looked at the cluster for more than "
        "8 minutes.",
        "Look at the schedule of the CronJob, its limits, and how long the API takes."),
    OWN_ROW("analyzer-heartbeat", "Backend", SEVERITY_INFO,
            "The analyzer itself has stopped, and nobody notices.",
            "At the end of each `run` the URL `heartbeat` of the file of --notify-file is called, "
            "and `daily` sends a message that all is quiet: that they stay away is for others to "
            "see (docs/notifications.md).",
            "Let a dead man's switch outside of the cluster wait for the call."),
    OWN_ROW("slack-delivery-failing", "Backend", SEVERITY_HIGH, "Messages do not arrive.",
            "`run` says it on stderr and exits with 2 when a receiver has refused a message, or "
            "has failed twice in a row. What could not be sent waits in the state. With "
            "`--failure-event NAMESPACE/NAME` of a CronJob it is an Event of Kubernetes there too, "
            "one an hour for each receiver.",
            "Read what the receiver answers: its URL is wrong or revoked, or it is away; `kubectl "
            "get events` shows it where `--failure-event` names the CronJob."),
};

const CheckTopic check_topic_own_run = {rows, G_N_ELEMENTS(rows)};
