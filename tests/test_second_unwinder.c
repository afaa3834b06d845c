/* SPDX-License-Identifier: MIT */
#include "own_stack.h"

#include "viewer-stub/host/second_unwinder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct own_stack own;
static struct spipe_second_unwinder *unwinder;
static struct spipe_second_frame frame[OWN_STACK_FRAMES];
static enum spipe_second_end end;
static const char *why;

static void add_image(size_t i)
{
    const struct own_stack_image *image = &own.image[i];
    struct spipe_second_image added = {(uint32_t)i,  image->path,           {image->build_id, image->build_id_len},
                                       image->load_address, image->size, image->address_in_file};
    assert_int_equal(spipe_second_unwinder_add(unwinder, &added), 0);
}

static int set_up(void **state)
{
    (void)state;
    own_stack_take(&own);
    unwinder = spipe_second_unwinder_new();
    for (size_t i = 0; i < own.image_count; i++)
        add_image(i);
    return unwinder == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    spipe_second_unwinder_free(unwinder);
    return 0;
}

static size_t walk(const struct spipe_audit *audit, size_t max_frames)
{
    return spipe_second_unwinder_walk(unwinder, audit, frame, max_frames, &end, &why);
}

static void test_it_comes_to_the_same_as_libgccs_unwinder(void **state)
{
    (void)state;
    size_t count = walk(&own.audit, OWN_STACK_FRAMES);
    assert_int_equal(end, SPIPE_SECOND_ROOT);
    assert_int_equal(count, own.frame_count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(frame[i].address, own.address[i]);
        assert_true(frame[i].has_rules);
        assert_ptr_equal(&own.image[frame[i].image], own_stack_find_image(&own, own.address[i]));
    }
}

static void test_it_walks_again_and_again(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++)
        assert_int_equal(walk(&own.audit, OWN_STACK_FRAMES), own.frame_count);
}

static void test_a_cut_stack_is_told_from_its_root(void **state)
{
    (void)state;
    own.audit.stack.len /= 4;
    own.audit.stack.len &= ~(size_t)7;
    own.audit.is_cut = true;
    size_t whole = own.frame_count;
    for (; own.audit.stack.len > 256; own.audit.stack.len /= 2) {
        assert_true(walk(&own.audit, OWN_STACK_FRAMES) < whole);
        assert_int_equal(end, SPIPE_SECOND_CUT);
    }
    own.audit.is_cut = false;
    assert_true(walk(&own.audit, OWN_STACK_FRAMES) < whole);
    assert_int_equal(end, SPIPE_SECOND_NO_MEMORY);
}

static void test_an_image_without_its_file_ends_the_walk(void **state)
{
    (void)state;
    const struct own_stack_image *image = own_stack_find_image(&own, own.address[3]);
    struct spipe_second_image added = {77, "/nonexistent/program", {NULL, 0}, image->load_address, image->size,
                                       image->address_in_file};
    assert_int_equal(spipe_second_unwinder_add(unwinder, &added), 0);
    (void)walk(&own.audit, OWN_STACK_FRAMES);
    assert_int_equal(frame[0].image, 77);
    assert_false(frame[0].has_rules);
}

static void test_a_file_with_another_build_id_is_not_believed(void **state)
{
    (void)state;
    struct own_stack_image *image = (struct own_stack_image *)own_stack_find_image(&own, own.address[0]);
    if (image->build_id_len == 0)
        skip();
    image->build_id[0] ^= 1;
    add_image((size_t)(image - own.image));
    (void)walk(&own.audit, OWN_STACK_FRAMES);
    assert_false(frame[0].has_rules);
}

static void test_without_images_there_is_the_interrupted_place_alone(void **state)
{
    (void)state;
    spipe_second_unwinder_clear(unwinder);
    assert_int_equal(walk(&own.audit, OWN_STACK_FRAMES), 1);
    assert_int_equal(frame[0].address, own.registers[16]);
    assert_int_equal(frame[0].image, SPIPE_SECOND_NO_IMAGE);
    assert_int_equal(end, SPIPE_SECOND_UNKNOWN_CODE);
}

static void test_more_frames_than_there_is_room_for_are_left_out(void **state)
{
    (void)state;
    assert_int_equal(walk(&own.audit, 4), 4);
    assert_int_equal(end, SPIPE_SECOND_TOO_DEEP);
}

static void test_registers_of_another_processor_are_not_read(void **state)
{
    (void)state;
    own.audit.registers.len -= 8;
    assert_int_equal(walk(&own.audit, OWN_STACK_FRAMES), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_it_comes_to_the_same_as_libgccs_unwinder),
        TEST(test_it_walks_again_and_again),
        TEST(test_a_cut_stack_is_told_from_its_root),
        TEST(test_an_image_without_its_file_ends_the_walk),
        TEST(test_a_file_with_another_build_id_is_not_believed),
        TEST(test_without_images_there_is_the_interrupted_place_alone),
        TEST(test_more_frames_than_there_is_room_for_are_left_out),
        TEST(test_registers_of_another_processor_are_not_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
