/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/program.h"
#include "tool_files.h"

#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char glibc_loader[] = "/lib64/ld-linux-x86-64.so.2";

/* A program's header, with one segment that names its loader when there is one. */
static const char *write_elf(void **state, const char *name, unsigned char class, uint16_t machine, const char *loader)
{
    struct {
        Elf64_Ehdr header;
        Elf64_Phdr segment[2];
        char loader[64];
    } file;
    memset(&file, 0, sizeof file);
    memcpy(file.header.e_ident, ELFMAG, SELFMAG);
    file.header.e_ident[EI_CLASS] = class;
    file.header.e_machine = machine;
    file.header.e_phoff = offsetof(__typeof__(file), segment);
    file.header.e_phnum = 2;
    file.segment[0].p_type = PT_LOAD;
    file.segment[1].p_type = loader != NULL ? PT_INTERP : PT_NOTE;
    file.segment[1].p_offset = offsetof(__typeof__(file), loader);
    file.segment[1].p_filesz = sizeof file.loader;
    strcpy(file.loader, loader != NULL ? loader : "");
    const char *path = tool_files_path(state, name);
    tool_files_write(path, &file, sizeof file, 0755);
    return path;
}

static void check(const char *path, const char *obstacle, bool takes_preload)
{
    struct spipe_program program = spipe_program_look(path);
    if (obstacle == NULL)
        assert_null(program.obstacle);
    else
        assert_non_null(strstr(program.obstacle, obstacle));
    assert_int_equal(program.takes_preload, takes_preload);
}

static void test_a_usual_program_has_no_obstacle(void **state)
{
    (void)state;
    check("/proc/self/exe", NULL, true);
    check(write_elf(state, "usual", ELFCLASS64, EM_X86_64, glibc_loader), NULL, true);
}

static void test_a_static_program_may_pass_the_agent_on(void **state)
{
    check(write_elf(state, "static", ELFCLASS64, EM_X86_64, NULL), "statically linked", true);
}

static void test_programs_whose_loader_would_complain_get_nothing(void **state)
{
    check(write_elf(state, "narrow", ELFCLASS32, EM_386, "/lib/ld-linux.so.2"), "32-bit", false);
    check(write_elf(state, "other", ELFCLASS64, EM_AARCH64, "/lib/ld-linux-aarch64.so.1"), "processor", false);
    check(write_elf(state, "musl", ELFCLASS64, EM_X86_64, "/lib/ld-musl-x86_64.so.1"), "musl", false);
}

static void test_a_set_uid_program_of_another_user_is_named(void **state)
{
    const char *path = write_elf(state, "privileged", ELFCLASS64, EM_X86_64, glibc_loader);
    assert_int_equal(chmod(path, 04755), 0);
    /* Its owner stays who it is. */
    check(path, NULL, true);
    if (chown(path, 65534, (gid_t)-1) != 0)
        skip(); /* only root can give it to somebody else */
    assert_int_equal(chmod(path, 04755), 0);
    check(path, "set-uid", false);
}

static void write_script(const char *path, const char *interpreter)
{
    char text[600];
    snprintf(text, sizeof text, "#! %s -x\necho\n", interpreter);
    tool_files_write(path, text, strlen(text), 0755);
}

static void test_a_script_is_what_interprets_it(void **state)
{
    char inner[512];
    char outer[512];
    snprintf(inner, sizeof inner, "%s", tool_files_path(state, "inner"));
    snprintf(outer, sizeof outer, "%s", tool_files_path(state, "outer"));
    write_script(inner, write_elf(state, "narrow", ELFCLASS32, EM_386, NULL));
    write_script(outer, inner);
    check(inner, "32-bit", false);
    check(outer, "32-bit", false);
    write_script(inner, outer); /* in a circle */
    check(outer, NULL, true);
}

static void test_what_cannot_be_read_is_left_to_the_kernel(void **state)
{
    check("/nowhere/at/all", NULL, true);
    check("/", NULL, true);
    check(NULL, NULL, true);
    const char *path = tool_files_path(state, "short");
    tool_files_write(path, "\x7f" "ELF\2", 5, 0755);
    check(path, NULL, true);
    tool_files_write(path, "#", 1, 0755);
    check(path, NULL, true);
}

static int count_descriptors(void)
{
    int count = 0;
    for (int i = 0; i < 256; i++)
        count += fcntl(i, F_GETFD) >= 0;
    return count;
}

static void test_no_descriptor_stays_open(void **state)
{
    const char *path = tool_files_path(state, "script");
    int before = count_descriptors();
    write_script(path, "/proc/self/exe");
    check(path, NULL, true);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    assert_null(spipe_program_look_at(file).obstacle);
    assert_int_equal(fcntl(file, F_GETFD), FD_CLOEXEC);
    close(file);
    assert_int_equal(count_descriptors(), before);
}

static void test_a_name_is_found_where_execvp_finds_it(void **state)
{
    char memory[256];
    char variable[300];
    char *environment[] = {(char *)"HOME=/", variable, NULL};
    char *nothing[] = {NULL};
    snprintf(variable, sizeof variable, "PATH=/nowhere:%s:/bin", (const char *)*state);
    const char *path = write_elf(state, "tool", ELFCLASS64, EM_X86_64, glibc_loader);
    assert_string_equal(spipe_program_find("tool", environment, memory, sizeof memory), path);
    assert_string_equal(spipe_program_find("./tool", environment, memory, sizeof memory), "./tool");
    assert_null(spipe_program_find("no-such-tool", environment, memory, sizeof memory));
    assert_null(spipe_program_find("tool", nothing, memory, sizeof memory));
    assert_null(spipe_program_find("tool", environment, memory, 16));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tool_files_setup, tool_files_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_usual_program_has_no_obstacle),
        TEST(test_a_static_program_may_pass_the_agent_on),
        TEST(test_programs_whose_loader_would_complain_get_nothing),
        TEST(test_a_set_uid_program_of_another_user_is_named),
        TEST(test_a_script_is_what_interprets_it),
        TEST(test_what_cannot_be_read_is_left_to_the_kernel),
        TEST(test_no_descriptor_stays_open),
        TEST(test_a_name_is_found_where_execvp_finds_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
