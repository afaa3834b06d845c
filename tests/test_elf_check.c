/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "protocol/status.h"
#include "tool_files.h"
#include "tools/stackpipe/elf_check.h"
#include "tools/stackpipe/elf_header.h"

#include <elf.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The beginning of a program: a header, one program header, and the interpreter's path. */
struct small_program {
    Elf64_Ehdr header;
    Elf64_Phdr segment;
    char interpreter[64];
};

static struct small_program make_program(const char *interpreter)
{
    struct small_program program = {0};
    memcpy(program.header.e_ident, ELFMAG, SELFMAG);
    program.header.e_ident[EI_CLASS] = ELFCLASS64;
    program.header.e_ident[EI_DATA] = ELFDATA2LSB;
    program.header.e_type = ET_DYN;
    program.header.e_machine = EM_X86_64;
    program.header.e_phoff = offsetof(struct small_program, segment);
    program.header.e_phnum = 1;
    program.header.e_phentsize = sizeof program.segment;
    program.segment.p_type = interpreter != NULL ? PT_INTERP : PT_LOAD;
    program.segment.p_offset = offsetof(struct small_program, interpreter);
    if (interpreter != NULL) {
        snprintf(program.interpreter, sizeof program.interpreter, "%s", interpreter);
        program.segment.p_filesz = strlen(interpreter) + 1;
    }
    return program;
}

static enum spipe_elf_verdict judge(void **state, const void *bytes, size_t len, unsigned mode,
                                    struct spipe_elf_check *check)
{
    const char *path = tool_files_path(state, "program");
    tool_files_write(path, bytes, len, mode);
    spipe_elf_check(path, "/usr/bin:/bin", check);
    return check->verdict;
}

static enum spipe_elf_verdict judge_program(void **state, const struct small_program *program)
{
    struct spipe_elf_check check;
    return judge(state, program, sizeof *program, 0755, &check);
}

static void test_this_very_program_can_be_profiled(void **state)
{
    (void)state;
    struct spipe_elf_check check;
    spipe_elf_check("/proc/self/exe", NULL, &check);
    assert_int_equal(check.verdict, SPIPE_ELF_FINE);
    assert_string_equal(check.text, "");
}

static void test_a_program_for_the_systems_loader_is_fine(void **state)
{
    struct small_program program = make_program("/lib64/ld-linux-x86-64.so.2");
    assert_int_equal(judge_program(state, &program), SPIPE_ELF_FINE);
}

static void test_a_program_without_a_loader_is_static(void **state)
{
    struct small_program program = make_program(NULL);
    struct spipe_elf_check check;
    assert_int_equal(judge(state, &program, sizeof program, 0755, &check), SPIPE_ELF_STATIC);
    assert_non_null(strstr(check.text, "statically linked"));
    program.header.e_type = ET_EXEC;
    assert_int_equal(judge_program(state, &program), SPIPE_ELF_STATIC);
}

static void test_a_program_for_musl_is_told_from_one_for_glibc(void **state)
{
    struct small_program program = make_program("/lib/ld-musl-x86_64.so.1");
    struct spipe_elf_check check;
    assert_int_equal(judge(state, &program, sizeof program, 0755, &check), SPIPE_ELF_MUSL);
    assert_non_null(strstr(check.text, "ld-musl-x86_64.so.1"));
}

static void test_other_widths_and_processors_are_told(void **state)
{
    struct small_program program = make_program("/lib/ld-linux.so.2");
    program.header.e_machine = EM_AARCH64;
    assert_int_equal(judge_program(state, &program), SPIPE_ELF_OTHER_MACHINE);

    Elf32_Ehdr narrow = {.e_type = ET_EXEC, .e_machine = EM_386};
    memcpy(narrow.e_ident, ELFMAG, SELFMAG);
    narrow.e_ident[EI_CLASS] = ELFCLASS32;
    narrow.e_ident[EI_DATA] = ELFDATA2LSB;
    struct spipe_elf_check check;
    assert_int_equal(judge(state, &narrow, sizeof narrow, 0755, &check), SPIPE_ELF_OTHER_WIDTH);
    assert_non_null(strstr(check.text, "32-bit"));
}

static void test_a_program_in_the_other_byte_order_is_for_another_processor(void **state)
{
    struct small_program program = make_program(NULL);
    program.header.e_ident[EI_DATA] = ELFDATA2MSB;
    program.header.e_machine = (Elf64_Half)(EM_S390 << 8);
    program.header.e_type = (Elf64_Half)(ET_EXEC << 8);
    assert_int_equal(judge_program(state, &program), SPIPE_ELF_OTHER_MACHINE);
}

static void test_a_library_that_is_no_program_is_told(void **state)
{
    struct small_program program = make_program(NULL);
    program.header.e_type = ET_REL;
    assert_int_equal(judge_program(state, &program), SPIPE_ELF_NO_PROGRAM);
}

static void test_damaged_headers_are_refused_whatever_they_claim(void **state)
{
    struct small_program program = make_program("/lib64/ld-linux-x86-64.so.2");
    struct small_program damaged = program;
    damaged.header.e_phnum = 0xffff;
    assert_int_equal(judge_program(state, &damaged), SPIPE_ELF_NO_PROGRAM);
    damaged = program;
    damaged.header.e_phoff = UINT64_MAX - 10;
    assert_int_equal(judge_program(state, &damaged), SPIPE_ELF_NO_PROGRAM);
    damaged = program;
    damaged.segment.p_filesz = UINT64_MAX;
    assert_int_equal(judge_program(state, &damaged), SPIPE_ELF_NO_PROGRAM);
    damaged = program;
    damaged.segment.p_offset = 1u << 20;
    assert_int_equal(judge_program(state, &damaged), SPIPE_ELF_NO_PROGRAM);
    damaged = program;
    damaged.header.e_phentsize = 4;
    assert_int_equal(judge_program(state, &damaged), SPIPE_ELF_NO_PROGRAM);
}

static void test_a_program_cut_anywhere_never_looks_fine_without_its_interpreter(void **state)
{
    struct small_program program = make_program("/lib64/ld-linux-x86-64.so.2");
    size_t whole = offsetof(struct small_program, interpreter) + program.segment.p_filesz;
    for (size_t len = SELFMAG; len < whole; len++) {
        struct spipe_elf_check check;
        assert_int_equal(judge(state, &program, len, 0755, &check), SPIPE_ELF_NO_PROGRAM);
    }
}

static void test_set_uid_programs_of_others_are_privileged(void **state)
{
    struct small_program program = make_program("/lib64/ld-linux-x86-64.so.2");
    const char *path = tool_files_path(state, "program");
    tool_files_write(path, &program, sizeof program, 0755);
    struct spipe_elf_check check;
    /* Only root can give the file to somebody else. */
    if (getuid() != 0 || chown(path, 65534, 65534) != 0 || chmod(path, 04755) != 0) {
        skip();
    }
    spipe_elf_check(path, NULL, &check);
    assert_int_equal(check.verdict, SPIPE_ELF_PRIVILEGED);
    assert_int_equal(chmod(path, 02755), 0);
    spipe_elf_check(path, NULL, &check);
    assert_int_equal(check.verdict, SPIPE_ELF_PRIVILEGED);
    assert_int_equal(chown(path, getuid(), getgid()), 0);
    assert_int_equal(chmod(path, 06755), 0);
    spipe_elf_check(path, NULL, &check);
    assert_int_equal(check.verdict, SPIPE_ELF_FINE);
}

static void test_a_script_is_judged_by_its_interpreter(void **state)
{
    struct small_program program = make_program(NULL);
    const char *interpreter = tool_files_path(state, "interpreter");
    tool_files_write(interpreter, &program, sizeof program, 0755);
    char script[256];
    int len = snprintf(script, sizeof script, "#! %s -x\nhello\n", interpreter);
    struct spipe_elf_check check;
    assert_int_equal(judge(state, script, (size_t)len, 0755, &check), SPIPE_ELF_STATIC);
    assert_non_null(strstr(check.text, "interpreter"));
    assert_int_equal(judge(state, "#!/bin/sh\n", 10, 0755, &check), SPIPE_ELF_FINE);
}

static void test_a_script_for_env_is_judged_by_the_program_it_names(void **state)
{
    struct spipe_elf_check check;
    const char shell[] = "#!/usr/bin/env sh\n";
    assert_int_equal(judge(state, shell, sizeof shell - 1, 0755, &check), SPIPE_ELF_FINE);
    const char missing[] = "#!/usr/bin/env -S A=1 no-such-program-anywhere -x\n";
    assert_int_equal(judge(state, missing, sizeof missing - 1, 0755, &check), SPIPE_ELF_NO_INTERPRETER);
    assert_non_null(strstr(check.text, "no-such-program-anywhere"));
}

static void test_a_script_without_its_interpreter_is_told(void **state)
{
    struct spipe_elf_check check;
    const char script[] = "#!/no/such/interpreter\n";
    assert_int_equal(judge(state, script, sizeof script - 1, 0755, &check), SPIPE_ELF_NO_INTERPRETER);
}

static void test_scripts_that_run_each_other_do_not_go_on_for_ever(void **state)
{
    const char *path = tool_files_path(state, "program");
    char script[256];
    int len = snprintf(script, sizeof script, "#!%s\n", path);
    struct spipe_elf_check check;
    assert_int_equal(judge(state, script, (size_t)len, 0755, &check), SPIPE_ELF_FINE);
}

static void test_a_text_without_a_first_line_is_left_to_the_shell(void **state)
{
    struct spipe_elf_check check;
    assert_int_equal(judge(state, "echo hello\n", 11, 0755, &check), SPIPE_ELF_FINE);
    assert_int_equal(judge(state, "", 0, 0755, &check), SPIPE_ELF_FINE);
    assert_int_equal(judge(state, "MZ\x90\0", 4, 0755, &check), SPIPE_ELF_NO_PROGRAM);
}

static void test_a_script_line_is_cut_as_the_kernel_cuts_it(void **state)
{
    (void)state;
    struct spipe_script_line line;
    const char text[] = "#! \t/usr/bin/env  python3 -u \t\r\nrest";
    assert_true(spipe_script_line_parse(text, sizeof text - 1, &line));
    assert_string_equal(line.interpreter, "/usr/bin/env");
    assert_string_equal(line.argument, "python3 -u");
    assert_false(spipe_script_line_parse("#!", 2, &line));
    assert_false(spipe_script_line_parse("#!  \n/bin/sh", 12, &line));
    assert_false(spipe_script_line_parse("#/bin/sh\n", 9, &line));
}

static void test_programs_are_found_as_shells_find_them(void **state)
{
    char found[PATH_MAX];
    const char *program = tool_files_path(state, "spipe-one");
    tool_files_write(program, "x", 1, 0755);
    tool_files_write(tool_files_path(state, "spipe-two"), "x", 1, 0644);
    char path_variable[600];
    snprintf(path_variable, sizeof path_variable, "/no/such/folder::%s", (const char *)*state);
    assert_int_equal(spipe_program_find("spipe-one", path_variable, found), 0);
    assert_string_equal(found, program);
    assert_int_equal(spipe_program_find("spipe-two", path_variable, found), SPIPE_E_PERMISSION);
    assert_int_equal(spipe_program_find("spipe-three", path_variable, found), SPIPE_E_NOT_FOUND);
    assert_int_equal(spipe_program_find("", path_variable, found), SPIPE_E_NOT_FOUND);
    assert_int_equal(spipe_program_find("./spipe-one", path_variable, found), SPIPE_E_NOT_FOUND);
    assert_int_equal(spipe_program_find(program, NULL, found), 0);
    assert_int_equal(spipe_program_find(*state, NULL, found), SPIPE_E_PERMISSION);
    assert_int_equal(spipe_program_find("sh", NULL, found), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tool_files_setup, tool_files_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_this_very_program_can_be_profiled),
        TEST(test_a_program_for_the_systems_loader_is_fine),
        TEST(test_a_program_without_a_loader_is_static),
        TEST(test_a_program_for_musl_is_told_from_one_for_glibc),
        TEST(test_other_widths_and_processors_are_told),
        TEST(test_a_program_in_the_other_byte_order_is_for_another_processor),
        TEST(test_a_library_that_is_no_program_is_told),
        TEST(test_damaged_headers_are_refused_whatever_they_claim),
        TEST(test_a_program_cut_anywhere_never_looks_fine_without_its_interpreter),
        TEST(test_set_uid_programs_of_others_are_privileged),
        TEST(test_a_script_is_judged_by_its_interpreter),
        TEST(test_a_script_for_env_is_judged_by_the_program_it_names),
        TEST(test_a_script_without_its_interpreter_is_told),
        TEST(test_scripts_that_run_each_other_do_not_go_on_for_ever),
        TEST(test_a_text_without_a_first_line_is_left_to_the_shell),
        TEST(test_a_script_line_is_cut_as_the_kernel_cuts_it),
        TEST(test_programs_are_found_as_shells_find_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
