#include "lib/pprof/decoder.h"
#include "lib/pprof/utf8.h"

static const PprofScalars VALUE_TYPE = {"sample_type", 2, 1 << 1 | 1 << 2, {"", "type", "unit"}};
static const PprofScalars MAPPING = {"mapping",
                                     10,
                                     1 << 5 | 1 << 6,
                                     {"", "id", "memory_start", "memory_limit", "file_offset",
                                      "filename", "build_id", "has_functions", "has_filenames",
                                      "has_line_numbers", "has_inline_frames"}};
static const PprofScalars LINE = {"line", 2, 0, {"", "function_id", "line"}};
static const PprofScalars FUNCTION = {"function",
                                      5,
                                      1 << 2 | 1 << 3 | 1 << 4,
                                      {"", "id", "name", "system_name", "filename", "start_line"}};

static bool
parse_string(PprofDecoder *decoder, WireSpan span, uint32_t position)
{
    ProfileString *string = &decoder->profile.strings[position];
    string->data = (const char *)span.at;
    string->length = (uint32_t)(span.end - span.at);
    if (G_UNLIKELY(!utf8_is_valid(string->data, string->length)))
        return pprof_fail(decoder, PPROF_MALFORMED, "string_table %u: the text is not valid UTF-8",
                          position);
    if (position == 0 && string->length != 0)
        return pprof_fail(decoder, PPROF_MALFORMED, "string_table: the first string must be empty");
    return true;
}

static bool
parse_sample_type(PprofDecoder *decoder, WireSpan span, uint32_t position)
{
    uint64_t values[PPROF_SCALARS_MAX];
    if (!pprof_read_scalars(decoder, span, &VALUE_TYPE, position, values))
        return false;
    decoder->profile.sample_types[position] =
        (ProfileValueType){(uint32_t)values[1], (uint32_t)values[2]};
    const ProfileString *type = &decoder->profile.strings[values[1]];
    if (memchr(type->data, '-', type->length) != NULL)
        return pprof_fail(decoder, PPROF_MALFORMED, "sample_type %u: type '%.*s' contains '-'",
                          position, (int)MIN(type->length, 100), type->data);
    return true;
}

static bool
parse_mapping(PprofDecoder *decoder, WireSpan span, uint32_t position)
{
    uint64_t values[PPROF_SCALARS_MAX];
    if (!pprof_read_scalars(decoder, span, &MAPPING, position, values))
        return false;
    decoder->profile.mappings[position] = (ProfileMapping){
        .id = values[1],
        .start = values[2],
        .limit = values[3],
        .offset = values[4],
        .filename = (uint32_t)values[5],
        .build_id = (uint32_t)values[6],
        .has_functions = values[7] != 0,
        .has_filenames = values[8] != 0,
        .has_line_numbers = values[9] != 0,
        .has_inline_frames = values[10] != 0,
    };
    return true;
}

static bool
parse_function(PprofDecoder *decoder, WireSpan span, uint32_t position)
{
    uint64_t values[PPROF_SCALARS_MAX];
    if (!pprof_read_scalars(decoder, span, &FUNCTION, position, values))
        return false;
    decoder->profile.functions[position] = (ProfileFunction){
        .id = values[1],
        .name = (uint32_t)values[2],
        .system_name = (uint32_t)values[3],
        .filename = (uint32_t)values[4],
        .start_line = (int64_t)values[5],
    };
    return true;
}

static bool
parse_line(PprofDecoder *decoder, WireSpan span, uint32_t location)
{
    uint64_t values[PPROF_SCALARS_MAX];
    if (!pprof_read_scalars(decoder, span, &LINE, location, values))
        return false;
    uint32_t function = pprof_idmap_find(&decoder->function_ids, values[1]);
    if (function == PROFILE_NONE)
        return pprof_fail(decoder, PPROF_MALFORMED,
                          "location %u: function_id %" PRIu64 " is not in the function table",
                          location, values[1]);
    decoder->profile.lines[decoder->n_lines++] = (ProfileLine){function, (int64_t)values[2]};
    return true;
}

static bool
parse_location_field(PprofDecoder *decoder, ProfileLocation *location, const WireField *field,
                     uint32_t position)
{
    static const char *const NAMES[] = {"", "id", "mapping_id", "address", "line", "is_folded"};
    if (field->number >= G_N_ELEMENTS(NAMES))
        return true;
    if (field->type != (field->number == 4 ? WIRE_BYTES : WIRE_VARINT))
        return pprof_fail_type(decoder, *field, "location", NAMES[field->number]);
    switch (field->number) {
    case 1:
        location->id = field->value;
        return true;
    case 2:
        location->mapping = PROFILE_NONE;
        if (field->value == 0)
            return true;
        location->mapping = pprof_idmap_find(&decoder->mapping_ids, field->value);
        if (location->mapping == PROFILE_NONE)
            return pprof_fail(decoder, PPROF_MALFORMED,
                              "location %u: mapping_id %" PRIu64 " is not in the mapping table",
                              position, field->value);
        return true;
    case 3:
        location->address = field->value;
        return true;
    case 4:
        return parse_line(decoder, field->bytes, position);
    default:
        location->is_folded = field->value != 0;
        return true;
    }
}

static bool
parse_location(PprofDecoder *decoder, WireSpan span, uint32_t position)
{
    ProfileLocation *location = &decoder->profile.locations[position];
    location->mapping = PROFILE_NONE;
    location->first_line = decoder->n_lines;
    for (WireField field; span.at < span.end;) {
        if (!pprof_next(decoder, &span, &field) ||
            !parse_location_field(decoder, location, &field, position))
            return false;
    }
    location->n_lines = decoder->n_lines - location->first_line;
    return true;
}

static bool
map_ids(PprofDecoder *decoder, PprofIdMap *map, const void *elements, uint32_t n,
        const char *message)
{
    size_t size = map == &decoder->mapping_ids    ? sizeof(ProfileMapping)
                  : map == &decoder->function_ids ? sizeof(ProfileFunction)
                                                  : sizeof(ProfileLocation);
    uint32_t position = 0;
    switch (pprof_idmap_build(map, decoder->input->arena, elements, n, size, &position)) {
    case PPROF_IDS_OK:
        return true;
    case PPROF_IDS_ZERO:
        return pprof_fail(decoder, PPROF_MALFORMED, "%s %u: id is 0 or missing", message, position);
    case PPROF_IDS_DUPLICATE:
        return pprof_fail(decoder, PPROF_MALFORMED, "%s %u: id is used twice", message, position);
    case PPROF_IDS_MEMORY:
        break;
    }
    return pprof_fail_memory(decoder);
}

bool
pprof_fill_tables(PprofDecoder *decoder)
{
    PprofDecoder *d = decoder;
    Profile *p = &decoder->profile;
    return pprof_walk(d, FIELD_STRING_TABLE, parse_string) &&
           pprof_walk(d, FIELD_SAMPLE_TYPE, parse_sample_type) &&
           pprof_walk(d, FIELD_MAPPING, parse_mapping) &&
           map_ids(d, &d->mapping_ids, p->mappings, p->n_mappings, "mapping") &&
           pprof_walk(d, FIELD_FUNCTION, parse_function) &&
           map_ids(d, &d->function_ids, p->functions, p->n_functions, "function") &&
           pprof_walk(d, FIELD_LOCATION, parse_location) &&
           map_ids(d, &d->location_ids, p->locations, p->n_locations, "location");
}
