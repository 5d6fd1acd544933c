/* The one array of distinct unwind rules that the rows of all executables refer to.
 *
 * It only grows, up to UNWIND_RULES_MAX, so an index that was handed out stays right for ever and
 * the loader copies what is new since its last upload. A node's executables share a few thousand
 * rules: offsets are small multiples of 8. Any thread. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cresset/event.h"

/* Rules that every table may use, at fixed indexes. */
enum {
    UNWIND_RULE_NONE = 0, /* zeroed: UNWIND_CFA_NONE */
    UNWIND_RULE_STOP,
    UNWIND_RULE_SIGNAL,
    UNWIND_RULE_FRAME_POINTER,
    UNWIND_RULE_COMPLEX,
    UNWIND_RULE_PLT,
    UNWIND_RULE_ENTRY, /* the first instruction of a function: CFA is sp + 8 */
    UNWIND_RULES_FIXED,
};

typedef struct UnwindRules UnwindRules;

/* Receives the rows of a function in ascending order: `rule` holds from `address` on. Returning
 * false ends the function. */
typedef bool (*UnwindRowFunc)(void *data, uint64_t address, const struct unwind_rule *rule);

UnwindRules *unwind_rules_new(void);
void unwind_rules_free(UnwindRules *rules);

/* Returns the index of `rule`, adding it when it is new. When the array is full the answer is
 * UNWIND_RULE_COMPLEX: such stacks are copied and unwound in user space. */
uint16_t unwind_rules_intern(UnwindRules *rules, const struct unwind_rule *rule);
/* The number of rules so far. */
size_t unwind_rules_count(UnwindRules *rules);
/* The array, valid as long as `rules`; the first unwind_rules_count() entries never change. */
const struct unwind_rule *unwind_rules_data(const UnwindRules *rules);
/* A hash of all 16 bytes, for caches in front of the array. */
uint64_t unwind_rule_hash(const struct unwind_rule *rule);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(UnwindRules, unwind_rules_free)
