#include "agent/unwind/rules.h"

#include <string.h>

#define SLOTS (2 * UNWIND_RULES_MAX) /* a power of two, never more than half full */

struct UnwindRules {
    GMutex lock; /* guards n_rules, the slots and appending to rules */
    size_t n_rules;
    struct unwind_rule rules[UNWIND_RULES_MAX];
    uint16_t slots[SLOTS]; /* 1 + index, 0 is free */
};

G_STATIC_ASSERT(sizeof(struct unwind_rule) == 16);
G_STATIC_ASSERT(UNWIND_RULES_MAX < UINT16_MAX);

/* In the order of their indexes in rules.h. */
static const struct unwind_rule FIXED[UNWIND_RULES_FIXED] = {
    [UNWIND_RULE_NONE] = {.cfa = UNWIND_CFA_NONE},
    [UNWIND_RULE_STOP] = {.cfa = UNWIND_CFA_STOP},
    [UNWIND_RULE_SIGNAL] = {.cfa = UNWIND_CFA_SIGNAL},
    [UNWIND_RULE_FRAME_POINTER] = {.cfa = UNWIND_CFA_FRAME_POINTER,
                                   .fp = UNWIND_FP_CFA,
                                   .cfa_offset = 16,
                                   .fp_offset = -16,
                                   .ra_offset = -8},
    [UNWIND_RULE_COMPLEX] = {.cfa = UNWIND_CFA_COMPLEX},
    [UNWIND_RULE_PLT] = {.cfa = UNWIND_CFA_PLT, .reg = 11, .ra_offset = -8},
    [UNWIND_RULE_ENTRY] = {.cfa = UNWIND_CFA_SP, .cfa_offset = 8, .ra_offset = -8},
};

uint64_t
unwind_rule_hash(const struct unwind_rule *rule)
{
    uint64_t halves[2];
    memcpy(halves, rule, sizeof(halves));
    uint64_t hash = (halves[0] ^ 0x9e3779b97f4a7c15) * 0xbf58476d1ce4e5b9;
    hash = (hash ^ (hash >> 29) ^ halves[1]) * 0x94d049bb133111eb;
    return hash ^ (hash >> 32);
}

static uint16_t
intern_locked(UnwindRules *rules, const struct unwind_rule *rule)
{
    size_t at = unwind_rule_hash(rule) % SLOTS;
    for (; rules->slots[at] != 0; at = (at + 1) % SLOTS)
        if (memcmp(&rules->rules[rules->slots[at] - 1], rule, sizeof(*rule)) == 0)
            return rules->slots[at] - 1;
    if (rules->n_rules == UNWIND_RULES_MAX)
        return UNWIND_RULE_COMPLEX;
    uint16_t index = (uint16_t)rules->n_rules++;
    rules->rules[index] = *rule;
    rules->slots[at] = index + 1;
    return index;
}

UnwindRules *
unwind_rules_new(void)
{
    UnwindRules *rules = g_new0(UnwindRules, 1);
    g_mutex_init(&rules->lock);
    for (size_t i = 0; i < UNWIND_RULES_FIXED; i++)
        intern_locked(rules, &FIXED[i]);
    return rules;
}

void
unwind_rules_free(UnwindRules *rules)
{
    if (rules == NULL)
        return;
    g_mutex_clear(&rules->lock);
    g_free(rules);
}

uint16_t
unwind_rules_intern(UnwindRules *rules, const struct unwind_rule *rule)
{
    g_mutex_lock(&rules->lock);
    uint16_t index = intern_locked(rules, rule);
    g_mutex_unlock(&rules->lock);
    return index;
}

size_t
unwind_rules_count(UnwindRules *rules)
{
    g_mutex_lock(&rules->lock);
    size_t n_rules = rules->n_rules;
    g_mutex_unlock(&rules->lock);
    return n_rules;
}

const struct unwind_rule *
unwind_rules_data(const UnwindRules *rules)
{
    return rules->rules;
}
