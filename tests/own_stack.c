/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE

#include "own_stack.h"

#include <elfutils/libdwelf.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>
#include <unwind.h>

#define PAGE 4096u
#define RED_ZONE 128u

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void read_build_id(struct own_stack_image *image)
{
    int fd = open(image->path, O_RDONLY | O_CLOEXEC);
    elf_version(EV_CURRENT);
    Elf *elf = fd >= 0 ? elf_begin(fd, ELF_C_READ_MMAP, NULL) : NULL;
    const void *found = NULL;
    ssize_t len = elf != NULL ? dwelf_elf_gnu_build_id(elf, &found) : 0;
    if (len > 0 && (size_t)len <= sizeof image->build_id) {
        memcpy(image->build_id, found, (size_t)len);
        image->build_id_len = (size_t)len;
    }
    elf_end(elf);
    if (fd >= 0)
        close(fd);
}

static int add_image(struct dl_phdr_info *info, size_t size, void *user)
{
    struct own_stack *own = user;
    struct own_stack_image *image = &own->image[own->image_count];
    uint64_t low = UINT64_MAX;
    uint64_t high = 0;
    (void)size;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        if (segment->p_type == PT_LOAD) {
            low = segment->p_vaddr < low ? segment->p_vaddr & ~(uint64_t)(PAGE - 1) : low;
            high = segment->p_vaddr + segment->p_memsz > high ? segment->p_vaddr + segment->p_memsz : high;
        }
    }
    if (low > high || strncmp(info->dlpi_name, "linux-vdso", 10) == 0)
        return 0;
    require(own->image_count < OWN_STACK_IMAGES);
    memset(image, 0, sizeof *image);
    if (info->dlpi_name[0] == '\0')
        require(readlink("/proc/self/exe", image->path, sizeof image->path - 1) > 0);
    else
        strncpy(image->path, info->dlpi_name, sizeof image->path - 1);
    image->load_address = info->dlpi_addr + low;
    image->size = (high - low + PAGE - 1) & ~(uint64_t)(PAGE - 1);
    image->address_in_file = low;
    read_build_id(image);
    own->image_count++;
    return 0;
}

static uint64_t stack_end(void)
{
    pthread_attr_t attributes;
    void *low = NULL;
    size_t size = 0;
    require(pthread_getattr_np(pthread_self(), &attributes) == 0);
    require(pthread_attr_getstack(&attributes, &low, &size) == 0);
    pthread_attr_destroy(&attributes);
    return (uint64_t)(uintptr_t)low + size;
}

/* Word by word, as what lies between the variables of a sanitized program is there as well. */
__attribute__((noinline, no_sanitize("address", "thread"))) static void copy_stack(struct own_stack *own, uint64_t high)
{
    const volatile uint64_t *from = (const volatile uint64_t *)(uintptr_t)own->stack_address;
    uint64_t len = high - own->stack_address;
    own->stack_len = len < OWN_STACK_BYTES ? (size_t)len : OWN_STACK_BYTES;
    for (size_t i = 0; i < own->stack_len / 8; i++)
        own->stack[i] = from[i];
}

static void read_registers(struct own_stack *own, const ucontext_t *context)
{
    static const int order[SPIPE_AUDIT_REGISTERS] = {REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI,
                                                     REG_RBP, REG_RSP, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                                     REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP};
    for (unsigned i = 0; i < SPIPE_AUDIT_REGISTERS; i++)
        own->registers[i] = (uint64_t)context->uc_mcontext.gregs[order[i]];
}

/* libgcc's walk begins with the function that asks for it. */
static _Unwind_Reason_Code add_frame(struct _Unwind_Context *context, void *user)
{
    struct own_stack *own = user;
    uint64_t address = _Unwind_GetIP(context);
    require(own->frame_count < OWN_STACK_FRAMES);
    if (address != 0)
        own->address[own->frame_count++] = address - 1;
    return _URC_NO_REASON;
}

/* Everything from here on outwards stays as it is until the stack has been copied. */
__attribute__((noinline)) static void take(struct own_stack *own)
{
    ucontext_t context;
    (void)_Unwind_Backtrace(add_frame, own);
    require(getcontext(&context) == 0);
    read_registers(own, &context);
    own->stack_address = (own->registers[7] - RED_ZONE) & ~(uint64_t)7;
    copy_stack(own, stack_end());
    own->address[0] = own->registers[16];
}

__attribute__((noinline)) static int take_deep(struct own_stack *own, int depth)
{
    if (depth == 0)
        take(own);
    return (depth > 0 ? take_deep(own, depth - 1) : 0) + 1;
}

void own_stack_take(struct own_stack *own)
{
    memset(own, 0, sizeof *own);
    dl_iterate_phdr(add_image, own);
    require(take_deep(own, 5) == 6 && own->frame_count > 6);
    own->audit = (struct spipe_audit){.thread_id = 1,
                                      .stack_id = 1,
                                      .registers = {(const uint8_t *)own->registers, sizeof own->registers},
                                      .stack_address = own->stack_address,
                                      .stack = {(const uint8_t *)own->stack, own->stack_len}};
}

const struct own_stack_image *own_stack_find_image(const struct own_stack *own, uint64_t address)
{
    for (size_t i = 0; i < own->image_count; i++) {
        if (address - own->image[i].load_address < own->image[i].size)
            return &own->image[i];
    }
    abort();
}
