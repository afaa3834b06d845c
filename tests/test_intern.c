/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "agent/intern.h"

static struct spipe_intern *intern;

static int set_up(void **state)
{
    (void)state;
    intern = spipe_intern_new();
    return intern == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    spipe_intern_free(intern);
    return 0;
}

static void test_ids_are_dense_from_one_and_the_same_place_keeps_its_id(void **state)
{
    (void)state;
    assert_int_equal(spipe_intern_frame(intern, 1, 16), 1);
    assert_int_equal(spipe_intern_frame(intern, 1, 32), 2);
    assert_int_equal(spipe_intern_frame(intern, 2, 16), 3);
    assert_int_equal(spipe_intern_frame(intern, 1, 16), 1);
    assert_int_equal(spipe_intern_frame(intern, 0, 0), 4);
    assert_int_equal(spipe_intern_frame(intern, 16, 1), 5);
    assert_int_equal(spipe_intern_new_frames(intern), 5);
}

static void test_frames_and_nodes_are_numbered_apart(void **state)
{
    (void)state;
    assert_int_equal(spipe_intern_frame(intern, 1, 1), 1);
    assert_int_equal(spipe_intern_node(intern, 0, 1), 1);
    assert_int_equal(spipe_intern_node(intern, 1, 1), 2);
    assert_int_equal(spipe_intern_node(intern, 0, 1), 1);
}

static void test_new_frames_are_handed_out_once_and_in_order(void **state)
{
    (void)state;
    const uint32_t *image_id;
    const uint32_t *offset;
    uint32_t first;
    for (uint32_t i = 0; i < 10; i++)
        spipe_intern_frame(intern, 7, 100 + i);
    assert_int_equal(spipe_intern_take_frames(intern, 6, &first, &image_id, &offset), 6);
    assert_int_equal(first, 1);
    assert_int_equal(image_id[0], 7);
    assert_int_equal(offset[5], 105);
    spipe_intern_frame(intern, 7, 103);
    assert_int_equal(spipe_intern_take_frames(intern, 6, &first, &image_id, &offset), 4);
    assert_int_equal(first, 7);
    assert_int_equal(offset[0], 106);
    assert_int_equal(spipe_intern_new_frames(intern), 0);
    assert_int_equal(spipe_intern_take_frames(intern, 6, &first, &image_id, &offset), 0);
}

static void test_a_node_names_its_parent_by_the_distance_back(void **state)
{
    (void)state;
    uint32_t back[8];
    const uint32_t *frame_id;
    uint32_t first;
    uint32_t root = spipe_intern_node(intern, 0, 1);
    uint32_t child = spipe_intern_node(intern, root, 2);
    spipe_intern_node(intern, child, 3);
    spipe_intern_node(intern, root, 4);
    assert_int_equal(spipe_intern_take_nodes(intern, 8, &first, back, &frame_id), 4);
    assert_int_equal(back[0], 0);
    assert_int_equal(back[1], 1);
    assert_int_equal(back[2], 1);
    assert_int_equal(back[3], 3);
    assert_int_equal(frame_id[3], 4);
}

static void test_a_reset_forgets_all(void **state)
{
    (void)state;
    spipe_intern_frame(intern, 1, 2);
    spipe_intern_node(intern, 0, 1);
    spipe_intern_reset(intern);
    assert_int_equal(spipe_intern_new_frames(intern), 0);
    assert_int_equal(spipe_intern_new_nodes(intern), 0);
    assert_int_equal(spipe_intern_frame(intern, 5, 6), 1);
    assert_int_equal(spipe_intern_node(intern, 0, 1), 1);
    assert_int_equal(spipe_intern_frame(intern, 1, 2), 2);
}

static void test_the_tables_hold_what_they_promise_and_say_when_they_are_full(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < SPIPE_INTERN_FRAMES_MAX; i++) {
        assert_false(spipe_intern_is_full(intern, 1));
        assert_int_equal(spipe_intern_frame(intern, 1, i * 16), i + 1);
    }
    assert_true(spipe_intern_is_full(intern, 1));
    assert_false(spipe_intern_is_full(intern, 0));
    assert_int_equal(spipe_intern_frame(intern, 1, 16 * 4000), 4001);
    spipe_intern_reset(intern);
    assert_false(spipe_intern_is_full(intern, SPIPE_INTERN_FRAMES_MAX));
    assert_true(spipe_intern_is_full(intern, SPIPE_INTERN_FRAMES_MAX + 1));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_ids_are_dense_from_one_and_the_same_place_keeps_its_id),
        TEST(test_frames_and_nodes_are_numbered_apart),
        TEST(test_new_frames_are_handed_out_once_and_in_order),
        TEST(test_a_node_names_its_parent_by_the_distance_back),
        TEST(test_a_reset_forgets_all),
        TEST(test_the_tables_hold_what_they_promise_and_say_when_they_are_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
