/* SPDX-License-Identifier: MIT */
#include "viewer-stub/host/second_unwinder.h"

#include "protocol/status.h"
#include "viewer-stub/host/image_file.h"

#include <elfutils/libdwfl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUILD_ID_MAX 64u
#define RIP          16u
/* libdwfl wants numbers for the process and its one thread; nothing is done with them. */
#define SOME_PID 1

struct image {
    uint32_t number;
    char *path;
    uint8_t build_id[BUILD_ID_MAX];
    size_t build_id_len;
    uint64_t load_address;
    uint64_t size;
    uint64_t bias; /* runtime address less the file's */
    bool has_file;
};

struct spipe_second_unwinder {
    Dwfl *dwfl;
    bool is_attached;
    struct image *image;
    size_t count;
    size_t capacity;
    size_t reported; /* how many of them libdwfl knows of */

    /* The walk that is going on. */
    const struct spipe_audit *audit;
    struct spipe_second_frame *frame;
    size_t frame_count;
    size_t max_frames;
    bool is_exact; /* the next frame was interrupted, it did not call */
    bool was_beyond;    /* since the last frame, it asked for memory above what was copied, */
    bool was_elsewhere; /* or for other memory that is not here */
};

/* Tables alone are read: no separate debug information is looked for. */
static int find_no_debug_info(Dwfl_Module *module, void **user, const char *name, Dwarf_Addr base, const char *file,
                              const char *link, GElf_Word crc, char **ret_name)
{
    (void)module, (void)user, (void)name, (void)base, (void)file, (void)link, (void)crc, (void)ret_name;
    return -1;
}

static const Dwfl_Callbacks callbacks = {
    .find_elf = dwfl_build_id_find_elf,
    .find_debuginfo = find_no_debug_info,
    .section_address = dwfl_offline_section_address,
};

/* ------------------------------------------------------------------------------------------------------------ images */

static const struct image *find_image(const struct spipe_second_unwinder *unwinder, uint64_t address)
{
    for (size_t i = 0; i < unwinder->count; i++) {
        if (address - unwinder->image[i].load_address < unwinder->image[i].size)
            return &unwinder->image[i];
    }
    return NULL;
}

static void end_dwfl(struct spipe_second_unwinder *unwinder)
{
    if (unwinder->dwfl)
        dwfl_end(unwinder->dwfl);
    unwinder->dwfl = NULL;
    unwinder->is_attached = false;
    unwinder->reported = 0;
}

static void report_image(Dwfl *dwfl, struct image *image)
{
    enum spipe_image_file_verdict verdict;
    int fd = spipe_image_file_open(image->path, (struct spipe_bytes){image->build_id, image->build_id_len}, &verdict);

    image->has_file = fd >= 0 && dwfl_report_elf(dwfl, image->path, image->path, fd, image->bias, true) != NULL;
    if (fd >= 0 && !image->has_file)
        close(fd);
}

/* Tells libdwfl of the images that were added since the last walk. */
static bool report_images(struct spipe_second_unwinder *unwinder)
{
    if (!unwinder->dwfl)
        unwinder->dwfl = dwfl_begin(&callbacks);
    if (!unwinder->dwfl)
        return false;
    if (unwinder->reported < unwinder->count) {
        dwfl_report_begin_add(unwinder->dwfl);
        while (unwinder->reported < unwinder->count)
            report_image(unwinder->dwfl, &unwinder->image[unwinder->reported++]);
        dwfl_report_end(unwinder->dwfl, NULL, NULL);
    }
    return true;
}

static void remove_image(struct spipe_second_unwinder *unwinder, size_t index)
{
    free(unwinder->image[index].path);
    unwinder->image[index] = unwinder->image[--unwinder->count];
    /* libdwfl forgets single modules only together with all others. */
    end_dwfl(unwinder);
}

static int reserve(struct spipe_second_unwinder *unwinder)
{
    size_t capacity = unwinder->capacity ? unwinder->capacity * 2 : 32;
    struct image *grown = NULL;

    if (unwinder->count < unwinder->capacity)
        return SPIPE_OK;
    grown = realloc(unwinder->image, capacity * sizeof *grown);
    if (!grown)
        return SPIPE_E_NO_MEMORY;
    unwinder->image = grown;
    unwinder->capacity = capacity;
    return SPIPE_OK;
}

/* ------------------------------------------------------------------------------------------------------------ memory */

static bool read_stack(const struct spipe_audit *audit, uint64_t address, uint64_t *ret_word)
{
    uint64_t at = address - audit->stack_address;

    if (audit->stack.len < sizeof *ret_word || at > audit->stack.len - sizeof *ret_word)
        return false;
    memcpy(ret_word, audit->stack.data + at, sizeof *ret_word);
    return true;
}

/* What the process could not write is in memory as it is in the file. */
static bool read_file(Dwfl *dwfl, uint64_t address, uint64_t *ret_word)
{
    GElf_Addr bias = 0;
    Dwfl_Module *module = dwfl_addrmodule(dwfl, address);
    Elf *elf = module ? dwfl_module_getelf(module, &bias) : NULL;
    size_t count = 0;

    if (!elf || elf_getphdrnum(elf, &count) != 0)
        return false;
    for (size_t i = 0; i < count; i++) {
        GElf_Phdr segment;
        Elf_Data *data = NULL;
        if (!gelf_getphdr(elf, (int)i, &segment) || segment.p_type != PT_LOAD || (segment.p_flags & PF_W) ||
            segment.p_filesz < sizeof *ret_word ||
            address - bias - segment.p_vaddr > segment.p_filesz - sizeof *ret_word)
            continue;
        data = elf_getdata_rawchunk(elf, (int64_t)(segment.p_offset + (address - bias - segment.p_vaddr)),
                                    sizeof *ret_word, ELF_T_BYTE);
        if (data)
            memcpy(ret_word, data->d_buf, sizeof *ret_word);
        return data != NULL;
    }
    return false;
}

static bool read_memory(Dwfl *dwfl, Dwarf_Addr address, Dwarf_Word *ret_word, void *user)
{
    struct spipe_second_unwinder *unwinder = user;
    const struct spipe_audit *audit = unwinder->audit;
    uint64_t word = 0;

    if (!read_stack(audit, address, &word) && !read_file(dwfl, address, &word)) {
        bool is_above = audit->is_cut && address >= audit->stack_address + audit->stack.len;
        unwinder->was_beyond = unwinder->was_beyond || is_above;
        unwinder->was_elsewhere = unwinder->was_elsewhere || !is_above;
        return false;
    }
    *ret_word = word;
    return true;
}

/* ------------------------------------------------------------------------------------------------------------ frames */

static uint64_t read_register(const struct spipe_audit *audit, unsigned number)
{
    uint64_t value = 0;

    for (unsigned i = 8; i-- > 0;)
        value = value << 8 | audit->registers.data[number * 8 + i];
    return value;
}

static pid_t next_thread(Dwfl *dwfl, void *user, void **thread)
{
    (void)dwfl;
    if (*thread)
        return 0;
    *thread = user;
    return SOME_PID;
}

static bool set_registers(Dwfl_Thread *thread, void *user)
{
    const struct spipe_second_unwinder *unwinder = user;
    Dwarf_Word value[SPIPE_AUDIT_REGISTERS];

    for (unsigned i = 0; i < SPIPE_AUDIT_REGISTERS; i++)
        value[i] = read_register(unwinder->audit, i);
    return dwfl_thread_state_registers(thread, 0, SPIPE_AUDIT_REGISTERS, value);
}

static const Dwfl_Thread_Callbacks thread_callbacks = {
    .next_thread = next_thread,
    .memory_read = read_memory,
    .set_initial_registers = set_registers,
};

/* Do the tables speak of the address? They also tell a signal's trampoline. */
static bool find_rules(Dwfl *dwfl, uint64_t address, bool *ret_is_signal)
{
    Dwarf_Addr bias = 0;
    Dwfl_Module *module = dwfl_addrmodule(dwfl, address);
    Dwarf_CFI *tables = module ? dwfl_module_eh_cfi(module, &bias) : NULL;
    Dwarf_Frame *rules = NULL;

    *ret_is_signal = false;
    if (!tables || dwarf_cfi_addrframe(tables, address - bias, &rules) != 0)
        return false;
    dwarf_frame_info(rules, NULL, NULL, ret_is_signal);
    free(rules);
    return true;
}

static void add_frame(struct spipe_second_unwinder *unwinder, uint64_t pc)
{
    uint64_t address = unwinder->is_exact ? pc : pc - 1;
    const struct image *image = find_image(unwinder, address);
    struct spipe_second_frame *frame = &unwinder->frame[unwinder->frame_count++];

    *frame = (struct spipe_second_frame){address, image ? image->number : SPIPE_SECOND_NO_IMAGE, false};
    frame->has_rules = find_rules(unwinder->dwfl, address, &unwinder->is_exact);
}

static int take_frame(Dwfl_Frame *state, void *user)
{
    struct spipe_second_unwinder *unwinder = user;
    Dwarf_Addr pc = 0;

    if (unwinder->frame_count == unwinder->max_frames || !dwfl_frame_pc(state, &pc, NULL))
        return DWARF_CB_ABORT;
    add_frame(unwinder, pc);
    unwinder->was_beyond = false;
    unwinder->was_elsewhere = false;
    return DWARF_CB_OK;
}

static enum spipe_second_end judge_end(const struct spipe_second_unwinder *unwinder, int result)
{
    const struct spipe_second_frame *last = &unwinder->frame[unwinder->frame_count - 1];
    const struct image *image = find_image(unwinder, last->address);

    if (result == DWARF_CB_ABORT)
        return SPIPE_SECOND_TOO_DEEP;
    /* libdwfl takes a return address that it could not read for none. */
    if (unwinder->was_beyond)
        return SPIPE_SECOND_CUT;
    if (unwinder->was_elsewhere)
        return SPIPE_SECOND_NO_MEMORY;
    if (result == 0)
        return SPIPE_SECOND_ROOT;
    if (!image)
        return SPIPE_SECOND_UNKNOWN_CODE;
    if (!image->has_file)
        return SPIPE_SECOND_NO_FILE;
    return last->has_rules ? SPIPE_SECOND_FAILED : SPIPE_SECOND_NO_RULES;
}

/* ------------------------------------------------------------------------------------------------------------ public */

struct spipe_second_unwinder *spipe_second_unwinder_new(void)
{
    return calloc(1, sizeof(struct spipe_second_unwinder));
}

void spipe_second_unwinder_free(struct spipe_second_unwinder *unwinder)
{
    if (!unwinder)
        return;
    spipe_second_unwinder_clear(unwinder);
    free(unwinder->image);
    free(unwinder);
}

void spipe_second_unwinder_clear(struct spipe_second_unwinder *unwinder)
{
    end_dwfl(unwinder);
    for (size_t i = 0; i < unwinder->count; i++)
        free(unwinder->image[i].path);
    unwinder->count = 0;
}

int spipe_second_unwinder_add(struct spipe_second_unwinder *unwinder, const struct spipe_second_image *image)
{
    struct image entry = {.number = image->number,
                          .build_id_len = image->build_id.len < BUILD_ID_MAX ? image->build_id.len : BUILD_ID_MAX,
                          .load_address = image->load_address,
                          .size = image->size,
                          .bias = image->load_address - image->address_in_file};

    for (size_t i = unwinder->count; i-- > 0;) {
        const struct image *other = &unwinder->image[i];
        if (other->load_address - image->load_address < image->size ||
            image->load_address - other->load_address < other->size)
            remove_image(unwinder, i);
    }
    if (reserve(unwinder) != SPIPE_OK)
        return SPIPE_E_NO_MEMORY;
    entry.path = strdup(image->path);
    if (!entry.path)
        return SPIPE_E_NO_MEMORY;
    if (entry.build_id_len > 0)
        memcpy(entry.build_id, image->build_id.data, entry.build_id_len);
    unwinder->image[unwinder->count++] = entry;
    return SPIPE_OK;
}

size_t spipe_second_unwinder_walk(struct spipe_second_unwinder *unwinder, const struct spipe_audit *audit,
                                  struct spipe_second_frame *frame, size_t max_frames, enum spipe_second_end *ret_end,
                                  const char **ret_why)
{
    int result = -1;

    *ret_why = "";
    *ret_end = SPIPE_SECOND_FAILED;
    if (audit->registers.len != SPIPE_AUDIT_REGISTERS * 8 || !report_images(unwinder))
        return 0;
    unwinder->audit = audit;
    unwinder->frame = frame;
    unwinder->frame_count = 0;
    unwinder->max_frames = max_frames;
    unwinder->is_exact = true;
    unwinder->was_beyond = false;
    unwinder->was_elsewhere = false;
    if (!unwinder->is_attached)
        unwinder->is_attached = dwfl_attach_state(unwinder->dwfl, NULL, SOME_PID, &thread_callbacks, unwinder);
    if (unwinder->is_attached)
        result = dwfl_getthread_frames(unwinder->dwfl, SOME_PID, take_frame, unwinder);
    if (unwinder->frame_count == 0)
        add_frame(unwinder, read_register(audit, RIP));
    *ret_end = judge_end(unwinder, result);
    if (*ret_end == SPIPE_SECOND_FAILED)
        *ret_why = dwfl_errmsg(-1);
    return unwinder->frame_count;
}

const char *spipe_second_end_name(enum spipe_second_end end)
{
    static const char *const name[] = {"root",          "no unwind tables", "unknown code", "no file",
                                       "stack was cut", "memory elsewhere", "failed",       "too deep"};

    return (unsigned)end < sizeof name / sizeof name[0] ? name[end] : "unknown";
}
