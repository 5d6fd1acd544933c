/* What the log of a collector says of what it sends. */
#pragma once
#include "analyzers/checks/check.h"

typedef struct {
    const char *why;  /* "the back end limits it"; NULL: the log says nothing of it */
    const char *step; /* what to do first about it */
    char *line;       /* the last line that says so, without secrets, bounded */
    char *host;       /* that it sends to, "mimir.example"; NULL: the line does not say */
    int port;         /* likewise; 0: not said */
    int64_t since_s;  /* of the first such line in the end of the log; 0: not said */
} ShippingTrouble;

void shipping_trouble_clear(ShippingTrouble *trouble);
/* Reads the log of a container, and tells the findings of the line. Returns whether it says
 * something. */
bool shipping_trouble_read(const CheckRun *run, const Object *pod, const char *container,
                           ShippingTrouble *ret_trouble);
/* The same of a text. */
bool shipping_trouble_of(const char *log, ShippingTrouble *ret_trouble);

/* The Service that the host is; NULL for a host outside of the cluster, or one not known. */
const Object *
shipping_service(const CheckRun *run, const Object *pod, const ShippingTrouble *trouble);
/* Its port, or the first one when the line names none; NULL for a service that is NULL. */
const Value *shipping_service_port(const Object *service, const ShippingTrouble *trouble);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ShippingTrouble, shipping_trouble_clear)
