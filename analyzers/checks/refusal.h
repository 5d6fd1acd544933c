/* Objects that the API server refuses to make for a controller, and why. */
#pragma once
#include "analyzers/checks/check.h"

typedef enum {
    REFUSAL_OTHER,
    REFUSAL_QUOTA,           /* exceeded quota */
    REFUSAL_QUOTA_DEMANDS,   /* a quota demands requests or limits that are not given */
    REFUSAL_LIMIT_RANGE,     /* outside the minimum or maximum of a LimitRange */
    REFUSAL_POD_SECURITY,    /* violates the level of its namespace */
    REFUSAL_SERVICE_ACCOUNT, /* its ServiceAccount does not exist */
    REFUSAL_WEBHOOK_FAILED,  /* a webhook does not answer */
    REFUSAL_WEBHOOK_DENIED,  /* a webhook says no */
    REFUSAL_POLICY_DENIED,   /* a ValidatingAdmissionPolicy says no */
    REFUSAL_PRIORITY_CLASS,  /* its PriorityClass does not exist */
    REFUSAL_NAMESPACE_GOES,  /* the namespace is being deleted */
    REFUSAL_FORBIDDEN,       /* "forbidden" without a reason that is known */
} RefusalClass;

/* Classifies the text of a refusal. *ret_subject (free with g_free; NULL when none is named): the
 * quota, the level, the account, the webhook, the policy or the class. */
RefusalClass refusal_classify(const char *message, char **ret_subject);
/* "a quota is used up": the class in a few words. */
const char *refusal_class_text(RefusalClass class);
/* The part of a message that says why, without the name of the object that was to be made. */
const char *refusal_reason(const char *message);

typedef struct {
    const Object *maker; /* whose pods are refused: the uppermost controller */
    const Object *by;    /* which of its objects was to make them: its ReplicaSet, or itself */
    const char *message; /* in the snapshot */
    RefusalClass class;
    char *subject;   /* see refusal_classify; "" */
    int64_t since_s; /* 0: not known */
} Refusal;

/* Refusal of every controller that still lacks objects, one each; free with g_ptr_array_unref. */
GPtrArray *refusals_find(const CheckRun *run);
