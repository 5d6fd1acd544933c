/* One HTTP request and its response, as handlers see them.
 *
 * A handler runs on a worker thread and answers with http_reply() exactly once, then or later, from
 * any thread: until then the connection is suspended and no thread waits. The request and
 * everything it points to live until that call and are gone after it. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct {
    const char *name, *value;
} HttpPair;

typedef struct HttpRoute HttpRoute;

typedef struct {
    unsigned version;       /* of HTTP: 1 or 2 */
    const char *method;     /* "GET"; a HEAD request arrives as GET */
    const char *path;       /* percent-decoded, without the query */
    const HttpPair *params; /* of the query string, decoded valid UTF-8, in order */
    const HttpPair *headers;
    size_t n_params, n_headers;
    const uint8_t *body; /* content-decoded unless the route wants it raw */
    size_t body_size;
    const char *body_path; /* the file that has the body instead: HTTP_BODY_FILE */
    const char *tenant;    /* valid id, or NULL on a public route */
    const char *id;        /* X-Request-Id of the client or one of ours */
    int64_t deadline_us;   /* g_get_monotonic_time() by which to answer; 0 for none */
    const HttpRoute *route;
} HttpRequest;

typedef enum {
    HTTP_PUBLIC, /* no tenant; a thread of its own, so that health checks never wait */
    HTTP_READ,   /* queries of one tenant */
    HTTP_WRITE,  /* writes of one tenant; not held up by queries */
} HttpScope;
#define HTTP_SCOPES 3

typedef enum {
    HTTP_BODY_NONE,
    HTTP_BODY_QUERY,
    HTTP_BODY_PUSH,
    HTTP_BODY_REPORT,
    HTTP_BODY_STATE,
    HTTP_BODY_FILE, /* goes into a file as it comes, which is removed after the reply */
} HttpBody;
#define HTTP_BODIES 6

/* Of a route. */
enum {
    HTTP_RAW_BODY = 1,    /* leave Content-Encoding to the handler */
    HTTP_TEXT_ERRORS = 2, /* errors are their message as text/plain, not Connect's JSON */
};

typedef struct HttpResponse HttpResponse;

typedef void (*HttpHandler)(HttpRequest *request, void *app);
/* Looks at a request before its body comes, on the loop thread: NULL lets it in. */
typedef HttpResponse *(*HttpAdmission)(HttpRequest *request, void *app);

/* A row of the route table. A path that ends in '*' matches every path that begins so, after the
 * exact ones; the longest wins. */
struct HttpRoute {
    const char *method; /* "GET" also serves HEAD; "*" is any */
    const char *path;
    HttpScope scope;
    HttpBody body; /* which cap of the configuration holds */
    unsigned flags;
    HttpHandler handler;
    const void *detail;  /* the handler's own */
    HttpAdmission admit; /* NULL lets everything in */
};

struct HttpResponse {
    unsigned status;
    GBytes *body;        /* NULL is empty */
    GPtrArray *headers;  /* char *: name, value, name, value … */
    GPtrArray *trailers; /* likewise, sent behind the body by HTTP/2; NULL: none */
    uint8_t prefix[5];   /* sent before the body */
    uint8_t prefix_size;
    char *message;        /* why it is an error, for the log; NULL otherwise */
    unsigned grpc_status; /* the gRPC code of an error; 0 is success */
    unsigned sent_status; /* what travels instead of `status`; 0: that */
    bool encoded;         /* the body stands as it shall be sent: never compress it */
};

/* The first header or parameter called `name` (headers: in any case), or NULL. */
const char *http_request_header(const HttpRequest *request, const char *name);
const char *http_request_param(const HttpRequest *request, const char *name);

/* The handler has moved the file of the body elsewhere: it is not removed. */
void http_request_keep_file(HttpRequest *request);

/* Has end(data) called, once, when the request is over: answered, refused or broken off, and the
 * file of its body gone or kept. From any thread, which it must not hold up. One for each request.
 */
void http_request_on_end(HttpRequest *request, GDestroyNotify end, void *data);

/* Takes `body` (NULL is empty). */
HttpResponse *http_response_new(unsigned status, const char *content_type, GBytes *body);
void http_response_free(HttpResponse *response);
void http_response_set_header(HttpResponse *response, const char *name, const char *value);
/* Removes every header called `name`, in any case. */
void http_response_drop_header(HttpResponse *response, const char *name);

/* The status line's. */
static inline unsigned
http_response_status(const HttpResponse *response)
{
    return response->sent_status != 0 ? response->sent_status : response->status;
}

/* The error body of Connect, which every path of this server shares:
 * {"code":"invalid_argument","message":"…"}. */
HttpResponse *http_response_error(unsigned status, const char *code, const char *message);
/* Makes the body of an error its message as plain text. */
void http_response_set_text(HttpResponse *response);
/* The same as http_response_error from an error, by the status table of Connect. */
HttpResponse *http_response_from_error(const GError *error);

/* "invalid_argument" and 400 for CRESSET_ERROR_INVALID_ARGUMENT and so on; foreign errors are
 * internal. */
const char *http_error_code(const GError *error);
unsigned http_error_status(const GError *error);

/* Answers; takes `response`. The request is gone afterwards. */
void http_reply(HttpRequest *request, HttpResponse *response);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(HttpResponse, http_response_free)
