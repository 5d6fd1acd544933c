/* What is told within findings of other checks, as it says why they began or where to look: a
 * finding of its own would tell of the same trouble twice. */
#include "analyzers/checks/table.h"

#define ONSET_ROW(name, about, seen, told_by, step)                                                \
    {                                                                                              \
        .id = name, .kind = about, .severity = SEVERITY_INFO, .stage = STAGE_ADVICE, .tier = 2,    \
        .symptom = seen, .meaning = told_by, .fix = step                                           \
    }

static const CheckRow rows[] = {
    ONSET_ROW("netpol-new-blocks", "NetworkPolicy",
              "Pods stopped being ready soon after a NetworkPolicy was changed.",
              "A line of evidence of the other netpol checks, whose severity is one higher then: "
              "a pod was ready until a quarter of an hour after the policy was changed, at most.",
              "Compare the policy with what it was before."),
    ONSET_ROW("restart-after-deploy", "Controller of pods", "The trouble began with a roll-out.",
              "A line of findings about a Deployment, StatefulSet or DaemonSet: the trouble began "
              "within half an hour after the newest revision was made. What the revision changed "
              "is told, of the environment only names.",
              "Go back to the revision before, or correct what the new one changed."),
    ONSET_ROW("profile-hotspot", "Controller of pods",
              "A program takes more CPU or memory than it did.",
              "Lines of evidence of checks about CPU and memory, where a store of profiles is "
              "configured: the functions that take most, against a day before and the revision "
              "before, with a link to the flame graph.",
              "Begin to read in the function that has grown most."),
};

const CheckTopic check_topic_onset = {rows, G_N_ELEMENTS(rows)};
