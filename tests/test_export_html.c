/* SPDX-License-Identifier: MIT */
#include "profile_kit.h"
#include "protocol/status.h"
#include "viewer-stub/host/export_html.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    struct profile_kit kit;
    struct spipe_symbols *symbols;
    char *page;
    char *data; /* what stands between the data's script tags, inside `page` */
};

static int set_up(void **state)
{
    static struct fixture fixture;

    profile_kit_init(&fixture.kit);
    fixture.symbols = spipe_symbols_new(fixture.kit.store);
    fixture.page = NULL;
    fixture.data = NULL;
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    free(fixture->page);
    free(fixture->data);
    spipe_symbols_free(fixture->symbols);
    profile_kit_done(&fixture->kit);
    return 0;
}

static void keep_data(struct fixture *fixture)
{
    static const char begin[] = "<script type=\"application/json\" id=\"data\">";
    const char *data = strstr(fixture->page, begin);
    const char *end = NULL;

    assert_non_null(data);
    data += strlen(begin);
    end = strstr(data, "</script>");
    assert_non_null(end);
    fixture->data = strndup(data, (size_t)(end - data));
    assert_non_null(fixture->data);
}

static void export(struct fixture *fixture, const struct spipe_export_options *options)
{
    size_t len = 0;
    FILE *stream = open_memstream(&fixture->page, &len);

    assert_non_null(stream);
    assert_int_equal(spipe_export_html(fixture->kit.store, fixture->symbols, options, NULL, stream), 0);
    assert_int_equal(fclose(stream), 0);
    keep_data(fixture);
}

static void add_function_sample(struct fixture *fixture, const char *name, uint32_t tid, const char *thread)
{
    struct profile_kit *kit = &fixture->kit;
    uint32_t thread_id = profile_kit_thread(kit, tid, thread);
    uint32_t frame_id = profile_kit_function(kit, name, "src/demo.c", 7);

    profile_kit_sample(kit, thread_id, profile_kit_stack(kit, 0, frame_id), 1, 1000 * tid);
}

static void test_markup_in_names_stays_text(void **state)
{
    struct fixture *fixture = *state;

    add_function_sample(fixture, "</script><img src=x onerror=alert(1)>", 1, "<!--");
    profile_kit_end(&fixture->kit, 0);
    export(fixture, NULL);
    assert_null(strchr(fixture->data, '<'));
    assert_non_null(strstr(fixture->data, "\\u003c/script>\\u003cimg src=x onerror=alert(1)>"));
    assert_non_null(strstr(fixture->data, "\\u003c!--"));
    assert_null(strstr(fixture->page, "<img"));
}

static void test_page_loads_nothing(void **state)
{
    struct fixture *fixture = *state;

    add_function_sample(fixture, "main", 1, "demo");
    export(fixture, NULL);
    assert_non_null(strstr(fixture->page, "default-src 'none'"));
    assert_null(strstr(fixture->page, "http:"));
    assert_null(strstr(fixture->page, "https:"));
    assert_null(strstr(fixture->page, " src="));
    assert_null(strstr(fixture->page, "@import"));
    assert_null(strstr(fixture->page, "url("));
}

static void test_no_mark_is_left_in_the_page(void **state)
{
    struct fixture *fixture = *state;

    add_function_sample(fixture, "main", 1, "demo");
    export(fixture, NULL);
    assert_null(strstr(fixture->page, "@TITLE@"));
    assert_null(strstr(fixture->page, "@DATA@"));
    assert_null(strstr(fixture->page, "@STYLE@"));
    assert_null(strstr(fixture->page, "@SCRIPT@"));
    assert_non_null(strstr(fixture->page, "<title>demo "));
    assert_non_null(strstr(fixture->page, "</html>"));
}

static void test_data_holds_names_places_threads_and_ledger(void **state)
{
    struct fixture *fixture = *state;

    add_function_sample(fixture, "compute_everything", 77, "worker");
    profile_kit_end(&fixture->kit, 3);
    export(fixture, NULL);
    assert_non_null(strstr(fixture->data, "\"compute_everything\""));
    assert_non_null(strstr(fixture->data, "\"src/demo.c\""));
    assert_non_null(strstr(fixture->data, "\"name\":\"worker\",\"tid\":77"));
    assert_non_null(strstr(fixture->data, "\"attempted\":4,\"sent\":1"));
    assert_non_null(strstr(fixture->data, "\"ring_full\":3"));
    assert_non_null(strstr(fixture->data, "\"weight\":[10000000],\"samples\":[1]"));
    assert_non_null(strstr(fixture->data, "\"mechanism\":\"thread-cpu-timer\""));
    assert_non_null(strstr(fixture->data, "\"date\":\"2023-11-14 22:13:20 UTC\""));
    assert_non_null(strstr(fixture->data, "\"reason\":\"target exits\""));
}

static void test_left_out_samples_leave_no_names(void **state)
{
    struct fixture *fixture = *state;
    struct spipe_export_options options = {.thread = "kept"};

    add_function_sample(fixture, "wanted_function", 1, "kept");
    add_function_sample(fixture, "other_function", 2, "left");
    export(fixture, &options);
    assert_non_null(strstr(fixture->data, "wanted_function"));
    assert_null(strstr(fixture->data, "other_function"));
    assert_non_null(strstr(fixture->data, "\"part\":\"thread kept\""));
}

static void test_empty_profile_gives_a_page(void **state)
{
    struct fixture *fixture = *state;

    export(fixture, NULL);
    assert_non_null(strstr(fixture->data, "\"function\":[-1]"));
    assert_non_null(strstr(fixture->page, "</html>"));
}

static void test_unknown_thread_writes_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct spipe_export_options options = {.thread = "nobody"};
    FILE *stream = tmpfile();

    assert_non_null(stream);
    assert_int_equal(spipe_export_html(fixture->kit.store, fixture->symbols, &options, NULL, stream),
                     SPIPE_E_NOT_FOUND);
    assert_int_equal(ftell(stream), 0);
    fclose(stream);
}

static void test_states_are_a_column_of_the_wall_clock_alone(void **state)
{
    struct fixture *fixture = *state;
    struct profile_kit *kit = &fixture->kit;
    struct spipe_export_options options = {.kind = SPIPE_SOURCE_WALL};

    profile_kit_thread(kit, 100, "demo");
    profile_kit_stack(kit, 0, profile_kit_function(kit, "main", "", 0));
    profile_kit_sample(kit, 1, 1, 1, 1000);
    profile_kit_begin_wall(kit);
    profile_kit_wall_sample(kit, 1, 1, 2, SPIPE_STATE_RUNNING, 2000);
    profile_kit_wall_sample(kit, 1, 1, 3, SPIPE_STATE_WAITING, 3000);
    export(fixture, &options);
    assert_non_null(strstr(fixture->data, "\"clock\":\"wall\""));
    assert_non_null(strstr(fixture->data, "\"weight\":[40000000,60000000]"));
    assert_non_null(strstr(fixture->data, "\"state\":[0,1]"));
    assert_non_null(strstr(fixture->data, "\"ns\":{\"running\":40000000,\"runnable\":0,\"waiting\":60000000}"));
    free(fixture->page);
    free(fixture->data);
    export(fixture, NULL);
    assert_non_null(strstr(fixture->data, "\"clock\":\"cpu\""));
    assert_null(strstr(fixture->data, "\"state\":["));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_states_are_a_column_of_the_wall_clock_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_markup_in_names_stays_text, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_page_loads_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_mark_is_left_in_the_page, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_data_holds_names_places_threads_and_ledger, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_left_out_samples_leave_no_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_empty_profile_gives_a_page, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unknown_thread_writes_nothing, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
