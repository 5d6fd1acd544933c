/* The stream of events of a watch: any bytes, in pieces whose size the first byte gives. However it
 * is cut, the same events come out of it. */
#include <stddef.h>
#include <stdint.h>

#include "lib/k8s/event_stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct {
    uint64_t n, hash;
} Seen;

static bool
count_event(const Event *event, void *user, GError **error)
{
    (void)error;
    Seen *seen = user;
    if (event->object == NULL || event->object->type != VALUE_MAP)
        __builtin_trap();
    const char *version = value_text(event->object, "metadata.resourceVersion");
    seen->n++;
    seen->hash = seen->hash * 31 + g_str_hash(version) + event->type;
    return true;
}

static Seen
read_in_pieces(const uint8_t *data, size_t size, size_t piece)
{
    Seen seen = {0};
    g_autoptr(EventStream) stream = event_stream_new(count_event, &seen);
    g_autoptr(GError) error = NULL;
    bool goes_on = true;
    for (size_t at = 0; at < size && goes_on; at += piece)
        goes_on = event_stream_feed(stream, data + at, MIN(piece, size - at), &error);
    if (goes_on == (error != NULL))
        __builtin_trap();
    return seen;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    Seen whole = read_in_pieces(data + 1, size - 1, size - 1);
    Seen cut = read_in_pieces(data + 1, size - 1, 1 + data[0] % 64);
    if (whole.n != cut.n || whole.hash != cut.hash)
        __builtin_trap();
    return 0;
}
