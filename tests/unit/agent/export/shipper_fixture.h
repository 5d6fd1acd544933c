/* Shippers for tests, and what they tell of their first endpoint. */
#pragma once
#include "agent/export/shipper.h"

/* An endpoint of short pauses, not checked yet; to be handed to fixture_shipper. */
Endpoint *fixture_endpoint(const char *name, const char *url);
Endpoint *fixture_endpoint_at(const char *name, uint16_t port);
/* Takes over the endpoints, of which the second may be NULL, as may the folder of the spool. */
Shipper *fixture_shipper(Endpoint *first, Endpoint *second, const char *spool_dir);
/* Likewise, of a shipper that is there. */
void fixture_set_endpoints(Shipper *shipper, Endpoint *first, Endpoint *second);

/* Adds a profile of a service, which may be any text here; `tenant` "" is none. */
void fixture_add_as(Shipper *shipper, const char *service, const char *tenant, const char *text,
                    size_t size);
void fixture_add(Shipper *shipper, const char *service);

/* A value of the metrics; it is there. */
uint64_t fixture_metric(Shipper *shipper, const char *name, const char *labels);
/* Of endpoint a: */
uint64_t fixture_dropped(Shipper *shipper, const char *reason);
uint64_t fixture_pushed(Shipper *shipper);
uint64_t fixture_retries(Shipper *shipper);
/* What was handed over and found is pushed, dropped or waits. */
void fixture_check_ledger(Shipper *shipper);
/* What shipper_check says; the caller frees. */
char *fixture_problems(Shipper *shipper);
