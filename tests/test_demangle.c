/* SPDX-License-Identifier: MIT */
#include "viewer-stub/host/demangle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void assert_name(const char *mangled, const char *expected)
{
    char *name = spipe_demangle(mangled);

    assert_non_null(name);
    assert_string_equal(name, expected);
    free(name);
}

static void test_plain_names_stay(void **state)
{
    (void)state;
    assert_name("main", "main");
    assert_name("", "");
    assert_name("_start", "_start");
    assert_name("_Zebra", "_Zebra");
    assert_name("_Reader_init", "_Reader_init");
    assert_name("foo.part.0", "foo.part.0");
}

static void test_versions_are_left_out(void **state)
{
    (void)state;
    assert_name("memcpy@@GLIBC_2.14", "memcpy");
    assert_name("memcpy@GLIBC_2.2.5", "memcpy");
    assert_name("_ZNSs4swapERSs@@GLIBCXX_3.4", "std::string::swap(std::string&)");
    assert_name("@odd", "@odd");
}

static void test_cxx_names_are_read(void **state)
{
    (void)state;
    assert_name("_Z3addii", "add(int, int)");
    assert_name("_ZN5space5ClassC1Ev", "space::Class::Class()");
    assert_name("_ZNK5space5Class3getEv", "space::Class::get() const");
    assert_name("_ZN12_GLOBAL__N_16hiddenEv", "(anonymous namespace)::hidden()");
    assert_name("_ZN5space3addIiEEvT_", "void space::add<int>(int)");
    assert_name("_ZZ4mainENKUlvE_clEv", "main::{lambda()#1}::operator()() const");
    assert_name("_ZNSt6vectorIiSaIiEE9push_backERKi", "std::vector<int, std::allocator<int> >::push_back(int const&)");
    assert_name("_Z3foov.cold", "foo() [clone .cold]");
}

static void test_unreadable_names_stay(void **state)
{
    (void)state;
    assert_name("_ZN5space", "_ZN5space");
    assert_name("_Z999999999999x", "_Z999999999999x");
}

static void test_control_characters_and_broken_bytes_do_not_get_through(void **state)
{
    (void)state;
    assert_name("a\nb\x1b[31m", "a?b?[31m");
    assert_name("a\xff", "a?");
}

static void test_long_names_end_in_an_ellipsis(void **state)
{
    char *long_name = malloc(10001);
    char *name = NULL;

    (void)state;
    assert_non_null(long_name);
    memset(long_name, 'a', 10000);
    long_name[10000] = '\0';
    name = spipe_demangle(long_name);
    assert_non_null(name);
    assert_int_equal(strlen(name), SPIPE_NAME_MAX);
    assert_string_equal(name + SPIPE_NAME_MAX - 3, "\xe2\x80\xa6");
    free(name);
    free(long_name);
}

static void test_copied_names_keep_their_at_sign(void **state)
{
    char *name = spipe_name_copy("_Z3addii@file.js\n");

    (void)state;
    assert_non_null(name);
    assert_string_equal(name, "_Z3addii@file.js?");
    free(name);
}

#ifdef SPIPE_TEST_RUST
static void test_rust_names_are_read(void **state)
{
    (void)state;
    assert_name("_ZN4core3fmt5Write9write_fmt17h0123456789abcdefE", "core::fmt::Write::write_fmt");
    assert_name("_ZN71_$LT$Test$u20$$u2b$$u20$$u27$static$u20$as$u20$foo..Bar$LT$Test$GT$$GT$3bar17h930b740aa94f1d3aE",
                "<Test + 'static as foo::Bar<Test>>::bar");
    assert_name("_RNvC6_123foo3bar", "123foo::bar");
    assert_name("_RNvMsr_NtCs3ssYzQotkvD_3std4pathNtB5_7PathBuf3newCs15kBYyAo9fc_7mycrate",
                "<std::path::PathBuf>::new");
    assert_name("_RINvNtC3std3mem8align_ofdE", "std::mem::align_of::<f64>");
}

static void test_a_name_that_reads_as_nothing_stays(void **state)
{
    (void)state;
    assert_name("_RC0", "_RC0");
}

/* A name of 60 nested pairs, each of which stands twice in the next: written out it would have 2^60 parts. */
static void test_names_that_explode_are_cut(void **state)
{
    char mangled[2048] = "_Z1fSt4pairIiiE";
    char *name = NULL;

    (void)state;
    for (unsigned i = 0; i < 34; i++) {
        char part[32];
        const char digit[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
        /* St4pair is S_, the first pair S0_, and so on. */
        snprintf(part, sizeof part, "S_IS%c_S%c_E", digit[i], digit[i]);
        strcat(mangled, part);
    }
    name = spipe_demangle(mangled);
    assert_non_null(name);
    assert_int_equal(strlen(name), SPIPE_NAME_MAX);
    assert_memory_equal(name, "f(std::pair<int, int>, std::pair<", 33);
    free(name);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_names_stay),
        cmocka_unit_test(test_versions_are_left_out),
        cmocka_unit_test(test_cxx_names_are_read),
        cmocka_unit_test(test_unreadable_names_stay),
        cmocka_unit_test(test_control_characters_and_broken_bytes_do_not_get_through),
        cmocka_unit_test(test_long_names_end_in_an_ellipsis),
        cmocka_unit_test(test_copied_names_keep_their_at_sign),
#ifdef SPIPE_TEST_RUST
        cmocka_unit_test(test_rust_names_are_read),
        cmocka_unit_test(test_a_name_that_reads_as_nothing_stays),
        cmocka_unit_test(test_names_that_explode_are_cut),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
