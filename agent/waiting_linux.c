/* SPDX-License-Identifier: MIT */
#include "waiting.h"

#include "elf_image.h"
#include "files.h"

#include <string.h>

#define PAGE 4096u
#define TEXT_SIZE 256u

/* Reads a small file of /proc/self/task/TID. Returns its length, or a negative errno. */
static long read_task_file(int tid, const char *file, char *text)
{
    char memory[64];
    struct spipe_text path;
    spipe_text_init(&path, memory, sizeof memory);
    spipe_text_add(&path, "/proc/self/task/");
    spipe_text_add_number(&path, (uint64_t)tid);
    spipe_text_add(&path, file);
    return spipe_files_read(memory, text, TEXT_SIZE);
}

/* The hexadecimal number behind the last blank before `end`, which is moved to that blank. */
static bool take_last_number(const char *text, const char **end, uint64_t *ret_number)
{
    const char *at = *end;
    while (at > text && at[-1] != ' ')
        at--;
    if (at == text || *end - at < 3 || at[0] != '0' || at[1] != 'x')
        return false;
    const char *digits = at + 2;
    if (!spipe_text_take_number(&digits, *end, 16, ret_number))
        return false;
    *end = at - 1;
    return true;
}

/* The file says "running", or the number and arguments of a system call (-1 alone outside of one), and last the stack
 * pointer and the pc; see proc(5). */
enum spipe_waiting spipe_waiting_look(int tid, struct spipe_waiting_place *ret_place)
{
    char text[TEXT_SIZE];
    struct spipe_waiting_place place;
    long len = read_task_file(tid, "/syscall", text);
    if (len <= 0)
        return SPIPE_WAITING_UNKNOWN;
    if (strncmp(text, "running", strlen("running")) == 0)
        return SPIPE_WAITING_NOT;
    const char *end = text[len - 1] == '\n' ? text + len - 1 : text + len;
    if (!take_last_number(text, &end, &place.pc) || !take_last_number(text, &end, &place.stack_pointer))
        return SPIPE_WAITING_UNKNOWN;
    *ret_place = place;
    return SPIPE_WAITING_THERE;
}

size_t spipe_waiting_copy(uint64_t address, void *bytes, size_t len)
{
    size_t done = 0;
    while (done < len) {
        size_t part = PAGE - (size_t)((address + done) % PAGE);
        if (part > len - done)
            part = len - done;
        if (!spipe_elf_image_copy(address + done, (unsigned char *)bytes + done, part))
            break;
        done += part;
    }
    return done;
}

/* The second number of three: time on a CPU, time in a queue for one, turns. */
bool spipe_waiting_for_cpu_ns(int tid, uint64_t *ret_ns)
{
    char text[TEXT_SIZE];
    long len = read_task_file(tid, "/schedstat", text);
    const char *blank = len > 0 ? strchr(text, ' ') : NULL;
    if (blank == NULL)
        return false;
    const char *number = blank + 1;
    return spipe_text_take_number(&number, text + len, 10, ret_ns);
}
