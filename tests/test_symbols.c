/* SPDX-License-Identifier: MIT */
#include "profile_kit.h"
#include "viewer-stub/host/symbols.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t build_id_bytes[] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                                         0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
static const struct spipe_bytes build_id = {build_id_bytes, sizeof build_id_bytes};
static const struct spipe_bytes no_build_id = {NULL, 0};

struct fixture {
    struct profile_kit kit;
    struct spipe_symbols *symbols;
};

static int set_up(void **state)
{
    static struct fixture fixture;

    profile_kit_init(&fixture.kit);
    fixture.symbols = spipe_symbols_new(fixture.kit.store);
    assert_non_null(fixture.symbols);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    spipe_symbols_free(fixture->symbols);
    profile_kit_done(&fixture->kit);
    return 0;
}

/* The store's index of a frame is its id on the wire minus one as long as nothing is defined twice. */
static struct spipe_symbols_function get_innermost(struct fixture *fixture, uint32_t frame_id, uint32_t *ret_function)
{
    const struct spipe_symbols_place *place = NULL;
    size_t count = spipe_symbols_frame(fixture->symbols, frame_id - 1, &place);
    struct spipe_symbols_function function;

    assert_true(count > 0);
    spipe_symbols_get_function(fixture->symbols, place[count - 1].function, &function);
    if (ret_function)
        *ret_function = place[count - 1].function;
    return function;
}

static void assert_name(struct fixture *fixture, uint32_t frame_id, const char *name, enum spipe_symbols_kind kind)
{
    struct spipe_symbols_function function = get_innermost(fixture, frame_id, NULL);

    assert_string_equal(function.name, name);
    assert_int_equal(function.kind, kind);
}

static void test_stand_ins_are_named_in_brackets(void **state)
{
    struct fixture *fixture = *state;

    assert_name(fixture, profile_kit_stand_in(&fixture->kit, SPIPE_STAND_IN_TOO_DEEP), "[too deep]",
                SPIPE_SYMBOLS_STAND_IN);
    assert_name(fixture, profile_kit_stand_in(&fixture->kit, SPIPE_STAND_IN_KERNEL), "[kernel]",
                SPIPE_SYMBOLS_STAND_IN);
}

static void test_methods_are_named_by_the_agent(void **state)
{
    struct fixture *fixture = *state;
    uint32_t frame_id = profile_kit_function(&fixture->kit, "App.Main(string[]) @ _Z1fv", "src/App.cs", 12);
    struct spipe_symbols_function function = get_innermost(fixture, frame_id, NULL);

    assert_string_equal(function.name, "App.Main(string[]) @ _Z1fv");
    assert_string_equal(function.file, "src/App.cs");
    assert_int_equal(function.line, 12);
    assert_int_equal(function.kind, SPIPE_SYMBOLS_METHOD);
}

static void test_memory_without_a_file_is_generated_code(void **state)
{
    struct fixture *fixture = *state;
    uint32_t image_id = profile_kit_image(&fixture->kit, "", no_build_id, 0);

    assert_name(fixture, profile_kit_place(&fixture->kit, image_id, 0x10), "[generated code]", SPIPE_SYMBOLS_GENERATED);
    assert_name(fixture, profile_kit_place(&fixture->kit, image_id, 0x20), "[generated code]", SPIPE_SYMBOLS_GENERATED);
}

static void test_missing_file_gives_address_in_file(void **state)
{
    struct fixture *fixture = *state;
    uint32_t image_id = profile_kit_image(&fixture->kit, "/nonexistent/libgone.so.1", build_id, 0x400000);
    uint32_t frame_id = profile_kit_place(&fixture->kit, image_id, 0x1234);
    struct spipe_symbols_function function = get_innermost(fixture, frame_id, NULL);

    assert_string_equal(function.name, "libgone.so.1+0x401234");
    assert_string_equal(function.image_path, "/nonexistent/libgone.so.1");
    assert_string_equal(function.image_name, "libgone.so.1");
    assert_int_equal(function.kind, SPIPE_SYMBOLS_NAMELESS);
    assert_string_equal(spipe_symbols_image_source(fixture->symbols, 0, NULL), "file missing");
}

static void test_other_build_id_is_told_and_names_nothing(void **state)
{
    static const uint8_t other[] = {9, 9, 9, 9, 9, 9, 9, 9};
    struct fixture *fixture = *state;
    uint32_t image_id = profile_kit_image(&fixture->kit, SPIPE_TEST_FIXTURES "/libspipe-fixture.so",
                                          (struct spipe_bytes){other, sizeof other}, 0);
    uint32_t frame_id = profile_kit_place(&fixture->kit, image_id, 0x1100);

    assert_name(fixture, frame_id, "libspipe-fixture.so+0x1100", SPIPE_SYMBOLS_NAMELESS);
    assert_string_equal(spipe_symbols_image_source(fixture->symbols, 0, NULL), "build id differs");
}

static void test_places_of_one_function_share_its_id(void **state)
{
    struct fixture *fixture = *state;
    uint32_t image_id = profile_kit_image(&fixture->kit, SPIPE_TEST_FIXTURES "/libspipe-fixture.so", build_id, 0);
    bool has_outer = false;
    bool has_inlined = false;

    for (uint32_t offset = 0x1000; offset < 0x2000; offset++) {
        uint32_t frame_id = profile_kit_place(&fixture->kit, image_id, offset);
        const struct spipe_symbols_place *place = NULL;
        size_t count = spipe_symbols_frame(fixture->symbols, frame_id - 1, &place);
        struct spipe_symbols_function outermost;
        struct spipe_symbols_function innermost;
        spipe_symbols_get_function(fixture->symbols, place[0].function, &outermost);
        spipe_symbols_get_function(fixture->symbols, place[count - 1].function, &innermost);
        has_outer = has_outer || strcmp(outermost.name, "spipe_fixture_outer") == 0;
        has_inlined = has_inlined || (count == 3 && strcmp(innermost.name, "fixture_innermost") == 0);
    }
    assert_true(has_outer);
    assert_true(has_inlined);
    /* 4096 places, a few functions. */
    for (uint32_t i = 0; i < spipe_symbols_function_count(fixture->symbols); i++) {
        for (uint32_t j = 0; j < i; j++) {
            struct spipe_symbols_function a;
            struct spipe_symbols_function b;
            spipe_symbols_get_function(fixture->symbols, i, &a);
            spipe_symbols_get_function(fixture->symbols, j, &b);
            assert_false(a.kind == SPIPE_SYMBOLS_NAMED && b.kind == SPIPE_SYMBOLS_NAMED && strcmp(a.name, b.name) == 0);
        }
    }
    assert_string_equal(spipe_symbols_image_source(fixture->symbols, 0, NULL), "debug info");
}

static void test_same_answer_on_the_second_question(void **state)
{
    struct fixture *fixture = *state;
    uint32_t first = 0;
    uint32_t second = 1;
    uint32_t frame_id = profile_kit_function(&fixture->kit, "again", "", 0);

    get_innermost(fixture, frame_id, &first);
    get_innermost(fixture, profile_kit_function(&fixture->kit, "between", "", 0), NULL);
    get_innermost(fixture, frame_id, &second);
    assert_int_equal(first, second);
}

static void test_naming_gives_what_the_frames_say(void **state)
{
    struct fixture *fixture = *state;
    struct spipe_naming naming = spipe_symbols_naming(fixture->symbols);
    uint32_t frame_id = profile_kit_function(&fixture->kit, "named", "", 0);
    const uint32_t *functions = NULL;

    assert_int_equal(naming.functions(naming.user, frame_id - 1, &functions), 1);
    assert_string_equal(naming.name(naming.user, functions[0]), "named");
    assert_string_equal(naming.image(naming.user, functions[0]), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_stand_ins_are_named_in_brackets, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_methods_are_named_by_the_agent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_memory_without_a_file_is_generated_code, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_missing_file_gives_address_in_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_other_build_id_is_told_and_names_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_places_of_one_function_share_its_id, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_same_answer_on_the_second_question, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_naming_gives_what_the_frames_say, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
