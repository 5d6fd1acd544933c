#include "agent/unwind/x86_decode.h"

#include <string.h>

typedef struct {
    const uint8_t *at, *end;
    bool is_bad, is_16_bit, is_short_address;
} Decoder;

static uint8_t
next(Decoder *decoder)
{
    if (decoder->at == decoder->end) {
        decoder->is_bad = true;
        return 0;
    }
    return *decoder->at++;
}

static int64_t
next_signed(Decoder *decoder, size_t size)
{
    uint64_t value = 0;
    if ((size_t)(decoder->end - decoder->at) < size) {
        decoder->is_bad = true;
        return 0;
    }
    memcpy(&value, decoder->at, size);
    decoder->at += size;
    unsigned shift = 64 - 8 * (unsigned)size;
    return size == 0 ? 0 : (int64_t)(value << shift) >> shift;
}

static bool
is_prefix(uint8_t byte)
{
    return byte == 0x66 || byte == 0x67 || byte == 0xf0 || byte == 0xf2 || byte == 0xf3 ||
           byte == 0x2e || byte == 0x36 || byte == 0x3e || byte == 0x26 || byte == 0x64 ||
           byte == 0x65;
}

/* Reads a VEX (c5, c4), XOP (8f) or EVEX (62) prefix and the opcode. */
static void
read_vector(Decoder *decoder, uint8_t first, X86Instruction *ret)
{
    ret->is_vector = true;
    uint8_t map = 1, byte = next(decoder);
    if (first != 0xc5) {
        map = byte & (first == 0x62 ? 0x07 : 0x1f);
        next(decoder);
        if (first == 0x62)
            next(decoder);
    }
    ret->map = map == 2 ? X86_MAP_0F38 : map == 3 ? X86_MAP_0F3A : X86_MAP_0F;
    if (first == 0x8f)
        ret->map = map == 8 ? X86_MAP_0F3A : X86_MAP_0F38; /* map 8 has an immediate byte */
    ret->opcode = next(decoder);
}

static void
read_opcode(Decoder *decoder, X86Instruction *ret)
{
    uint8_t byte = next(decoder);
    while (is_prefix(byte) && !decoder->is_bad) {
        decoder->is_16_bit |= byte == 0x66;
        decoder->is_short_address |= byte == 0x67;
        byte = next(decoder);
    }
    if ((byte & 0xf0) == 0x40) {
        ret->rex = byte;
        byte = next(decoder);
    }
    bool is_xop = byte == 0x8f && decoder->at < decoder->end && (*decoder->at & 0x1f) >= 8;
    if (byte == 0xc4 || byte == 0xc5 || byte == 0x62 || is_xop) {
        read_vector(decoder, byte, ret);
        return;
    }
    ret->opcode = byte;
    if (byte != 0x0f)
        return;
    ret->map = X86_MAP_0F;
    ret->opcode = next(decoder);
    if (ret->opcode == 0x38 || ret->opcode == 0x3a) {
        ret->map = ret->opcode == 0x38 ? X86_MAP_0F38 : X86_MAP_0F3A;
        ret->opcode = next(decoder);
    }
}

static bool
has_modrm(const X86Instruction *instruction)
{
    uint8_t op = instruction->opcode;
    if (instruction->map >= X86_MAP_0F38)
        return true;
    if (instruction->map == X86_MAP_0F)
        return !(op == 0x05 || op == 0x06 || op == 0x08 || op == 0x09 || op == 0x0b || op == 0x0e ||
                 (op >= 0x30 && op <= 0x37) || op == 0x77 || (op >= 0x80 && op <= 0x8f) ||
                 (op >= 0xa0 && op <= 0xa2) || (op >= 0xa8 && op <= 0xaa) || op >= 0xff ||
                 (op >= 0xc8 && op <= 0xcf));
    if (op < 0x40)
        return (op & 7) < 4;
    return op == 0x63 || op == 0x69 || op == 0x6b || (op >= 0x80 && op <= 0x8f) || op == 0xc0 ||
           op == 0xc1 || op == 0xc6 || op == 0xc7 || (op >= 0xd0 && op <= 0xd3) ||
           (op >= 0xd8 && op <= 0xdf) || op == 0xf6 || op == 0xf7 || op >= 0xfe;
}

static void
read_modrm(Decoder *decoder, X86Instruction *ret)
{
    uint8_t modrm = next(decoder);
    ret->has_modrm = true;
    ret->mod = modrm >> 6;
    ret->reg = (uint8_t)((modrm >> 3 & 7) | (ret->rex & 4) << 1);
    ret->rm = (uint8_t)((modrm & 7) | (ret->rex & 1) << 3);
    ret->base = UINT8_MAX;
    if (ret->mod == 3)
        return;
    bool has_displacement = ret->mod == 2 || (ret->mod == 0 && (modrm & 7) == 5);
    if ((modrm & 7) == 4) {
        uint8_t sib = next(decoder);
        ret->base = (uint8_t)((sib & 7) | (ret->rex & 1) << 3);
        has_displacement |= ret->mod == 0 && (sib & 7) == 5;
    }
    if (ret->mod == 1)
        ret->displacement = (int32_t)next_signed(decoder, 1);
    else if (has_displacement)
        ret->displacement = (int32_t)next_signed(decoder, 4);
}

/* Bytes of immediate operands in the one-byte map. */
static size_t
immediate_size(const Decoder *decoder, const X86Instruction *instruction)
{
    uint8_t op = instruction->opcode;
    size_t full = decoder->is_16_bit ? 2 : 4;
    if (op < 0x40)
        return (op & 7) == 4 ? 1 : (op & 7) == 5 ? full : 0;
    if (op == 0x6a || op == 0x6b || (op >= 0x70 && op <= 0x7f) || op == 0x80 || op == 0x83 ||
        op == 0xa8 || (op >= 0xb0 && op <= 0xb7) || op == 0xc0 || op == 0xc1 || op == 0xc6 ||
        op == 0xcd || (op >= 0xe0 && op <= 0xe7) || op == 0xeb)
        return 1;
    if (op == 0x68 || op == 0x69 || op == 0x81 || op == 0xa9 || op == 0xc7)
        return full;
    if (op >= 0xb8 && op <= 0xbf)
        return instruction->rex & 8 ? 8 : full;
    if (op >= 0xa0 && op <= 0xa3)
        return decoder->is_short_address ? 4 : 8;
    if (op == 0xe8 || op == 0xe9)
        return 4;
    if (op == 0xc2 || op == 0xca)
        return 2;
    if (op == 0xc8)
        return 3;
    if ((op == 0xf6 || op == 0xf7) && (instruction->reg & 7) < 2)
        return op == 0xf6 ? 1 : full;
    return 0;
}

static size_t
immediate_size_0f(const X86Instruction *instruction)
{
    uint8_t op = instruction->opcode;
    if (instruction->map == X86_MAP_0F3A)
        return 1;
    if (instruction->map != X86_MAP_0F)
        return 0;
    if (op >= 0x80 && op <= 0x8f && !instruction->is_vector)
        return 4;
    return (op >= 0x70 && op <= 0x73) || op == 0xa4 || op == 0xac || op == 0xba || op == 0xc2 ||
                   op == 0xc4 || op == 0xc5 || op == 0xc6 || op == 0x0f
               ? 1
               : 0;
}

static bool
is_invalid(const X86Instruction *instruction)
{
    uint8_t op = instruction->opcode;
    if (instruction->map != X86_MAP_ONE || instruction->is_vector)
        return false;
    return (op < 0x40 && (op & 7) >= 6) || op == 0x60 || op == 0x61 || op == 0x82 || op == 0x9a ||
           op == 0xd4 || op == 0xd5 || op == 0xd6 || op == 0xea || (op & 0xf0) == 0x40;
}

bool
x86_decode(const uint8_t *code, size_t size, X86Instruction *ret)
{
    Decoder decoder = {.at = code, .end = code + (size < 15 ? size : 15)};
    *ret = (X86Instruction){.base = UINT8_MAX};
    read_opcode(&decoder, ret);
    if (decoder.is_bad || is_invalid(ret))
        return false;
    if (has_modrm(ret))
        read_modrm(&decoder, ret);
    size_t n = ret->map == X86_MAP_ONE ? immediate_size(&decoder, ret) : immediate_size_0f(ret);
    ret->immediate = next_signed(&decoder, n);
    ret->length = (uint8_t)(decoder.at - code);
    return !decoder.is_bad;
}
