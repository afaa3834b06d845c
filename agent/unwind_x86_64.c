/* SPDX-License-Identifier: MIT */
/*
 * Runs in the handler: no call of any kind outside this file, code_map.c and unwind_table.c.
 *
 * The way up needs the stack pointer and rbp nearly always, and another register that functions must give back (rbx,
 * r12 to r15) once in a blue moon, long after the frames that saved it have been passed. So the walk first follows
 * only the two, and starts again from the innermost frame, following all, when a rule asks for another one.
 */
#include "unwind.h"

#include <stdbool.h>

#define STEP_ON (-1)                /* beside enum spipe_walk_end: the next frame is there */
#define STEP_AGAIN (-2)             /* more registers must be followed */

#define BIT(number) (UINT32_C(1) << (number))
#define ALL_REGISTERS (BIT(SPIPE_REGISTER_COUNT) - 1)
#define FOLLOWED_ALWAYS (BIT(SPIPE_REGISTER_RBP) | BIT(SPIPE_REGISTER_RSP) | BIT(SPIPE_REGISTER_RIP))
#define FOLLOWED_ON_DEMAND                                                        \
    (BIT(SPIPE_REGISTER_RBX) | BIT(SPIPE_REGISTER_R12) | BIT(SPIPE_REGISTER_R13) | \
     BIT(SPIPE_REGISTER_R14) | BIT(SPIPE_REGISTER_R15))

/* Tables say nothing of the others, which means that they stay as they are. Assembly relies on that: a function may
 * keep its CFA in rax and call helpers that leave it alone. */
#define NOT_FOLLOWED (ALL_REGISTERS & ~(FOLLOWED_ALWAYS | FOLLOWED_ON_DEMAND))

/* Nothing is mapped below the first, and no user code lies beyond the second. */
#define LOWEST_CODE UINT64_C(0x10000)
#define HIGHEST_CODE UINT64_C(0x7fffffffefff)

/* What lies this far below the stack pointer is not overwritten by signal handlers. */
#define RED_ZONE 128u

/* The general registers in a ucontext, in the kernel's order. */
#define UCONTEXT_REGISTERS_OFFSET 40u

/* Multiplied by this, neighbouring addresses get far-apart high bits. */
#define HASH_FACTOR UINT64_C(0x9e3779b97f4a7c15)
#define HASH_SHIFT (64 - 9)
_Static_assert(SPIPE_WALK_CACHE_ENTRIES == 1u << (64 - HASH_SHIFT), "the hash must give an index of the cache");

typedef uint64_t stack_word __attribute__((may_alias, aligned(1)));

struct walker {
    const struct spipe_code_map *map;
    struct spipe_walk_cache *cache;             /* NULL: none */
    const struct spipe_code_range *range;       /* where the last address was found, or NULL */
    const struct spipe_stack_view *stack;
    uint64_t highest_word;                      /* where the view's last word is, if has_stack */
    uint64_t value[SPIPE_REGISTER_COUNT];       /* of the present frame */
    uint32_t known;                             /* which of them are right */
    uint32_t followed;                          /* which are brought along to the next frame */
    bool has_stack;                             /* the innermost stack pointer is in the view */
    bool is_exact;                              /* the present frame was interrupted: its pc is not behind a call */
};

static const struct spipe_unwind_rule uncovered = {.step.kind = SPIPE_RULE_NONE};

/* Reads a word of the stack. Comparing with the last word's place, instead of adding to the address, cannot wrap
 * around. */
__attribute__((no_sanitize_address)) static bool load(const struct walker *walker, uint64_t address, uint64_t *ret_word)
{
    const struct spipe_stack_view *stack = walker->stack;
    if (address < stack->low || address > walker->highest_word || address % 8 != 0)
        return false;
    *ret_word = *(const stack_word *)(stack->bytes + (address - stack->low));
    return true;
}

static const struct spipe_code_range *find_range(struct walker *walker, uint64_t address)
{
    const struct spipe_code_range *range = walker->range;
    if (range == NULL || address < range->start || address >= range->end) {
        range = spipe_code_map_find(walker->map, address);
        if (range != NULL)
            walker->range = range;
    }
    return range;
}

static const struct spipe_unwind_rule *find_rule(const struct spipe_code_range *range, uint64_t address)
{
    if (range->kind != SPIPE_CODE_TABLE)
        return &uncovered;
    return spipe_unwind_table_find(range->table, address - range->image_base);
}

/* Finds the rule's first half. Returns STEP_ON, NEEDS_TABLE, or UNKNOWN_CODE. An entry is made invalid while it
 * changes, because the program may leave a signal handler by longjmp. */
static int find_step(struct walker *walker, uint64_t address, struct spipe_unwind_step *ret_step)
{
    struct spipe_walk_cache_entry *entry = NULL;
    if (walker->cache != NULL) {
        entry = &walker->cache->entry[address * HASH_FACTOR >> HASH_SHIFT];
        if (entry->address == address && address != 0) {
            *ret_step = entry->step;
            return STEP_ON;
        }
    }
    const struct spipe_code_range *range = find_range(walker, address);
    if (range == NULL)
        return SPIPE_WALK_UNKNOWN_CODE;
    if (range->kind == SPIPE_CODE_UNBUILT)
        return SPIPE_WALK_NEEDS_TABLE;
    *ret_step = find_rule(range, address)->step;
    if (entry != NULL) {
        entry->address = 0;
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
        entry->step = *ret_step;
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
        entry->address = address;
    }
    return STEP_ON;
}

static bool is_known(const struct walker *walker, uint32_t registers)
{
    return (walker->known & registers) == registers;
}

/* What to do when a register is needed whose value is not known. */
static int miss_register(const struct walker *walker, unsigned number)
{
    bool was_not_followed = (BIT(number) & FOLLOWED_ON_DEMAND & ~walker->followed) != 0;
    return was_not_followed ? STEP_AGAIN : SPIPE_WALK_BAD_TABLE;
}

/* Moves to the frame with that stack pointer and pc. A caller lies above its callee; only a function that was
 * interrupted may have given up its own frame already. */
static int enter_frame(struct walker *walker, uint64_t rsp, uint64_t rip, bool may_stay)
{
    uint64_t callee_rsp = walker->value[SPIPE_REGISTER_RSP];
    if (rsp < callee_rsp || (rsp == callee_rsp && !may_stay))
        return SPIPE_WALK_NO_PROGRESS;
    walker->value[SPIPE_REGISTER_RSP] = rsp;
    walker->value[SPIPE_REGISTER_RIP] = rip;
    return STEP_ON;
}

/* A signal trampoline: everything is in the saved context at the stack pointer. */
static int step_over_signal(struct walker *walker)
{
    static const uint8_t order[SPIPE_REGISTER_COUNT] = {8, 9, 10, 11, 12, 13, 14, 15, 5, 4, 6, 3, 1, 0, 2, 7, 16};
    uint64_t trampoline_rsp = walker->value[SPIPE_REGISTER_RSP];
    for (unsigned i = 0; i < SPIPE_REGISTER_COUNT; i++) {
        if (!load(walker, trampoline_rsp + UCONTEXT_REGISTERS_OFFSET + 8 * i, &walker->value[order[i]]))
            return SPIPE_WALK_OUTSIDE_STACK;
    }
    walker->known = ALL_REGISTERS;
    walker->is_exact = true;
    return walker->value[SPIPE_REGISTER_RSP] > trampoline_rsp ? STEP_ON : SPIPE_WALK_OUTSIDE_STACK;
}

static int compute_cfa(const struct walker *walker, const struct spipe_unwind_rule *rule, uint64_t *ret_cfa)
{
    uint64_t offset = (uint64_t)(int64_t)rule->step.offset;
    uint64_t inner = (uint64_t)(int64_t)rule->inner;
    uint64_t base = walker->value[rule->cfa_register];
    if (!is_known(walker, BIT(rule->cfa_register)))
        return miss_register(walker, rule->cfa_register);
    switch (rule->step.kind) {
    case SPIPE_RULE_PLT:
        *ret_cfa = base + offset + (walker->value[SPIPE_REGISTER_RIP] % 16 >= inner ? 8 : 0);
        return STEP_ON;
    case SPIPE_RULE_INDEXED:
        if (!is_known(walker, BIT(rule->index_register)))
            return miss_register(walker, rule->index_register);
        inner += walker->value[rule->index_register] * 8;
        break;
    case SPIPE_RULE_LOAD:
        break;
    default:
        *ret_cfa = base + offset;
        return STEP_ON;
    }
    if (!load(walker, base + inner, ret_cfa))
        return SPIPE_WALK_OUTSIDE_STACK;
    *ret_cfa += offset;
    return STEP_ON;
}

/* Finds the caller's value of one register. Returns STEP_ON, or why there is none. */
static int find_value(const struct walker *walker, struct spipe_unwind_location location, unsigned number, uint64_t cfa,
                      uint64_t *ret_value)
{
    unsigned base = location.kind == SPIPE_LOCATION_SAME ? number : location.base;
    uint64_t value = cfa;
    if (location.kind == SPIPE_LOCATION_UNDEFINED || location.kind == SPIPE_LOCATION_UNKNOWN)
        return SPIPE_WALK_BAD_TABLE;
    if (base != SPIPE_REGISTER_CFA) {
        if (!is_known(walker, BIT(base)))
            return miss_register(walker, base);
        value = walker->value[base];
    }
    value += (uint64_t)((int64_t)location.words * 8);
    if (location.kind == SPIPE_LOCATION_AT && !load(walker, value, &value))
        return SPIPE_WALK_OUTSIDE_STACK;
    *ret_value = value;
    return STEP_ON;
}

/* Is it a save in the red zone, below a view that begins above that? It has been popped, so the register has its
 * value. */
static bool is_below_view(const struct walker *walker, uint64_t address)
{
    return address < walker->stack->low && walker->value[SPIPE_REGISTER_RSP] - address <= RED_ZONE;
}

/* Compilers leave the rules of saves as they were when the registers have been popped. That does no harm while the
 * words are still there, but a save that counts from rbp is lost when rbp is popped too. What lies outside the frame
 * cannot be a save, then. */
static bool is_popped(const struct walker *walker, struct spipe_unwind_location location, uint64_t cfa)
{
    uint64_t frame_low = walker->value[SPIPE_REGISTER_RSP] - RED_ZONE;
    uint64_t address = cfa;
    if (location.kind != SPIPE_LOCATION_AT)
        return false;
    if (location.base == SPIPE_REGISTER_RBP)
        address = walker->value[SPIPE_REGISTER_RBP];
    else if (location.base != SPIPE_REGISTER_CFA)
        return false;
    address += (uint64_t)((int64_t)location.words * 8);
    if (location.base == SPIPE_REGISTER_RBP && address - frame_low >= cfa - frame_low)
        return true;
    return is_below_view(walker, address);
}

/* Brings all followed registers to the caller's frame by the rule's saves. A register that has been replaced is not
 * known any more to those that come later and might count from it; tables count from the CFA, from rbp, which comes
 * last, or from rsp. */
static int step_by_saves(struct walker *walker, const struct spipe_unwind_saves *saves, uint64_t cfa, bool may_stay)
{
    static const struct {
        uint8_t save;
        uint8_t number;
    } order[] = {{SPIPE_SAVED_RBX, SPIPE_REGISTER_RBX}, {SPIPE_SAVED_R12, SPIPE_REGISTER_R12},
                 {SPIPE_SAVED_R13, SPIPE_REGISTER_R13}, {SPIPE_SAVED_R14, SPIPE_REGISTER_R14},
                 {SPIPE_SAVED_R15, SPIPE_REGISTER_R15}, {SPIPE_SAVED_RBP, SPIPE_REGISTER_RBP}};
    const struct spipe_unwind_location *location = saves->location;
    uint64_t rip;
    uint64_t rsp;
    int status = find_value(walker, location[SPIPE_SAVED_RIP], SPIPE_REGISTER_RIP, cfa, &rip);
    if (status == STEP_ON)
        status = find_value(walker, location[SPIPE_SAVED_RSP], SPIPE_REGISTER_RSP, cfa, &rsp);
    if (status != STEP_ON)
        return status;
    uint32_t found = (walker->known & NOT_FOLLOWED) | BIT(SPIPE_REGISTER_RSP) | BIT(SPIPE_REGISTER_RIP);
    for (unsigned i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        unsigned number = order[i].number;
        if (!(walker->followed & BIT(number)))
            continue;
        if (is_popped(walker, location[order[i].save], cfa)) {
            found |= walker->known & BIT(number);
        } else {
            status = find_value(walker, location[order[i].save], number, cfa, &walker->value[number]);
            if (status == STEP_AGAIN)
                return status;
            found |= status == STEP_ON ? BIT(number) : 0;
        }
        walker->known &= ~BIT(number);
    }
    walker->known = found;
    return enter_frame(walker, rsp, rip, may_stay);
}

/* A step by any rule that tells where the caller is. */
__attribute__((noinline)) static int step_by_rule(struct walker *walker, uint64_t address)
{
    const struct spipe_code_range *range = find_range(walker, address);
    if (range == NULL || range->kind != SPIPE_CODE_TABLE)
        return SPIPE_WALK_BAD_TABLE;
    const struct spipe_unwind_rule *rule = find_rule(range, address);
    if (rule->step.kind == SPIPE_RULE_SIGNAL)
        return step_over_signal(walker);

    uint64_t cfa;
    int status = compute_cfa(walker, rule, &cfa);
    if (status != STEP_ON)
        return status;
    bool may_stay = walker->is_exact && (rule->step.flags & SPIPE_RULE_ODD);
    status = step_by_saves(walker, &range->table->saves[rule->saves], cfa, may_stay);
    walker->is_exact = rule->step.flags & SPIPE_RULE_EXACT_PC;
    return status;
}

static bool may_be_code(const struct walker *walker, uint64_t address)
{
    bool is_in_stack = address >= walker->stack->low && address < walker->stack->high;
    return address >= LOWEST_CODE && address <= HIGHEST_CODE && !is_in_stack;
}

static bool is_return_address(struct walker *walker, uint64_t address)
{
    return may_be_code(walker, address) && find_range(walker, address - 1) != NULL;
}

/* Code without rules keeps its frame in rbp, it is hoped: the caller's rbp there, and the return address above it.
 * An outermost frame has zeros instead, by the platform's convention. */
static int step_by_frame_pointer(struct walker *walker)
{
    uint64_t rsp = walker->value[SPIPE_REGISTER_RSP];
    uint64_t rbp = walker->value[SPIPE_REGISTER_RBP];
    uint64_t word;
    uint64_t caller_rbp;
    if (!is_known(walker, BIT(SPIPE_REGISTER_RBP)))
        return SPIPE_WALK_NO_TABLE;
    if (rbp == 0 && !walker->is_exact)
        return load(walker, rsp, &word) && is_return_address(walker, word) ? SPIPE_WALK_NO_TABLE : SPIPE_WALK_ROOT;
    if (rbp < rsp || !load(walker, rbp, &caller_rbp) || !load(walker, rbp + 8, &word))
        return SPIPE_WALK_NO_TABLE;
    if (caller_rbp == 0 && !is_return_address(walker, word))
        return SPIPE_WALK_ROOT;
    walker->value[SPIPE_REGISTER_RBP] = caller_rbp;
    walker->known = FOLLOWED_ALWAYS;
    walker->is_exact = false;
    return enter_frame(walker, rbp + 16, word, false);
}

/* Code without rules. An interrupted function may be at its very start, before it has a frame: then the stack
 * pointer is at its return address. */
__attribute__((noinline)) static int step_without_rule(struct walker *walker, uint64_t address)
{
    uint64_t rsp = walker->value[SPIPE_REGISTER_RSP];
    uint64_t word;
    if (walker->is_exact && load(walker, rsp, &word) && is_return_address(walker, word)) {
        walker->is_exact = false;
        return enter_frame(walker, rsp + 8, word, false);
    }
    int status = step_by_frame_pointer(walker);
    const struct spipe_code_range *range = find_range(walker, address);
    bool is_bad = range != NULL && range->kind == SPIPE_CODE_BAD_TABLE;
    return status == SPIPE_WALK_NO_TABLE && is_bad ? SPIPE_WALK_BAD_TABLE : status;
}

/* The step that nearly all frames take. It always loads two words, so that there is no branch on whether rbp was
 * saved. */
static inline int step_plain(struct walker *walker, struct spipe_unwind_step step)
{
    uint64_t rsp = walker->value[SPIPE_REGISTER_RSP];
    uint64_t rbp = walker->value[SPIPE_REGISTER_RBP];
    uint64_t cfa = (step.kind == SPIPE_RULE_PLAIN_RSP ? rsp : rbp) + (uint64_t)(int64_t)step.offset;
    bool keeps_rbp = step.rbp_words == 0;
    uint64_t rbp_place = cfa + (uint64_t)(((int64_t)step.rbp_words - keeps_rbp) * 8);
    uint64_t rip;
    uint64_t saved_rbp = rbp;
    if (step.kind == SPIPE_RULE_PLAIN_RBP && !is_known(walker, BIT(SPIPE_REGISTER_RBP)))
        return SPIPE_WALK_BAD_TABLE;
    if (!load(walker, cfa - 8, &rip))
        return SPIPE_WALK_OUTSIDE_STACK;
    if (!load(walker, rbp_place, &saved_rbp) && !is_below_view(walker, rbp_place))
        return SPIPE_WALK_OUTSIDE_STACK;
    walker->value[SPIPE_REGISTER_RBP] = keeps_rbp ? rbp : saved_rbp;
    walker->known = (walker->known & ~FOLLOWED_ON_DEMAND) | (keeps_rbp ? 0 : BIT(SPIPE_REGISTER_RBP));
    walker->is_exact = false;
    return enter_frame(walker, cfa, rip, false);
}

static int step(struct walker *walker, uint64_t address, struct spipe_unwind_step step)
{
    if (step.kind <= SPIPE_RULE_PLAIN_RBP && walker->followed == FOLLOWED_ALWAYS)
        return step_plain(walker, step);
    switch (step.kind) {
    case SPIPE_RULE_ROOT:
        return SPIPE_WALK_ROOT;
    case SPIPE_RULE_NONE:
        return step_without_rule(walker, address);
    case SPIPE_RULE_UNSUPPORTED:
        return SPIPE_WALK_BAD_TABLE;
    default:
        return step_by_rule(walker, address);
    }
}

static void start_walker(struct walker *walker, const struct spipe_registers *registers, uint32_t known, bool is_exact,
                         uint32_t followed)
{
    const struct spipe_stack_view *stack = walker->stack;
    for (unsigned i = 0; i < SPIPE_REGISTER_COUNT; i++)
        walker->value[i] = registers->value[i];
    walker->range = NULL;
    walker->known = known;
    walker->followed = followed;
    walker->is_exact = is_exact;
    uint64_t rsp = registers->value[SPIPE_REGISTER_RSP];
    bool has_word = stack->high >= 8 && stack->low <= stack->high - 8;
    walker->has_stack = has_word && rsp >= stack->low && rsp < stack->high;
    walker->highest_word = stack->high - 8;
}

/* One walk with that set of registers followed. Returns enum spipe_walk_end or STEP_AGAIN. */
static int walk(struct walker *walker, uint64_t *addresses, size_t max_depth, size_t *ret_depth, uint64_t *ret_needed)
{
    size_t depth = 0;
    for (;;) {
        uint64_t address = walker->value[SPIPE_REGISTER_RIP] - !walker->is_exact;
        struct spipe_unwind_step rule;
        int status = find_step(walker, address, &rule);
        if (status != SPIPE_WALK_UNKNOWN_CODE || depth == 0) {
            if (depth == max_depth)
                return SPIPE_WALK_TOO_DEEP;
            addresses[depth++] = address;
            *ret_depth = depth;
        }
        if (!walker->has_stack)
            return SPIPE_WALK_OUTSIDE_STACK;
        if (status == SPIPE_WALK_UNKNOWN_CODE && !may_be_code(walker, address))
            return SPIPE_WALK_NOT_CODE;
        if (status != STEP_ON) {
            *ret_needed = address;
            return status;
        }
        status = step(walker, address, rule);
        if (status != STEP_ON)
            return status;
    }
}

static void prepare_cache(struct spipe_walk_cache *cache, uint32_t generation)
{
    if (cache == NULL || cache->generation == generation)
        return;
    cache->generation = 0;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    for (unsigned i = 0; i < SPIPE_WALK_CACHE_ENTRIES; i++)
        cache->entry[i].address = 0;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    cache->generation = generation;
}

enum spipe_walk_end spipe_unwind_walk(const struct spipe_code_map *map, const struct spipe_stack_view *stack,
                                      const struct spipe_registers *registers, struct spipe_walk_cache *cache,
                                      uint64_t *addresses, size_t max_depth, size_t *ret_depth, uint64_t *ret_needed)
{
    struct walker walker;
    walker.map = map;
    walker.stack = stack;
    walker.cache = cache;
    *ret_depth = 0;
    *ret_needed = 0;
    prepare_cache(cache, map->generation);
    uint32_t followed = FOLLOWED_ALWAYS;
    for (;;) {
        start_walker(&walker, registers, ALL_REGISTERS, true, followed);
        int end = walk(&walker, addresses, max_depth, ret_depth, ret_needed);
        if (end != STEP_AGAIN) {
            if (cache != NULL)
                cache->reached = walker.value[SPIPE_REGISTER_RSP];
            return (enum spipe_walk_end)end;
        }
        followed |= FOLLOWED_ON_DEMAND;
    }
}

enum spipe_walk_end spipe_unwind_walk_from(const struct spipe_code_map *map, const struct spipe_stack_view *stack,
                                           struct spipe_walk_place *place, uint64_t *addresses, size_t max_depth,
                                           size_t *ret_depth, uint64_t *ret_needed)
{
    struct walker walker;
    walker.map = map;
    walker.stack = stack;
    walker.cache = NULL;
    *ret_depth = 0;
    *ret_needed = 0;
    start_walker(&walker, &place->registers, place->known, place->is_exact, FOLLOWED_ALWAYS | FOLLOWED_ON_DEMAND);
    int end = walk(&walker, addresses, max_depth, ret_depth, ret_needed);
    for (unsigned i = 0; i < SPIPE_REGISTER_COUNT; i++)
        place->registers.value[i] = walker.value[i];
    place->known = walker.known;
    place->is_exact = walker.is_exact;
    return (enum spipe_walk_end)end;
}
