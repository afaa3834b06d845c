/* SPDX-License-Identifier: MIT */
/* Captures whose one stack is this test's own, as it is and with mistakes in it. */
#include "own_stack.h"
#include "records.h"

#include "viewer-stub/host/audit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    struct own_stack own;
    uint64_t address[OWN_STACK_FRAMES + 1]; /* that the agent claims */
    size_t count;
    bool has_stand_in;
    uint32_t stand_in; /* at the outer end */
    uint32_t stack_id; /* that the audit names; 0: the stack's */
    uint32_t own_image_id;
    struct spipe_store *store;
    struct spipe_audit_result result;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    own_stack_take(&fixture->own);
    fixture->count = fixture->own.frame_count;
    memcpy(fixture->address, fixture->own.address, sizeof fixture->own.address);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    spipe_audit_done(&fixture->result);
    spipe_store_free(fixture->store);
    free(fixture);
    return 0;
}

static uint32_t image_id_of(const struct fixture *fixture, uint64_t address)
{
    return (uint32_t)(own_stack_find_image(&fixture->own, address) - fixture->own.image) + 1;
}

static void define_images(struct fixture *fixture, struct records *records)
{
    struct spipe_image image[OWN_STACK_IMAGES];
    for (size_t i = 0; i < fixture->own.image_count; i++) {
        const struct own_stack_image *from = &fixture->own.image[i];
        image[i] = (struct spipe_image){(uint32_t)i + 1,    from->path, {from->build_id, from->build_id_len},
                                        from->load_address, from->size, from->address_in_file,
                                        SPIPE_UNWIND_FULL};
    }
    struct spipe_record record = {.kind = SPIPE_RECORD_IMAGES, .images = {image, fixture->own.image_count, NULL, 0}};
    records_add(records, &record);
}

/* From the outermost frame to the innermost; frames of the agent's own image are left out. Returns the stack's id. */
static uint32_t define_stack(struct fixture *fixture, struct records *records)
{
    uint32_t id = 0;
    if (fixture->has_stand_in) {
        records_frame(records, 1, 0, fixture->stand_in);
        records_stack(records, 1, 0, 1);
        id = 1;
    }
    for (size_t i = fixture->count; i-- > 0;) {
        uint32_t image_id = image_id_of(fixture, fixture->address[i]);
        if (image_id == fixture->own_image_id)
            continue;
        uint64_t offset = fixture->address[i] - fixture->own.image[image_id - 1].load_address;
        records_frame(records, id + 1, image_id, (uint32_t)offset);
        records_stack(records, id + 1, id, id + 1);
        id++;
    }
    return id;
}

static const struct spipe_audit_result *audit(struct fixture *fixture)
{
    struct records records;
    struct spipe_capture_end end;
    records_init(&records);
    records_begin(&records, 1);
    records_thread(&records, 1, 100, "main");
    define_images(fixture, &records);
    uint32_t stack_id = define_stack(fixture, &records);
    records_sample(&records, 1, stack_id, 5);
    fixture->own.audit.stack_id = fixture->stack_id != 0 ? fixture->stack_id : stack_id;
    struct spipe_record record = {.kind = SPIPE_RECORD_AUDITS,
                                  .audits = {&fixture->own.audit, 1, fixture->own_image_id, 2}};
    records_add(&records, &record);
    records_goodbye(&records, SPIPE_GOODBYE_TARGET_EXITS);
    fixture->store = spipe_store_new(NULL);
    assert_int_equal(spipe_audit_memory(records.data, records.len, fixture->store, &fixture->result, &end), 0);
    assert_int_equal(end.reason, SPIPE_CAPTURE_ENDED);
    records_done(&records);
    return &fixture->result;
}

static uint64_t count_differing(const struct spipe_audit_result *result)
{
    uint64_t count = 0;
    for (unsigned i = 0; i < SPIPE_AUDIT_CAUSES; i++)
        count += result->differing[i];
    return count;
}

static void test_a_right_stack_agrees_in_every_frame(void **state)
{
    struct fixture *fixture = *state;
    const struct spipe_audit_result *result = audit(fixture);
    assert_int_equal(result->stacks, 1);
    assert_int_equal(result->whole_stacks, 1);
    assert_int_equal(result->compared, fixture->own.frame_count - 1);
    assert_int_equal(result->agreed, result->compared);
    assert_int_equal(count_differing(result), 0);
    assert_int_equal(result->skipped, 2);
    assert_int_equal(spipe_store_sample_count(fixture->store), 1);
}

static void test_the_images_account_for_all_frames(void **state)
{
    const struct spipe_audit_result *result = audit(*state);
    uint64_t compared = 0;
    uint64_t agreed = 0;
    for (size_t i = 0; i < result->image_count; i++) {
        compared += result->image[i].compared;
        agreed += result->image[i].agreed;
    }
    assert_int_equal(compared, result->compared);
    assert_int_equal(agreed, result->agreed);
}

static void test_a_wrong_caller_is_found_with_its_place(void **state)
{
    struct fixture *fixture = *state;
    fixture->address[4] += 1;
    const struct spipe_audit_result *result = audit(fixture);
    assert_int_equal(result->whole_stacks, 0);
    assert_int_equal(result->agreed, 3);
    assert_int_equal(result->compared, 4);
    assert_int_equal(result->differing[SPIPE_AUDIT_OTHER_CALLER], 1);
    assert_int_equal(result->behind, fixture->count - 4);
    const struct own_stack_image *image = own_stack_find_image(&fixture->own, fixture->address[3]);
    assert_int_equal(result->place_count, 1);
    assert_int_equal(result->place[0].count, 1);
    assert_int_equal(result->place[0].address, fixture->address[3] - image->load_address + image->address_in_file);
}

static void test_a_missing_frame_is_a_wrong_caller(void **state)
{
    struct fixture *fixture = *state;
    memmove(&fixture->address[3], &fixture->address[4], (fixture->count - 4) * sizeof fixture->address[0]);
    fixture->address[fixture->count - 1] = fixture->address[fixture->count - 2];
    const struct spipe_audit_result *result = audit(fixture);
    /* The recursion's calls are all the same place, so that the difference shows when it is over. */
    assert_int_equal(count_differing(result), 1);
    assert_int_equal(result->whole_stacks, 0);
}

static void test_a_stack_that_claims_to_be_whole_too_early_is_found(void **state)
{
    struct fixture *fixture = *state;
    fixture->count -= 2;
    const struct spipe_audit_result *result = audit(fixture);
    assert_int_equal(result->differing[SPIPE_AUDIT_NOT_THE_ROOT], 1);
    assert_int_equal(result->agreed, fixture->count - 1);
    assert_int_equal(result->behind, 0);
}

static void test_a_stack_that_was_given_up_is_found(void **state)
{
    struct fixture *fixture = *state;
    fixture->count -= 2;
    fixture->has_stand_in = true;
    fixture->stand_in = SPIPE_STAND_IN_BAD_TABLE;
    assert_int_equal(audit(fixture)->differing[SPIPE_AUDIT_GAVE_UP], 1);
}

static void test_a_stack_that_was_too_deep_is_compared_as_far_as_it_goes(void **state)
{
    struct fixture *fixture = *state;
    fixture->count -= 2;
    fixture->has_stand_in = true;
    fixture->stand_in = SPIPE_STAND_IN_TOO_DEEP;
    const struct spipe_audit_result *result = audit(fixture);
    assert_int_equal(count_differing(result), 0);
    assert_int_equal(result->agreed, fixture->count - 1);
    assert_int_equal(result->whole_stacks, 0);
}

static void test_a_stack_that_goes_on_behind_its_root_is_found(void **state)
{
    struct fixture *fixture = *state;
    fixture->address[fixture->count] = fixture->address[2];
    fixture->count++;
    const struct spipe_audit_result *result = audit(fixture);
    assert_int_equal(result->differing[SPIPE_AUDIT_WENT_ON], 1);
    assert_int_equal(result->behind, 1);
}

static void test_frames_beyond_a_cut_stack_are_not_told(void **state)
{
    struct fixture *fixture = *state;
    fixture->own.audit.stack.len = 512;
    fixture->own.audit.is_cut = true;
    const struct spipe_audit_result *result = audit(fixture);
    assert_int_equal(count_differing(result), 0);
    assert_int_equal(result->ended[SPIPE_SECOND_CUT], 1);
    assert_int_equal(result->agreed + result->untold, fixture->count - 1);
    assert_true(result->untold > 0);
}

static void test_frames_of_the_agents_own_code_are_passed_over(void **state)
{
    struct fixture *fixture = *state;
    /* The last frames but one are libc's. */
    fixture->own_image_id = image_id_of(fixture, fixture->address[fixture->count - 2]);
    assert_int_not_equal(fixture->own_image_id, image_id_of(fixture, fixture->address[0]));
    const struct spipe_audit_result *result = audit(fixture);
    assert_int_equal(count_differing(result), 0);
    assert_int_equal(result->whole_stacks, 1);
    assert_true(result->agreed < fixture->count - 1);
}

static void test_an_audit_of_an_unknown_stack_is_refused(void **state)
{
    struct fixture *fixture = *state;
    fixture->stack_id = 4711;
    const struct spipe_audit_result *result = audit(fixture);
    assert_int_equal(result->refused, 1);
    assert_int_equal(result->stacks, 0);
}

static void test_an_audit_whose_registers_are_elsewhere_is_refused(void **state)
{
    struct fixture *fixture = *state;
    fixture->own.registers[16] += 16;
    assert_int_equal(audit(fixture)->refused, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_right_stack_agrees_in_every_frame),
        TEST(test_the_images_account_for_all_frames),
        TEST(test_a_wrong_caller_is_found_with_its_place),
        TEST(test_a_missing_frame_is_a_wrong_caller),
        TEST(test_a_stack_that_claims_to_be_whole_too_early_is_found),
        TEST(test_a_stack_that_was_given_up_is_found),
        TEST(test_a_stack_that_was_too_deep_is_compared_as_far_as_it_goes),
        TEST(test_a_stack_that_goes_on_behind_its_root_is_found),
        TEST(test_frames_beyond_a_cut_stack_are_not_told),
        TEST(test_frames_of_the_agents_own_code_are_passed_over),
        TEST(test_an_audit_of_an_unknown_stack_is_refused),
        TEST(test_an_audit_whose_registers_are_elsewhere_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
