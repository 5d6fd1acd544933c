/* The length and the operands of one x86-64 instruction, as far as following the stack pointer
 * needs them (Intel SDM volume 2, appendix A: the opcode maps). */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where `opcode` stands: the one-byte map, 0f, 0f 38, 0f 3a; VEX, EVEX and XOP use the same. */
typedef enum { X86_MAP_ONE, X86_MAP_0F, X86_MAP_0F38, X86_MAP_0F3A } X86Map;

typedef struct {
    uint8_t length;
    uint8_t map; /* X86Map */
    uint8_t opcode;
    uint8_t rex;    /* 0: none */
    bool is_vector; /* VEX, EVEX or XOP: never touches rsp */
    bool has_modrm;
    uint8_t mod, reg, rm; /* with the bits of REX in reg and rm */
    uint8_t base;         /* of the SIB byte; 255: none */
    int32_t displacement;
    int64_t immediate; /* sign-extended; of a jump or call: the distance from its end */
} X86Instruction;

/* Decodes the instruction at `code`; false when it is none, or longer than `size`. */
bool x86_decode(const uint8_t *code, size_t size, X86Instruction *ret);
