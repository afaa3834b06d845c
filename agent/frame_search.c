/* SPDX-License-Identifier: MIT */
#include "frame_search.h"

#include "elf_image.h"

#include <string.h>

/* Functions longer than this are given up, as are stacks with more return addresses in the way. */
#define FUNCTION_MAX (64u * 1024u)
#define CHUNK 4096u
#define CALLS_MAX 256u
/* The longest call instruction. */
#define CALL_MAX 7u
#define DIRECT_CALL_LEN 5u

static const unsigned char prologue[] = {0x55, 0x48, 0x89, 0xe5};       /* push rbp; mov rbp, rsp */
static const unsigned char landing_pad[] = {0xf3, 0x0f, 0x1e, 0xfa};    /* endbr64 */

/* The last prologue in [low, low + len), or 0. */
static uint64_t find_prologue(uint64_t low, const unsigned char *code, size_t len)
{
    for (size_t i = len < sizeof prologue ? 0 : len - sizeof prologue + 1; i-- > 0;) {
        if (memcmp(code + i, prologue, sizeof prologue) == 0)
            return low + i;
    }
    return 0;
}

static uint64_t skip_landing_pad_back(uint64_t start)
{
    unsigned char before[sizeof landing_pad];
    bool has_pad = spipe_elf_image_copy(start - sizeof before, before, sizeof before) &&
                   memcmp(before, landing_pad, sizeof before) == 0;
    return has_pad ? start - sizeof before : start;
}

/* Where the function that holds `pc` begins, as one may call it; 0 when it keeps no frame pointer. Chunks overlap, so
 * that nothing that lies across their borders is missed. */
static uint64_t find_start(const struct spipe_code_range *range, uint64_t pc)
{
    unsigned char code[CHUNK + sizeof prologue];
    uint64_t lowest = pc - range->start > FUNCTION_MAX ? pc - FUNCTION_MAX : range->start;
    for (uint64_t end = pc; end > lowest;) {
        uint64_t low = end - lowest > CHUNK ? end - CHUNK : lowest;
        uint64_t copy_end = end + sizeof prologue - 1 < pc ? end + sizeof prologue - 1 : pc;
        if (!spipe_elf_image_copy(low, code, (size_t)(copy_end - low)))
            return 0;
        uint64_t found = find_prologue(low, code, (size_t)(copy_end - low));
        if (found != 0)
            return skip_landing_pad_back(found);
        end = low;
    }
    return 0;
}

/* Does the instruction end there that calls through a register or memory? ff /2, with its lengths by the addressing's
 * form; a prefix may stand before it. */
static bool ends_with_indirect_call(const unsigned char *end)
{
    static const struct {
        uint8_t len;
        uint8_t mode;       /* the two high bits of the byte behind ff */
    } forms[] = {{2, 3}, {2, 0}, {3, 1}, {3, 0}, {4, 1}, {6, 0}, {6, 2}, {7, 2}};
    for (unsigned i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        const unsigned char *start = end - forms[i].len;
        if (start[0] == 0xff && (start[1] >> 3 & 7) == 2 && start[1] >> 6 == forms[i].mode)
            return true;
    }
    return false;
}

/* A stub of the linker's, or another jump, leads on to a function that is not known. */
static bool is_jump(uint64_t address)
{
    unsigned char code[16];
    if (!spipe_elf_image_copy(address, code, sizeof code))
        return false;
    const unsigned char *at = memcmp(code, landing_pad, sizeof landing_pad) == 0 ? code + sizeof landing_pad : code;
    if (at[0] == 0xf2)
        at++;   /* bnd */
    return at[0] == 0xe9 || at[0] == 0xeb || (at[0] == 0xff && at[1] == 0x25);
}

static enum spipe_frame_proof judge_call(uint64_t return_address, uint64_t start)
{
    unsigned char code[CALL_MAX];
    int32_t distance;
    if (!spipe_elf_image_copy(return_address - CALL_MAX, code, sizeof code))
        return SPIPE_FRAME_NONE;
    if (code[CALL_MAX - DIRECT_CALL_LEN] == 0xe8) {
        memcpy(&distance, code + CALL_MAX - sizeof distance, sizeof distance);
        uint64_t target = return_address + (uint64_t)(int64_t)distance;
        if (target == start)
            return SPIPE_FRAME_PROVEN;
        if (is_jump(target))
            return SPIPE_FRAME_LIKELY;
    }
    return ends_with_indirect_call(code + CALL_MAX) ? SPIPE_FRAME_LIKELY : SPIPE_FRAME_NONE;
}

static uint64_t word_at(const struct spipe_stack_view *stack, uint64_t address)
{
    uint64_t word;
    memcpy(&word, stack->bytes + (address - stack->low), sizeof word);
    return word;
}

enum spipe_frame_proof spipe_frame_search(const struct spipe_code_map *map, const struct spipe_stack_view *stack,
                                          uint64_t stack_pointer, uint64_t pc, uint64_t *ret_frame_pointer)
{
    const struct spipe_code_range *range = spipe_code_map_find(map, pc);
    uint64_t start = range != NULL ? find_start(range, pc) : 0;
    enum spipe_frame_proof best = SPIPE_FRAME_NONE;
    unsigned calls = 0;
    if (start == 0 || stack_pointer < stack->low)
        return SPIPE_FRAME_NONE;
    /* Stacks are aligned to 16 bytes where functions are called, and so are frame pointers. */
    for (uint64_t at = (stack_pointer + 15) & ~UINT64_C(15); at + 16 <= stack->high && calls < CALLS_MAX; at += 16) {
        uint64_t return_address = word_at(stack, at + 8);
        if (return_address <= CALL_MAX || spipe_code_map_find(map, return_address - 1) == NULL)
            continue;
        calls++;
        enum spipe_frame_proof proof = judge_call(return_address, start);
        if (proof > best) {
            best = proof;
            *ret_frame_pointer = at;
        }
        if (best == SPIPE_FRAME_PROVEN)
            break;
    }
    return best;
}
