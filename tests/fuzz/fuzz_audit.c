/* SPDX-License-Identifier: MIT */
/*
 * Any registers and any stack, walked by libdwfl over the images of this very process, and compared with any stack of the
 * agent's. The sums hold whatever the bytes are.
 *
 * First come 17 registers of four bytes, of which the first chooses what the rest counts from; then how many frames the
 * agent claims, and three bytes for each; the rest is the stack.
 */
#include "tests/own_stack.h"
#include "viewer-stub/host/audit_compare.h"

#include <stdlib.h>
#include <string.h>

#define CLAIMS_MAX 32u
#define WALK_MAX 128u
#define WORDS_MAX 512u
#define REGISTER_LEN 4u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    const uint8_t *at;
    size_t left;
};

static struct own_stack own;
static struct spipe_second_unwinder *unwinder;

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void start(void)
{
    own_stack_take(&own);
    unwinder = spipe_second_unwinder_new();
    require(unwinder != NULL);
    for (size_t i = 0; i < own.image_count; i++) {
        const struct own_stack_image *from = &own.image[i];
        struct spipe_second_image image = {(uint32_t)i, from->path, {from->build_id, from->build_id_len},
                                           from->load_address, from->size, from->address_in_file};
        require(spipe_second_unwinder_add(unwinder, &image) == 0);
    }
}

static uint32_t take(struct input *input, size_t len)
{
    uint32_t number = 0;
    for (size_t i = 0; i < len && input->left > 0; i++, input->left--)
        number = number << 8 | *input->at++;
    return number;
}

/* Into an image, into the stack, to where a call returns, or anywhere. */
static uint64_t make_word(struct input *input)
{
    uint32_t choice = take(input, 1);
    uint32_t detail = take(input, REGISTER_LEN - 1);
    const struct own_stack_image *image = &own.image[choice / 4 % own.image_count];
    switch (choice % 4) {
    case 0:
        return image->load_address + detail % image->size;
    case 1:
        return own.stack_address + detail % (WORDS_MAX * 8);
    case 2:
        return own.address[choice / 4 % own.frame_count] + detail % 2;
    default:
        return (uint64_t)detail << (choice / 4 % 41);
    }
}

/* As libdwfl found it at first, then as the input says. */
static size_t make_claims(struct input *input, const struct spipe_audit_frame *second, size_t second_count,
                          struct spipe_audit_frame *claim)
{
    size_t count = 1 + take(input, 1) % CLAIMS_MAX;
    for (size_t i = 0; i < count; i++) {
        uint32_t choice = take(input, 1);
        uint32_t offset = take(input, 2);
        claim[i] = (struct spipe_audit_frame){.image = choice % 16 == 0 ? SPIPE_STORE_NONE : choice, .offset = offset};
        if (i < second_count && (i == 0 || choice >= 64))
            claim[i] = second[i];
    }
    return count;
}

static void compare(struct input *input, const struct spipe_second_frame *walked, size_t walked_count,
                    enum spipe_second_end end)
{
    struct spipe_audit_frame second[WALK_MAX];
    struct spipe_audit_frame claim[CLAIMS_MAX];
    struct spipe_audit_verdict verdict;
    for (size_t i = 0; i < walked_count; i++) {
        bool has_image = walked[i].image != SPIPE_SECOND_NO_IMAGE;
        second[i] = (struct spipe_audit_frame){.image = has_image ? walked[i].image : SPIPE_STORE_NONE,
                                               .offset = walked[i].address,
                                               .has_rules = walked[i].has_rules,
                                               .is_own = has_image && walked[i].image % 8 == 7};
    }
    struct spipe_audit_agent_end agent_end = {input->left % 2 != 0, (uint32_t)(input->left % 12)};
    struct spipe_audit_stack agent = {claim, make_claims(input, second, walked_count, claim)};
    struct spipe_audit_stack other = {second, walked_count};
    spipe_audit_compare(&agent, agent_end, &other, end, &verdict);
    require(verdict.agreed + verdict.differs < WALK_MAX && verdict.at < walked_count);
    require(verdict.behind < agent.count && verdict.untold < agent.count && verdict.agent_at < agent.count);
    require(!verdict.is_whole || (!verdict.differs && verdict.untold + verdict.guessed_other == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    struct spipe_second_frame walked[WALK_MAX];
    enum spipe_second_end end;
    const char *why = NULL;
    uint64_t registers[SPIPE_AUDIT_REGISTERS];
    if (unwinder == NULL)
        start();
    for (unsigned i = 0; i < SPIPE_AUDIT_REGISTERS; i++)
        registers[i] = make_word(&input);
    struct input claims = input;
    (void)take(&input, 3 * CLAIMS_MAX);
    size_t words = 0;
    uint64_t *stack = malloc(WORDS_MAX * sizeof *stack);
    while (input.left > 0 && words < WORDS_MAX)
        stack[words++] = make_word(&input);
    /* Of just that size, so that each look beyond the end is seen. */
    stack = realloc(stack, words * sizeof *stack + 1);
    struct spipe_audit audit = {.registers = {(const uint8_t *)registers, sizeof registers},
                                .stack_address = own.stack_address,
                                .stack = {(const uint8_t *)stack, words * sizeof *stack},
                                .is_cut = size % 2 != 0};
    size_t count = spipe_second_unwinder_walk(unwinder, &audit, walked, WALK_MAX, &end, &why);
    require(count >= 1 && count <= WALK_MAX && why != NULL && walked[0].address == registers[16]);
    compare(&claims, walked, count, end);
    free(stack);
    return 0;
}
