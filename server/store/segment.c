#include "server/store/segment.h"

#include <string.h>
#include <xxhash.h>

#include "lib/base/error.h"

#define SEGMENT_MAGIC 0x3147455354535243ull /* "CRSTSEG1" */
#define FRAME_MAGIC   0x4d415246u           /* "FRAM" */
enum { SEGMENT_VERSION = 1 };

typedef struct {
    uint64_t magic;
    uint32_t version;
    char id[28];
    uint64_t hash; /* of everything before it */
} SegmentHeader;
_Static_assert(sizeof(SegmentHeader) == SEGMENT_HEADER_SIZE, "file format");

typedef struct {
    uint32_t magic, length;
    uint64_t sequence, hash;
} FrameHeader;
_Static_assert(sizeof(FrameHeader) == SEGMENT_FRAME_HEADER_SIZE, "file format");

char *
segment_path(const char *folder, const char *id)
{
    return g_strdup_printf("%s/%s.seg", folder, id);
}

static SegmentHeader
make_header(const char *id)
{
    SegmentHeader header = {.magic = SEGMENT_MAGIC, .version = SEGMENT_VERSION};
    memcpy(header.id, id, ULID_LENGTH);
    header.hash = XXH3_64bits(&header, offsetof(SegmentHeader, hash));
    return header;
}

/* Makes a fresh file durable: content first, then its name. */
static int
write_header(Segment *segment, const char *folder)
{
    const DiskOps *ops = segment->disk->ops;
    SegmentHeader header = make_header(segment->id.text);
    int result = disk_write_all(segment->disk, segment->fd, &header, sizeof header, 0);
    if (result == 0)
        result = ops->sync(segment->disk, segment->fd);
    if (result == 0)
        result = ops->sync_dir(segment->disk, folder);
    segment->size = sizeof header;
    return result;
}

Segment *
segment_create(Disk *disk, const char *folder, GError **error)
{
    g_autoptr(Segment) segment = g_new0(Segment, 1);
    segment->disk = disk;
    segment->id = ulid_new();
    segment->path = segment_path(folder, segment->id.text);
    segment->fd = disk->ops->create(disk, segment->path);
    int result = segment->fd;
    if (result >= 0) {
        result = write_header(segment, folder);
        if (result < 0)
            disk->ops->remove(disk, segment->path);
    }
    if (result < 0) {
        error_set_errno(error, -result, "segment %s: cannot create", segment->path);
        return NULL;
    }
    return g_steal_pointer(&segment);
}

void
segment_free(Segment *segment)
{
    if (segment == NULL)
        return;
    if (segment->fd >= 0)
        segment->disk->ops->close(segment->disk, segment->fd);
    g_free(segment->path);
    g_free(segment);
}

static uint64_t
frame_hash(const char *id, uint64_t sequence, const void *payload, size_t size)
{
    uint64_t seed = XXH3_64bits_withSeed(id, ULID_LENGTH, sequence);
    return XXH3_64bits_withSeed(payload, size, seed);
}

void
segment_frame_begin(Wire *wire)
{
    memset(wire_push(wire, sizeof(FrameHeader)), 0, sizeof(FrameHeader));
}

void
segment_frame_end(Wire *wire, size_t start, const char *id, uint64_t sequence)
{
    size_t payload = start + sizeof(FrameHeader);
    FrameHeader header = {
        .magic = FRAME_MAGIC, .length = (uint32_t)(wire->size - payload), .sequence = sequence};
    header.hash = frame_hash(id, sequence, wire->data + payload, header.length);
    memcpy(wire->data + start, &header, sizeof header);
}

static bool
read_header(const uint8_t *bytes, size_t size, SegmentScan *scan)
{
    SegmentHeader header;
    if (size < sizeof header)
        return false;
    memcpy(&header, bytes, sizeof header);
    char id[ULID_LENGTH + 1] = {0};
    memcpy(id, header.id, ULID_LENGTH);
    if (!ulid_is_valid(id))
        return false;
    SegmentHeader good = make_header(id);
    if (memcmp(&header, &good, sizeof good) != 0)
        return false;
    memcpy(scan->id, id, sizeof scan->id);
    return true;
}

bool
segment_scan(const uint8_t *bytes, size_t size, SegmentFrame frame, void *data,
             SegmentScan *ret_scan)
{
    SegmentScan scan = {0};
    if (read_header(bytes, size, &scan)) {
        scan.good_size = sizeof(SegmentHeader);
        while (size - scan.good_size >= sizeof(FrameHeader)) {
            FrameHeader header;
            memcpy(&header, bytes + scan.good_size, sizeof header);
            size_t start = scan.good_size + sizeof header;
            if (header.magic != FRAME_MAGIC || header.length > size - start ||
                header.sequence != scan.n_frames ||
                header.hash != frame_hash(scan.id, header.sequence, bytes + start, header.length) ||
                !frame(data, bytes + start, header.length))
                break;
            scan.n_frames++;
            scan.good_size = start + header.length;
        }
    }
    *ret_scan = scan;
    return scan.good_size > 0 && scan.good_size == size;
}
