/* What Prometheus remote write 1.0 sends (https://prometheus.io/docs/concepts/remote_write_spec/):
 * a snappy-compressed protobuf message, prometheus.WriteRequest, in a POST. */
#pragma once
#include <glib.h>
#include <stdint.h>

/* Headers of the POST. */
#define WRITE_REQUEST_TYPE     "Content-Type: application/x-protobuf"
#define WRITE_REQUEST_ENCODING "Content-Encoding: snappy"
#define WRITE_REQUEST_VERSION  "X-Prometheus-Remote-Write-Version: 0.1.0"

typedef struct WriteRequest WriteRequest;

WriteRequest *write_request_new(void);
void write_request_free(WriteRequest *request);
/* Adds a label to the series that is being written: those of a series sorted by name, with __name__
 * and without empty values. */
void write_request_label(WriteRequest *request, const char *name, const char *value);
/* Ends the series with its one sample; the next label is of the next series. */
void write_request_sample(WriteRequest *request, double value, int64_t time_ms);
/* The compressed message of all series that have ended. */
GBytes *write_request_encode(const WriteRequest *request);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(WriteRequest, write_request_free)
