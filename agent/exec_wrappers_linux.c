/* SPDX-License-Identifier: MIT */
/*
 * The part of the wrappers that is about other programs: those that this process becomes, which carry the agent on, those
 * that its children become, which do when children are followed, and the end of this one.
 *
 * A vforked child shares this process's memory: here it only reads, and what it needs lies on its stack.
 */
#include "wrappers.h"

#include "control.h"
#include "entry.h"
#include "environment.h"
#include "next_symbol.h"
#include "notices.h"
#include "pages.h"
#include "program.h"
#include "protocol/system_linux.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define PATH_SIZE     1024u    /* threads may have small stacks */
/* Environments are seldom larger. What does not fit takes pages, which an exec gives back to the system; but those that
 * a vforked child takes are its parent's, and lost. */
#define ROOM_MAX (64u * 1024u)

#define ROOM_FOR(environment, heir)                                                                                    \
    (spipe_environment_size((environment), (heir)) <= ROOM_MAX                                                         \
         ? __builtin_alloca(spipe_environment_size((environment), (heir)))                                             \
         : spipe_pages_new(spipe_environment_size((environment), (heir))))

extern char **environ;

typedef int spawn_function(pid_t *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *,
                           char *const *, char *const *);

static struct {
    int (*execve)(const char *, char *const *, char *const *);
    int (*execvpe)(const char *, char *const *, char *const *);
    int (*fexecve)(int, char *const *, char *const *);
    spawn_function *posix_spawn;
    spawn_function *posix_spawnp;
    int (*system)(const char *);
    FILE *(*popen)(const char *, const char *);
    int (*daemon)(int, int);
    void (*_exit)(int);
} next;

static void find(void *function, const char *name)
{
    void *address = spipe_next_symbol(name);
    memcpy(function, &address, sizeof address);
}

#define FIND(name) find(&next.name, #name)

void spipe_exec_wrappers_init(void)
{
    FIND(execve);
    FIND(execvpe);
    FIND(fexecve);
    FIND(posix_spawn);
    FIND(posix_spawnp);
    FIND(system);
    FIND(popen);
    FIND(daemon);
    FIND(_exit);
}

static bool has_next(const void *function)
{
    void *address;
    spipe_wrappers_init();
    memcpy(&address, function, sizeof address);
    if (address == NULL)
        errno = ENOSYS;
    return address != NULL;
}

#define HAS_NEXT(name) has_next(&next.name)

/* ----------------------------------------------------------------------------------------------------------- exec */

static bool follows_children(void)
{
    return atomic_load(&spipe_control.follows_children) != 0 && atomic_load(&spipe_control.is_filtered) == 0;
}

static struct spipe_program look_for_file(const char **file, char *memory, size_t size)
{
    const char *path = spipe_program_find(*file, environ, memory, size);
    if (path != NULL)
        *file = path;
    return spipe_program_look(path);
}

/* Who gets the agent. A program that cannot carry it is told to whoever follows this process. */
static enum spipe_heir choose_heir(enum spipe_heir kind, const char *path, struct spipe_program program)
{
    if (program.obstacle != NULL && follows_children())
        spipe_notices_put(path, program.obstacle);
    return program.takes_preload ? kind : SPIPE_HEIR_NONE;
}

static enum spipe_heir heir_of_path(enum spipe_heir kind, const char *path)
{
    return kind == SPIPE_HEIR_NONE ? kind : choose_heir(kind, path, spipe_program_look(path));
}

static enum spipe_heir heir_of_file(enum spipe_heir kind, const char *file)
{
    char memory[PATH_SIZE];
    if (kind == SPIPE_HEIR_NONE)
        return kind;
    struct spipe_program program = look_for_file(&file, memory, sizeof memory);
    return choose_heir(kind, file, program);
}

static enum spipe_heir heir_of_descriptor(enum spipe_heir kind, int descriptor)
{
    return kind == SPIPE_HEIR_NONE ? kind
                                   : choose_heir(kind, "a program without a name", spipe_program_look_at(descriptor));
}

/* Who would get it: this process, when it is the one that has the agent; a child of it, when children are followed. */
static enum spipe_heir choose_kind(void)
{
    if (spipe_control_is_own_process())
        return SPIPE_HEIR_SELF;
    return follows_children() ? SPIPE_HEIR_CHILD : SPIPE_HEIR_NONE;
}

/* The last act before an exec: says Goodbye. True when there is somebody to come back when the exec fails. */
static bool leave_for_exec(enum spipe_heir kind, enum spipe_heir heir)
{
    bool has_left = kind == SPIPE_HEIR_SELF && atomic_load(&spipe_control.pump.tid) != 0;
    if (has_left)
        spipe_control_leave(SPIPE_GOODBYE_TARGET_EXECS,
                            heir == SPIPE_HEIR_NONE ? "the program that follows cannot be profiled" : "");
    return has_left;
}

EXPORT int execve(const char *path, char *const arguments[], char *const environment[])
{
    if (!HAS_NEXT(execve))
        return -1;
    enum spipe_heir kind = choose_kind();
    /* Shells try a program in each folder of PATH: only what can be executed is worth a Goodbye. */
    if (kind == SPIPE_HEIR_NONE || !spipe_program_is_executable(path))
        return next.execve(path, arguments, environment);
    enum spipe_heir heir = heir_of_path(kind, path);
    bool has_left = leave_for_exec(kind, heir);
    int result = next.execve(path, arguments,
                             spipe_environment_extend(environment, heir, ROOM_FOR(environment, heir)));
    spipe_entry_come_back(has_left);
    return result;
}

EXPORT int fexecve(int descriptor, char *const arguments[], char *const environment[])
{
    if (!HAS_NEXT(fexecve))
        return -1;
    enum spipe_heir kind = choose_kind();
    enum spipe_heir heir = heir_of_descriptor(kind, descriptor);
    bool has_left = leave_for_exec(kind, heir);
    int result = next.fexecve(descriptor, arguments,
                              spipe_environment_extend(environment, heir, ROOM_FOR(environment, heir)));
    spipe_entry_come_back(has_left);
    return result;
}

EXPORT int execvpe(const char *file, char *const arguments[], char *const environment[])
{
    if (!HAS_NEXT(execvpe))
        return -1;
    enum spipe_heir kind = choose_kind();
    enum spipe_heir heir = heir_of_file(kind, file);
    bool has_left = leave_for_exec(kind, heir);
    int result = next.execvpe(file, arguments,
                              spipe_environment_extend(environment, heir, ROOM_FOR(environment, heir)));
    spipe_entry_come_back(has_left);
    return result;
}

EXPORT int execv(const char *path, char *const arguments[])
{
    return execve(path, arguments, environ);
}

EXPORT int execvp(const char *file, char *const arguments[])
{
    return execvpe(file, arguments, environ);
}

/* How many arguments an execl() was given. Arrays of no more than these are on the stack, which may be a small one. */
static size_t count_arguments(const char *first, va_list *list)
{
    size_t count = 0;
    for (const char *argument = first; argument != NULL; argument = va_arg(*list, const char *))
        count++;
    return count;
}

static void collect_arguments(const char *first, va_list *list, const char **ret_argument)
{
    size_t count = 0;
    for (const char *argument = first; argument != NULL; argument = va_arg(*list, const char *))
        ret_argument[count++] = argument;
    ret_argument[count] = NULL;
}

EXPORT int execl(const char *path, const char *first, ...)
{
    va_list list;
    va_start(list, first);
    size_t count = count_arguments(first, &list);
    va_end(list);
    const char *argument[count + 1];
    va_start(list, first);
    collect_arguments(first, &list, argument);
    va_end(list);
    return execve(path, (char *const *)argument, environ);
}

EXPORT int execlp(const char *file, const char *first, ...)
{
    va_list list;
    va_start(list, first);
    size_t count = count_arguments(first, &list);
    va_end(list);
    const char *argument[count + 1];
    va_start(list, first);
    collect_arguments(first, &list, argument);
    va_end(list);
    return execvpe(file, (char *const *)argument, environ);
}

EXPORT int execle(const char *path, const char *first, ...)
{
    va_list list;
    va_start(list, first);
    size_t count = count_arguments(first, &list);
    char *const *environment = va_arg(list, char *const *);
    va_end(list);
    const char *argument[count + 1];
    va_start(list, first);
    collect_arguments(first, &list, argument);
    va_end(list);
    return execve(path, (char *const *)argument, environment);
}

/* ------------------------------------------------------------------------------------------------------- children */

static int spawn(spawn_function *function, enum spipe_heir heir, pid_t *pid, const char *name,
                 const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attributes,
                 char *const arguments[], char *const environment[])
{
    return function(pid, name, actions, attributes, arguments,
                    spipe_environment_extend(environment, heir, ROOM_FOR(environment, heir)));
}

EXPORT int posix_spawn(pid_t *restrict pid, const char *restrict path,
                       const posix_spawn_file_actions_t *restrict actions,
                       const posix_spawnattr_t *restrict attributes, char *const arguments[restrict],
                       char *const environment[restrict])
{
    if (!HAS_NEXT(posix_spawn))
        return ENOSYS;
    enum spipe_heir heir = heir_of_path(follows_children() ? SPIPE_HEIR_CHILD : SPIPE_HEIR_NONE, path);
    return spawn(next.posix_spawn, heir, pid, path, actions, attributes, arguments, environment);
}

EXPORT int posix_spawnp(pid_t *restrict pid, const char *restrict file,
                        const posix_spawn_file_actions_t *restrict actions,
                        const posix_spawnattr_t *restrict attributes, char *const arguments[restrict],
                        char *const environment[restrict])
{
    if (!HAS_NEXT(posix_spawnp))
        return ENOSYS;
    enum spipe_heir heir = heir_of_file(follows_children() ? SPIPE_HEIR_CHILD : SPIPE_HEIR_NONE, file);
    return spawn(next.posix_spawnp, heir, pid, file, actions, attributes, arguments, environment);
}

/* These two start a shell by libc's own means, in the environment that the program has. */
EXPORT int system(const char *command)
{
    if (!HAS_NEXT(system))
        return -1;
    if (command != NULL && follows_children())
        spipe_environment_open();
    return next.system(command);
}

EXPORT FILE *popen(const char *command, const char *mode)
{
    if (!HAS_NEXT(popen))
        return NULL;
    if (follows_children())
        spipe_environment_open();
    return next.popen(command, mode);
}

/* -------------------------------------------------------------------------------------------------------- the end */

static bool leave(void)
{
    bool has_left = spipe_control_is_own_process() && atomic_load(&spipe_control.pump.tid) != 0;
    if (has_left)
        spipe_control_leave(SPIPE_GOODBYE_TARGET_EXITS, "");
    return has_left;
}

/* It forks, and ends this process by the _exit() of libc's own. */
EXPORT int daemon(int keeps_folder, int keeps_descriptors)
{
    if (!HAS_NEXT(daemon))
        return -1;
    long process_id = spipe_system(SYS_getpid);
    uint32_t follows = atomic_load(&spipe_control.follows_children);
    bool has_left = leave();
    atomic_store(&spipe_control.follows_children, follows);     /* the child is one */
    int result = next.daemon(keeps_folder, keeps_descriptors);
    spipe_entry_come_back(has_left && spipe_system(SYS_getpid) == process_id);
    return result;
}

EXPORT void _exit(int status)
{
    (void)leave();
    if (HAS_NEXT(_exit))
        next._exit(status);
    for (;;)
        (void)spipe_system(SYS_exit_group, status);
}

EXPORT void _Exit(int status)
{
    _exit(status);
}
