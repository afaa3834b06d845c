/* SPDX-License-Identifier: MIT */
/* Names of known places: the test is called from them and so knows their addresses without any symbolizer. */
#include "tests/symbols/fixture.h"
#include "viewer-stub/host/demangle.h"
#include "viewer-stub/host/own_vdso.h"
#include "viewer-stub/host/symbol_file.h"

#include <dlfcn.h>
#include <elfutils/libdwelf.h>
#include <fcntl.h>
#include <link.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const uint8_t build_id_bytes[] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                                         0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
static const struct spipe_bytes build_id = {build_id_bytes, sizeof build_id_bytes};
static const struct spipe_bytes no_build_id = {NULL, 0};

/* Addresses in the fixture's file. */
static struct {
    uint64_t inlined; /* inside fixture_innermost, inlined into spipe_fixture_outer */
    uint64_t hidden;  /* inside fixture_hidden */
    uint64_t outer;
    uint64_t sizeless;
    uint64_t sized;
    uint64_t alias;
    int line[SPIPE_FIXTURE_LINES];
} known;

static uint64_t visited;

static __attribute__((noinline)) void visit(void)
{
    visited = (uint64_t)(uintptr_t)__builtin_return_address(0) - 1;
}

static void *get_symbol(void *library, const char *name)
{
    void *symbol = dlsym(library, name);

    assert_non_null(symbol);
    return symbol;
}

static uint64_t call_and_see(void *library, const char *name)
{
    void (*function)(spipe_fixture_visit) = NULL;

    *(void **)&function = get_symbol(library, name);
    function(visit);
    return visited;
}

static int learn_places(void **state)
{
    void *library = dlopen(SPIPE_TEST_FIXTURES "/libspipe-fixture.so", RTLD_NOW);
    struct link_map *map = NULL;
    uint64_t base = 0;

    (void)state;
    assert_non_null(library);
    assert_int_equal(dlinfo(library, RTLD_DI_LINKMAP, &map), 0);
    base = map->l_addr;
    known.inlined = call_and_see(library, "spipe_fixture_outer") - base;
    known.hidden = call_and_see(library, "spipe_fixture_calls_hidden") - base;
    known.outer = (uint64_t)(uintptr_t)get_symbol(library, "spipe_fixture_outer") - base;
    known.sizeless = (uint64_t)(uintptr_t)get_symbol(library, "spipe_fixture_sizeless") - base;
    known.sized = (uint64_t)(uintptr_t)get_symbol(library, "spipe_fixture_sized") - base;
    known.alias = (uint64_t)(uintptr_t)get_symbol(library, "spipe_fixture_alias") - base;
    memcpy(known.line, get_symbol(library, "spipe_fixture_lines"), sizeof known.line);
    return 0;
}

static struct spipe_symbol_file *open_file(const char *path, struct spipe_bytes id)
{
    struct spipe_symbol_file *file = NULL;

    assert_int_equal(spipe_symbol_file_open(path, id, &file), 0);
    assert_non_null(file);
    return file;
}

static struct spipe_symbol_file *open_fixture(const char *name)
{
    char path[4096];

    snprintf(path, sizeof path, "%s/%s", SPIPE_TEST_FIXTURES, name);
    return open_file(path, build_id);
}

static void assert_place(const struct spipe_symbol_place *place, const char *name, int line)
{
    const char *slash = strrchr(place->file, '/');

    assert_string_equal(place->name, name);
    assert_int_equal(place->line, line);
    assert_string_equal(slash ? slash + 1 : place->file, line ? "fixture.c" : "");
}

/* The one function at an address, "" for none. */
static const char *name_at(struct spipe_symbol_file *file, uint64_t address)
{
    struct spipe_symbol_place place[SPIPE_INLINED_MAX];

    assert_int_equal(spipe_symbol_file_find(file, address, place), 1);
    return place[0].name;
}

static void assert_inlined_functions(const char *fixture)
{
    struct spipe_symbol_file *file = open_fixture(fixture);
    struct spipe_symbol_place place[SPIPE_INLINED_MAX];

    assert_int_equal(spipe_symbol_file_source(file), SPIPE_SYMBOL_SOURCE_DEBUG_INFO);
    assert_int_equal(spipe_symbol_file_find(file, known.inlined, place), 3);
    assert_place(&place[0], "spipe_fixture_outer", known.line[SPIPE_FIXTURE_LINE_OUTER]);
    assert_place(&place[1], "fixture_middle", known.line[SPIPE_FIXTURE_LINE_MIDDLE]);
    assert_place(&place[2], "fixture_innermost", known.line[SPIPE_FIXTURE_LINE_INNERMOST]);
    assert_int_equal(spipe_symbol_file_find(file, known.hidden, place), 1);
    assert_place(&place[0], "fixture_hidden", known.line[SPIPE_FIXTURE_LINE_HIDDEN]);
    spipe_symbol_file_close(file);
}

static void test_debug_info_tells_inlined_functions_and_lines(void **state)
{
    (void)state;
    assert_inlined_functions("libspipe-fixture.so");
}

static void test_debug_link_is_followed(void **state)
{
    (void)state;
    assert_inlined_functions("linked.so");
}

static void test_symtab_names_local_functions_without_lines(void **state)
{
    struct spipe_symbol_file *file = open_fixture("symtab.so");
    struct spipe_symbol_place place[SPIPE_INLINED_MAX];

    (void)state;
    assert_int_equal(spipe_symbol_file_source(file), SPIPE_SYMBOL_SOURCE_SYMTAB);
    assert_int_equal(spipe_symbol_file_find(file, known.inlined, place), 1);
    assert_place(&place[0], "spipe_fixture_outer", 0);
    assert_int_equal(place[0].start, known.outer);
    assert_string_equal(name_at(file, known.hidden), "fixture_hidden");
    spipe_symbol_file_close(file);
}

static void test_stripped_library_names_exported_functions_only(void **state)
{
    struct spipe_symbol_file *file = open_fixture("stripped.so");

    (void)state;
    assert_int_equal(spipe_symbol_file_source(file), SPIPE_SYMBOL_SOURCE_DYNSYM);
    assert_string_equal(name_at(file, known.inlined), "spipe_fixture_outer");
    assert_string_equal(name_at(file, known.hidden), "");
    spipe_symbol_file_close(file);
}

static void test_nameless_function_still_has_its_start(void **state)
{
    struct spipe_symbol_file *stripped = open_fixture("stripped.so");
    struct spipe_symbol_file *symtab = open_fixture("symtab.so");
    struct spipe_symbol_place nameless[SPIPE_INLINED_MAX];
    struct spipe_symbol_place named[SPIPE_INLINED_MAX];

    (void)state;
    assert_int_equal(spipe_symbol_file_find(stripped, known.hidden, nameless), 1);
    assert_int_equal(spipe_symbol_file_find(symtab, known.hidden, named), 1);
    assert_true(nameless[0].start < known.hidden);
    assert_int_equal(nameless[0].start, named[0].start);
    spipe_symbol_file_close(symtab);
    spipe_symbol_file_close(stripped);
}

static void test_mini_debug_info_names_local_functions(void **state)
{
    (void)state;
#ifdef SPIPE_TEST_XZ
    struct spipe_symbol_file *file = open_fixture("mini.so");
    assert_int_equal(spipe_symbol_file_source(file), SPIPE_SYMBOL_SOURCE_SYMTAB);
    assert_string_equal(name_at(file, known.hidden), "fixture_hidden");
    assert_string_equal(name_at(file, known.inlined), "spipe_fixture_outer");
    spipe_symbol_file_close(file);
#else
    skip();
#endif
}

static void test_sizeless_symbol_reaches_to_the_next_one(void **state)
{
    struct spipe_symbol_file *file = open_fixture("symtab.so");

    (void)state;
    assert_string_equal(name_at(file, known.sizeless), "spipe_fixture_sizeless");
    assert_string_equal(name_at(file, known.sizeless + 2), "spipe_fixture_sizeless");
    assert_string_equal(name_at(file, known.sized - 1), "spipe_fixture_sizeless");
    spipe_symbol_file_close(file);
}

static void test_sizeless_symbol_names_nothing_where_local_symbols_are_gone(void **state)
{
    struct spipe_symbol_file *file = open_fixture("stripped.so");

    (void)state;
    assert_string_equal(name_at(file, known.sizeless), "");
    spipe_symbol_file_close(file);
}

static void test_no_name_behind_the_end_of_a_symbol(void **state)
{
    struct spipe_symbol_file *file = open_fixture("symtab.so");

    (void)state;
    assert_string_equal(name_at(file, known.sized + 1), "spipe_fixture_sized");
    assert_string_equal(name_at(file, known.sized + 2), "");
    assert_string_equal(name_at(file, known.alias - 1), "");
    spipe_symbol_file_close(file);
}

static void test_of_two_names_the_one_with_fewer_underscores_is_taken(void **state)
{
    struct spipe_symbol_file *file = open_fixture("symtab.so");

    (void)state;
    assert_string_equal(name_at(file, known.alias), "spipe_fixture_alias");
    spipe_symbol_file_close(file);
}

static void test_address_outside_code_has_no_name(void **state)
{
    struct spipe_symbol_file *file = open_fixture("libspipe-fixture.so");

    (void)state;
    assert_string_equal(name_at(file, 0), "");
    assert_string_equal(name_at(file, 0x10), "");
    assert_string_equal(name_at(file, UINT64_MAX), "");
    spipe_symbol_file_close(file);
}

static void test_other_build_id_gives_no_names(void **state)
{
    static const uint8_t other[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    struct spipe_bytes other_id = {other, sizeof other};
    struct spipe_symbol_file *file = open_file(SPIPE_TEST_FIXTURES "/libspipe-fixture.so", other_id);

    (void)state;
    assert_int_equal(spipe_symbol_file_source(file), SPIPE_SYMBOL_SOURCE_BUILD_ID_DIFFERS);
    assert_string_equal(name_at(file, known.outer), "");
    spipe_symbol_file_close(file);
}

static void test_build_id_on_one_side_only_gives_no_names(void **state)
{
    struct spipe_symbol_file *file = open_file(SPIPE_TEST_FIXTURES "/libspipe-fixture.so", no_build_id);

    (void)state;
    assert_int_equal(spipe_symbol_file_source(file), SPIPE_SYMBOL_SOURCE_BUILD_ID_DIFFERS);
    spipe_symbol_file_close(file);
    file = open_fixture("libspipe-fixture-nameless.so");
    assert_int_equal(spipe_symbol_file_source(file), SPIPE_SYMBOL_SOURCE_BUILD_ID_DIFFERS);
    spipe_symbol_file_close(file);
}

static void test_without_build_ids_the_file_is_taken_as_unproven(void **state)
{
    struct spipe_symbol_file *file = open_file(SPIPE_TEST_FIXTURES "/libspipe-fixture-nameless.so", no_build_id);

    (void)state;
    assert_int_equal(spipe_symbol_file_source(file), SPIPE_SYMBOL_SOURCE_DEBUG_INFO);
    assert_true(spipe_symbol_file_is_unproven(file));
    spipe_symbol_file_close(file);
    file = open_fixture("libspipe-fixture.so");
    assert_false(spipe_symbol_file_is_unproven(file));
    spipe_symbol_file_close(file);
}

static void test_file_replaced_while_it_ran_is_found_by_build_id(void **state)
{
    struct spipe_symbol_file *file = open_fixture("libspipe-fixture.so (deleted)");

    (void)state;
    assert_int_equal(spipe_symbol_file_source(file), SPIPE_SYMBOL_SOURCE_DEBUG_INFO);
    spipe_symbol_file_close(file);
}

static void assert_source(const char *path, enum spipe_symbol_source source)
{
    struct spipe_symbol_file *file = open_file(path, no_build_id);

    assert_int_equal(spipe_symbol_file_source(file), source);
    assert_string_equal(name_at(file, 0x1000), "");
    spipe_symbol_file_close(file);
}

static void test_what_is_no_image_is_said_and_never_waited_for(void **state)
{
    char fifo[] = "/tmp/spipe-test-XXXXXX";

    (void)state;
    assert_source("", SPIPE_SYMBOL_SOURCE_NO_FILE);
    assert_source("/nonexistent/library.so", SPIPE_SYMBOL_SOURCE_FILE_MISSING);
    assert_source("relative.so", SPIPE_SYMBOL_SOURCE_FILE_MISSING);
    assert_source("/", SPIPE_SYMBOL_SOURCE_UNREADABLE);
    assert_source("/dev/zero", SPIPE_SYMBOL_SOURCE_UNREADABLE);
    assert_source(SPIPE_TEST_FIXTURES "/done", SPIPE_SYMBOL_SOURCE_UNREADABLE);
    assert_non_null(mkdtemp(fifo));
    assert_int_equal(rmdir(fifo), 0);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_source(fifo, SPIPE_SYMBOL_SOURCE_UNREADABLE);
    assert_int_equal(unlink(fifo), 0);
}

static void copy_file(const char *from, const char *to)
{
    FILE *in = fopen(from, "rb");
    FILE *out = fopen(to, "wb");
    char part[4096];
    size_t len = 0;

    assert_non_null(in);
    assert_non_null(out);
    while ((len = fread(part, 1, sizeof part, in)) > 0)
        assert_int_equal(fwrite(part, 1, len, out), len);
    fclose(in);
    fclose(out);
}

/* A folder with a copy of a stripped fixture and, where its debug information is looked for, a FIFO that nobody writes. */
static void assert_fifo_is_not_waited_for(const char *fixture, const char *fifo_name)
{
    char folder[] = "/tmp/spipe-test-XXXXXX";
    char path[300];
    char fifo[300];
    char original[300];
    struct spipe_symbol_file *file = NULL;

    assert_non_null(mkdtemp(folder));
    snprintf(original, sizeof original, "%s/%s", SPIPE_TEST_FIXTURES, fixture);
    snprintf(path, sizeof path, "%s/%s", folder, fixture);
    snprintf(fifo, sizeof fifo, "%s/%s", folder, fifo_name);
    copy_file(original, path);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    alarm(20);
    file = open_file(path, build_id);
    alarm(0);
    assert_int_equal(spipe_symbol_file_source(file), SPIPE_SYMBOL_SOURCE_DYNSYM);
    spipe_symbol_file_close(file);
    assert_int_equal(unlink(fifo) | unlink(path) | rmdir(folder), 0);
}

static void test_debug_files_are_never_waited_for(void **state)
{
    (void)state;
    assert_fifo_is_not_waited_for("linked.so", "linked.debug");
    assert_fifo_is_not_waited_for("stripped.so", "stripped.so.debug");
}

/* Opens the C++ fixture for names, with its own build id. */
static struct spipe_symbol_file *open_cxx_fixture(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct spipe_symbol_file *file = NULL;
    const void *id = NULL;
    Elf *elf = NULL;
    ssize_t len = 0;

    assert_true(fd >= 0);
    elf_version(EV_CURRENT);
    elf = elf_begin(fd, ELF_C_READ, NULL);
    len = dwelf_elf_gnu_build_id(elf, &id);
    assert_true(len > 0);
    file = open_file(path, (struct spipe_bytes){id, (size_t)len});
    elf_end(elf);
    close(fd);
    return file;
}

static void test_plt_stubs_are_named_after_what_they_lead_to(void **state)
{
    struct spipe_symbol_file *file = open_cxx_fixture(SPIPE_TEST_FIXTURES "/libspipe-fixture-cxx.so");
    unsigned stubs = 0;
    bool throws = false;

    (void)state;
    for (uint64_t address = 0; address < 0x10000; address += 16) {
        struct spipe_symbol_place place[SPIPE_INLINED_MAX];
        spipe_symbol_file_find(file, address, place);
        stubs += place[0].is_plt;
        throws = throws || (place[0].is_plt && strcmp(place[0].name, "__cxa_throw") == 0);
    }
    spipe_symbol_file_close(file);
#ifdef __x86_64__
    assert_true(stubs > 5);
    assert_true(throws);
#else
    assert_int_equal(stubs, 0);
#endif
}

/* Finds the build id in the image in memory. */
static struct spipe_bytes vdso_build_id(struct spipe_bytes vdso, Elf **ret_elf)
{
    const void *id = NULL;
    ssize_t len = 0;

    elf_version(EV_CURRENT);
    *ret_elf = elf_memory((char *)(uintptr_t)vdso.data, vdso.len);
    len = *ret_elf ? dwelf_elf_gnu_build_id(*ret_elf, &id) : 0;
    return (struct spipe_bytes){id, len > 0 ? (size_t)len : 0};
}

static void test_vdso_is_named_when_it_is_this_kernels(void **state)
{
    struct spipe_bytes vdso = spipe_own_vdso();
    struct spipe_symbol_file *file = NULL;
    struct spipe_bytes id;
    Elf *elf = NULL;
    unsigned named = 0;

    (void)state;
    if (!vdso.data)
        skip();
    id = vdso_build_id(vdso, &elf);
    if (id.len == 0)
        skip();
    file = open_file("[vdso]", id);
    for (uint64_t address = 0; address < vdso.len; address++)
        named += strcmp(name_at(file, address), "__vdso_clock_gettime") == 0 ||
                 strcmp(name_at(file, address), "clock_gettime") == 0;
    assert_true(named > 0);
    spipe_symbol_file_close(file);
    file = open_file("[vdso]", build_id);
    assert_int_equal(spipe_symbol_file_source(file), SPIPE_SYMBOL_SOURCE_BUILD_ID_DIFFERS);
    spipe_symbol_file_close(file);
    elf_end(elf);
}

#ifdef SPIPE_TEST_ADDR2LINE
#define LINES_MIN 1000u

/* What each symbolizer says, one function a line: the place, a space, the name. */
static void write_ours(FILE *stream, struct spipe_symbol_file *file, uint64_t address)
{
    struct spipe_symbol_place place[SPIPE_INLINED_MAX];
    size_t count = spipe_symbol_file_find(file, address, place);

    while (count-- > 0) {
        char *name = spipe_demangle(place[count].name);
        const char *slash = strrchr(place[count].file, '/');
        assert_non_null(name);
        fprintf(stream, "%s:%u %s\n", slash ? slash + 1 : place[count].file, (unsigned)place[count].line, name);
        free(name);
    }
}

/* addr2line writes two lines, with remarks behind the second one. */
static void write_theirs(FILE *stream, const char *path, const char *addresses)
{
    char command[4096];
    char name[8192];
    char place[8192];
    FILE *pipe = NULL;

    snprintf(command, sizeof command, SPIPE_TEST_ADDR2LINE " -Cfi -e %s < %s", path, addresses);
    pipe = popen(command, "r");
    assert_non_null(pipe);
    while (fgets(name, sizeof name, pipe) && fgets(place, sizeof place, pipe)) {
        char *slash = strrchr(place, '/');
        place[strcspn(place, " \n")] = '\0';
        fprintf(stream, "%s %s", slash ? slash + 1 : place, name);
    }
    assert_int_equal(pclose(pipe), 0);
}

/* True when two names mean the same function. For functions that the linker does not know, addr2line leaves out
 * namespaces and arguments. */
static bool is_same_function(const char *our_name, const char *their_name)
{
    char bare[256];

    if (strcmp(our_name, their_name) == 0)
        return true;
    snprintf(bare, sizeof bare, "::%.*s", (int)strcspn(their_name, "<\n"), their_name);
    return strstr(our_name, bare) != NULL;
}

/* The line number of "file:line name". */
static unsigned long line_number(const char *line)
{
    const char *colon = strchr(line, ':');

    assert_non_null(colon);
    return strtoul(colon + 1, NULL, 10);
}

/* Compares line by line: line numbers must be the same always. Returns the lines, and in how many the file or the
 * function differs. */
static size_t compare_lines(FILE *ours, FILE *theirs, size_t *ret_different)
{
    char our_line[16384];
    char their_line[16384];
    size_t count = 0;

    *ret_different = 0;
    for (; fgets(our_line, sizeof our_line, ours); count++) {
        size_t place_len = strcspn(our_line, " ") + 1;
        assert_non_null(fgets(their_line, sizeof their_line, theirs));
        assert_int_equal(line_number(our_line), line_number(their_line));
        *ret_different += strncmp(our_line, their_line, place_len) != 0 ||
                          !is_same_function(our_line + place_len, their_line + strcspn(their_line, " ") + 1);
    }
    assert_null(fgets(their_line, sizeof their_line, theirs));
    return count;
}

static void test_names_and_lines_are_those_of_addr2line(void **state)
{
    const char *path = SPIPE_TEST_FIXTURES "/libspipe-fixture-cxx.so";
    char addresses_path[] = "/tmp/spipe-test-XXXXXX";
    struct spipe_symbol_file *file = open_cxx_fixture(path);
    FILE *addresses = fdopen(mkstemp(addresses_path), "w");
    FILE *ours = tmpfile();
    FILE *theirs = tmpfile();
    uint32_t seed = 7;
    size_t different = 0;
    size_t count = 0;

    (void)state;
    assert_non_null(addresses);
    assert_non_null(ours);
    assert_non_null(theirs);
    for (uint64_t address = 0; address < 0x10000; address += 1 + (seed >> 8) % 32) {
        struct spipe_symbol_place place[SPIPE_INLINED_MAX];
        size_t places = spipe_symbol_file_find(file, address, place);
        seed = seed * 1664525u + 1013904223u;
        /* Between functions there are lines, of padding, but no function. */
        if (place[places - 1].line == 0 || place[0].name[0] == '\0')
            continue;
        fprintf(addresses, "%llx\n", (unsigned long long)address);
        write_ours(ours, file, address);
    }
    assert_int_equal(fclose(addresses), 0);
    write_theirs(theirs, path, addresses_path);
    rewind(ours);
    rewind(theirs);
    count = compare_lines(ours, theirs, &different);
    assert_true(count > LINES_MIN);
    /* Now and then addr2line gives the line of an inlined function together with the name or file of the one around it.
     */
    assert_true(different * 100 < count);
    fclose(ours);
    fclose(theirs);
    unlink(addresses_path);
    spipe_symbol_file_close(file);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_debug_info_tells_inlined_functions_and_lines),
        cmocka_unit_test(test_debug_link_is_followed),
        cmocka_unit_test(test_symtab_names_local_functions_without_lines),
        cmocka_unit_test(test_stripped_library_names_exported_functions_only),
        cmocka_unit_test(test_nameless_function_still_has_its_start),
        cmocka_unit_test(test_mini_debug_info_names_local_functions),
        cmocka_unit_test(test_sizeless_symbol_reaches_to_the_next_one),
        cmocka_unit_test(test_sizeless_symbol_names_nothing_where_local_symbols_are_gone),
        cmocka_unit_test(test_no_name_behind_the_end_of_a_symbol),
        cmocka_unit_test(test_of_two_names_the_one_with_fewer_underscores_is_taken),
        cmocka_unit_test(test_address_outside_code_has_no_name),
        cmocka_unit_test(test_other_build_id_gives_no_names),
        cmocka_unit_test(test_build_id_on_one_side_only_gives_no_names),
        cmocka_unit_test(test_without_build_ids_the_file_is_taken_as_unproven),
        cmocka_unit_test(test_file_replaced_while_it_ran_is_found_by_build_id),
        cmocka_unit_test(test_what_is_no_image_is_said_and_never_waited_for),
        cmocka_unit_test(test_debug_files_are_never_waited_for),
        cmocka_unit_test(test_plt_stubs_are_named_after_what_they_lead_to),
        cmocka_unit_test(test_vdso_is_named_when_it_is_this_kernels),
#ifdef SPIPE_TEST_ADDR2LINE
        cmocka_unit_test(test_names_and_lines_are_those_of_addr2line),
#endif
    };

    return cmocka_run_group_tests(tests, learn_places, NULL);
}
