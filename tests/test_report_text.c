/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tools/stackpipe/report_text.h"

#include <stdlib.h>
#include <string.h>

static char *write_header(const struct spipe_summary *summary)
{
    struct spipe_store *store = spipe_store_new(NULL);
    char *text = NULL;
    size_t len = 0;
    FILE *stream = open_memstream(&text, &len);
    assert_non_null(store);
    spipe_report_write_header(summary, store, stream);
    fclose(stream);
    spipe_store_free(store);
    return text;
}

static void test_a_mechanism_cannot_speak_to_the_terminal(void **state)
{
    (void)state;
    struct spipe_summary summary = {.rate_hz = 100, .mechanism = "a\033[2Jb\xc2\x9b", .tick_aligned = true, .end_reason = "cut"};
    char *text = write_header(&summary);
    assert_non_null(strstr(text, " at 100 Hz by a?[2Jb?, on the kernel's tick\n"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_mechanism_cannot_speak_to_the_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
