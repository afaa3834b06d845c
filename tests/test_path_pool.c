/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/path_pool.h"

#include <stdio.h>
#include <string.h>

static int set_up(void **state)
{
    (void)state;
    return spipe_path_pool_init() ? 0 : 1;
}

static const char *keep_numbered(unsigned number)
{
    char path[1100];
    memset(path, 'x', sizeof path);
    snprintf(path + 1000, sizeof path - 1000, "/%u", number);
    return spipe_path_pool_keep(path);
}

static void test_what_is_kept_is_a_copy(void **state)
{
    char path[] = "/usr/lib/libdemo.so";
    (void)state;
    const char *kept = spipe_path_pool_keep(path);
    path[0] = '\0';
    assert_string_equal(kept, "/usr/lib/libdemo.so");
}

static void test_a_move_makes_room_and_keeps_what_is_moved(void **state)
{
    (void)state;
    const char *needed = spipe_path_pool_keep("/usr/lib/libneeded.so");
    /* Twenty times what fits at once. */
    for (unsigned i = 0; i < 80000; i++) {
        assert_string_not_equal(keep_numbered(i), "");
        if (!spipe_path_pool_is_low())
            continue;
        assert_true(spipe_path_pool_begin_move());
        needed = spipe_path_pool_keep(needed);
        spipe_path_pool_end_move();
        assert_false(spipe_path_pool_is_low());
    }
    assert_string_equal(needed, "/usr/lib/libneeded.so");
}

static void test_a_pool_whose_paths_are_all_needed_is_not_moved_all_the_time(void **state)
{
    const char *needed[8000];
    size_t count = 0;
    unsigned moves = 0;
    (void)state;
    for (unsigned i = 0; i < 8000; i++) {
        needed[count] = keep_numbered(i);
        if (needed[count][0] != '\0')
            count++;
        if (!spipe_path_pool_is_low())
            continue;
        moves++;
        assert_true(spipe_path_pool_begin_move());
        for (size_t k = 0; k < count; k++)
            needed[k] = spipe_path_pool_keep(needed[k]);
        spipe_path_pool_end_move();
    }
    assert_in_range(moves, 1, 8);
    assert_string_equal(needed[0] + 1000, "/0");
    assert_string_equal(keep_numbered(9999), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_what_is_kept_is_a_copy, set_up),
        cmocka_unit_test_setup(test_a_move_makes_room_and_keeps_what_is_moved, set_up),
        cmocka_unit_test_setup(test_a_pool_whose_paths_are_all_needed_is_not_moved_all_the_time, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
