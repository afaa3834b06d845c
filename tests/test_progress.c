/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tools/stackpipe/progress.h"

#include <stdlib.h>
#include <string.h>

static void test_the_line_says_time_samples_rate_and_losses(void **state)
{
    (void)state;
    char text[160];
    spipe_progress_format(text, sizeof text, UINT64_C(72340000000), 7201, 100, 3);
    assert_string_equal(text, "recording 1:12.3  7201 samples  100/s  3 lost");
}

static void test_nothing_is_drawn_on_what_is_no_terminal(void **state)
{
    (void)state;
    FILE *stream = tmpfile();
    struct spipe_progress progress;
    spipe_progress_init(&progress, stream, false);
    assert_false(progress.is_wanted);
    spipe_progress_draw(&progress, 1000000000, 100, 0);
    spipe_progress_clear(&progress);
    fflush(stream);
    assert_int_equal(ftell(stream), 0);
    fclose(stream);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_line_says_time_samples_rate_and_losses),
        cmocka_unit_test(test_nothing_is_drawn_on_what_is_no_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
