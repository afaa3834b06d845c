/* SPDX-License-Identifier: MIT */
/* The agent's file: it loads wherever the program runs, shows no more names than it must, and its handler stays inside.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "promises/elf_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AGENT        SPIPE_BUILD_DIR "/lib/libstackpipe-agent.so"
#define NEWEST_MAJOR 2
#define NEWEST_MINOR 17
#define EXPORTS_MAX  64u

/* The public header, and the functions of libc that the agent stands in front of. */
static const char *const expected[] = {"spipe_agent_count",
                                       "spipe_agent_mark",
                                       "spipe_agent_start",
                                       "spipe_agent_stop",
                                       "spipe_agent_thread_name",
                                       "pthread_create",
                                       "sigaction",
                                       "signal",
                                       "bsd_signal",
                                       "ssignal",
                                       "__sysv_signal",
                                       "sysv_signal",
                                       "sigset",
                                       "sigignore",
                                       "setitimer",
                                       "sigtimedwait",
                                       "sigpending",
                                       "signalfd",
                                       "sigwaitinfo",
                                       "sigwait",
                                       "prctl",
                                       "syscall",
                                       "unshare",
                                       "setns",
                                       "dlopen",
                                       "dlmopen",
                                       "dlclose",
                                       "execve",
                                       "execv",
                                       "execvp",
                                       "execvpe",
                                       "execl",
                                       "execlp",
                                       "execle",
                                       "fexecve",
                                       "posix_spawn",
                                       "posix_spawnp",
                                       "system",
                                       "popen",
                                       "daemon",
                                       "_exit",
                                       "_Exit"};

static void open_agent(struct elf_file *file)
{
    assert_true(elf_file_open(AGENT, file));
}

/* -------------------------------------------------------------------------------------------------------- loading */

static void check_version(void *user, const char *version)
{
    unsigned *count = user;
    int major = 0;
    int minor = 0;
    (*count)++;
    if (strncmp(version, "GLIBC_", 6) != 0 || sscanf(version, "GLIBC_%d.%d", &major, &minor) != 2 ||
        major != NEWEST_MAJOR || minor > NEWEST_MINOR)
        fail_msg("needs %s", version);
}

static void test_no_symbol_is_newer_than_glibc_2_17(void **state)
{
    struct elf_file file;
    unsigned count = 0;
    (void)state;
    open_agent(&file);
    elf_file_each_needed_version(&file, check_version, &count);
    assert_true(count > 0);
    elf_file_close(&file);
}

static void check_entry(void *user, const Elf64_Dyn *entry, const char *text)
{
    unsigned *count = user;
    if (entry->d_tag == DT_NEEDED) {
        (*count)++;
        assert_string_equal(text, "libc.so.6");
    }
    /* Calls bound later would enter the loader on an agent thread; static thread-local storage can run out. */
    if (entry->d_tag == DT_FLAGS)
        assert_int_equal(entry->d_un.d_val & (DF_TEXTREL | DF_STATIC_TLS), 0);
    if (entry->d_tag == DT_FLAGS_1)
        assert_int_equal(entry->d_un.d_val & DF_1_NOW, DF_1_NOW);
}

static void test_only_libc_is_needed(void **state)
{
    struct elf_file file;
    unsigned count = 0;
    (void)state;
    open_agent(&file);
    elf_file_each_dynamic(&file, check_entry, &count);
    assert_int_equal(count, 1);
    elf_file_close(&file);
}

/* -------------------------------------------------------------------------------------------------------- exports */

struct names {
    const char *name[EXPORTS_MAX];
    size_t count;
};

static void note_export(void *user, const char *name, const Elf64_Sym *symbol)
{
    struct names *names = user;
    if (symbol->st_shndx == SHN_UNDEF)
        return;
    assert_true(names->count < EXPORTS_MAX);
    names->name[names->count++] = name;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void test_exports_are_exactly_the_list(void **state)
{
    struct elf_file file;
    struct names names = {{NULL}, 0};
    const size_t expected_count = sizeof expected / sizeof expected[0];
    const char *sorted[sizeof expected / sizeof expected[0]];
    (void)state;
    open_agent(&file);
    elf_file_each_symbol(&file, SHT_DYNSYM, note_export, &names);
    qsort(names.name, names.count, sizeof names.name[0], compare);
    memcpy(sorted, expected, sizeof sorted);
    qsort(sorted, expected_count, sizeof sorted[0], compare);
    for (size_t i = 0; i < names.count && i < expected_count; i++)
        assert_string_equal(names.name[i], sorted[i]);
    assert_int_equal(names.count, expected_count);
    elf_file_close(&file);
}

/* -------------------------------------------------------------------------------------------------------- handler */

/* The table of addresses is the linker's own. */
static void check_reference(void *user, const char *name, const Elf64_Sym *symbol)
{
    unsigned *count = user;
    if (symbol->st_shndx != SHN_UNDEF)
        return;
    (*count)++;
    if (strncmp(name, "spipe_", 6) != 0 && strcmp(name, "_GLOBAL_OFFSET_TABLE_") != 0)
        fail_msg("a file of the handler's refers to %s", name);
}

static void test_files_of_the_handler_refer_to_nothing_outside_the_agent(void **state)
{
    char path[4096];
    unsigned files = 0;
    unsigned count = 0;
    FILE *list = fopen(SPIPE_HANDLER_OBJECTS, "r");
    (void)state;
    assert_non_null(list);
    while (fgets(path, sizeof path, list) != NULL) {
        struct elf_file file;
        path[strcspn(path, "\n")] = '\0';
        if (path[0] == '\0')
            continue;
        assert_true(elf_file_open(path, &file));
        elf_file_each_symbol(&file, SHT_SYMTAB, check_reference, &count);
        elf_file_close(&file);
        files++;
    }
    fclose(list);
    assert_true(files >= 5);
    assert_true(count > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_symbol_is_newer_than_glibc_2_17),
        cmocka_unit_test(test_only_libc_is_needed),
        cmocka_unit_test(test_exports_are_exactly_the_list),
        cmocka_unit_test(test_files_of_the_handler_refer_to_nothing_outside_the_agent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
