/* SPDX-License-Identifier: MIT */
#include "eh_frame.h"

#include "cfa_program.h"
#include "pages.h"
#include "protocol/status.h"

#include <string.h>

/* Real common entries have less than 10 bytes of augmentation and less than 30 of instructions. The limits keep the
 * work linear when many functions name a long one. */
#define AUGMENTATION_MAX 16u
#define COMMON_INSTRUCTIONS_MAX 256u
#define COMMON_CACHE_SIZE 16u
/* Length, common entry, start and size: what the smallest entry of a function takes. */
#define FUNCTION_LEN_MIN 10u
#define ENTRIES_AT_ONCE 4096u
#define PADDING_UNIT 16u
#define LENGTH_IS_64_BIT UINT32_C(0xffffffff)
#define HEADER_VERSION 1u
#define HEADER_LEN_USUAL 12u

/* A function entry that was found: where its code is, and where it is itself. */
struct function {
    uint32_t start;             /* code offsets in the image */
    uint32_t end;
    uint32_t common_at;         /* positions in .eh_frame */
    uint32_t instructions_at;
    uint32_t instructions_len;
};

struct common {
    uint32_t position_plus_1;   /* 0: nothing here */
    bool is_valid;
    bool has_augmentation_data;
    uint8_t pointer_encoding;
    struct spipe_cfa_common cfa;
};

struct compilation {
    const struct spipe_eh_frame_image *image;
    struct spipe_eh_frame_summary *summary;
    struct function *function;
    struct function *spare;     /* for sorting; the same size */
    size_t function_count;
    size_t function_capacity;
    struct common common[COMMON_CACHE_SIZE];
    struct spipe_unwind_builder builder;
};

/* Skips what an augmentation letter stands for. False for a letter whose data have no known length. */
static bool read_augmentation_letter(char letter, struct spipe_dwarf_cursor *data, struct common *common)
{
    uint8_t encoding;
    switch (letter) {
    case 'R':
        common->pointer_encoding = spipe_dwarf_cursor_byte(data);
        return true;
    case 'L':
        (void)spipe_dwarf_cursor_byte(data);
        return true;
    case 'P':
        encoding = spipe_dwarf_cursor_byte(data);
        (void)spipe_dwarf_cursor_pointer(data, encoding);
        return true;
    case 'S':
        common->cfa.is_signal = true;
        return true;
    case 'B':
    case 'G':
        return true;
    default:
        return false;
    }
}

static bool read_augmentation(const char *letters, struct spipe_dwarf_cursor *cursor, struct common *common)
{
    if (letters[0] == '\0')
        return true;
    if (letters[0] != 'z')
        return false;
    common->has_augmentation_data = true;
    uint64_t len = spipe_dwarf_cursor_uleb(cursor);
    struct spipe_dwarf_cursor data = spipe_dwarf_cursor_take(cursor, len);
    for (size_t i = 1; letters[i] != '\0'; i++) {
        if (!read_augmentation_letter(letters[i], &data, common) || data.failed)
            return false;
    }
    return true;
}

static bool read_letters(struct spipe_dwarf_cursor *cursor, char letters[AUGMENTATION_MAX])
{
    for (size_t i = 0; i < AUGMENTATION_MAX; i++) {
        letters[i] = (char)spipe_dwarf_cursor_byte(cursor);
        if (letters[i] == '\0')
            return !cursor->failed;
    }
    return false;
}

/* Reads a common entry, from after its id on. */
static bool read_common(struct spipe_dwarf_cursor cursor, struct common *common)
{
    char letters[AUGMENTATION_MAX];
    uint8_t version = spipe_dwarf_cursor_byte(&cursor);
    if ((version != 1 && version != 3) || !read_letters(&cursor, letters))
        return false;
    common->pointer_encoding = SPIPE_POINTER_ABSOLUTE;
    common->cfa.code_alignment = spipe_dwarf_cursor_uleb(&cursor);
    common->cfa.data_alignment = spipe_dwarf_cursor_sleb(&cursor);
    uint64_t return_register = version == 1 ? spipe_dwarf_cursor_byte(&cursor) : spipe_dwarf_cursor_uleb(&cursor);
    if (cursor.failed || return_register != SPIPE_REGISTER_RIP || !read_augmentation(letters, &cursor, common))
        return false;
    if (cursor.failed || spipe_dwarf_cursor_left(&cursor) > COMMON_INSTRUCTIONS_MAX)
        return false;
    return spipe_cfa_program_init_common(&common->cfa, cursor);
}

/* Takes the next entry's content, from after its length on. False at the end of the section: a zero length, or
 * nothing left. */
static bool read_entry(struct spipe_dwarf_cursor *cursor, struct spipe_dwarf_cursor *ret_entry)
{
    if (spipe_dwarf_cursor_left(cursor) < 4)
        return false;
    uint64_t len = spipe_dwarf_cursor_fixed(cursor, 4);
    if (len == 0)
        return false;
    if (len == LENGTH_IS_64_BIT)
        len = spipe_dwarf_cursor_fixed(cursor, 8);
    *ret_entry = spipe_dwarf_cursor_take(cursor, len);
    return true;
}

/* Returns the common entry at a position, or NULL when there is no valid one. Few are ever in use, so a small cache
 * is enough. */
static const struct common *find_common(struct compilation *compilation, uint32_t position)
{
    struct common *common = &compilation->common[(position ^ position >> 6) / 4 % COMMON_CACHE_SIZE];
    if (common->position_plus_1 != position + 1) {
        memset(common, 0, sizeof(*common));
        common->position_plus_1 = position + 1;
        const struct spipe_eh_frame_image *image = compilation->image;
        struct spipe_dwarf_cursor cursor;
        struct spipe_dwarf_cursor entry;
        spipe_dwarf_cursor_init(&cursor, image->eh_frame + position, image->eh_frame_len - position);
        common->is_valid = read_entry(&cursor, &entry) && spipe_dwarf_cursor_fixed(&entry, 4) == 0 && !entry.failed &&
                           read_common(entry, common);
    }
    return common->is_valid ? common : NULL;
}

/* Makes an image offset of an encoded pointer. `place` is the pointer's own offset. */
static bool resolve_pointer(uint8_t encoding, uint64_t number, uint64_t place, uint64_t image_base,
                            uint64_t data_offset, uint64_t *ret_offset)
{
    if (encoding & SPIPE_POINTER_INDIRECT)
        return false;
    switch (encoding & SPIPE_POINTER_BASE_MASK) {
    case SPIPE_POINTER_ABSOLUTE:
        *ret_offset = number - image_base;
        return true;
    case SPIPE_POINTER_FROM_HERE:
        *ret_offset = number + place;
        return true;
    case SPIPE_POINTER_FROM_DATA:
        *ret_offset = number + data_offset;
        return data_offset != 0;
    default:
        return false;
    }
}

/* Is [start, end) code? Ranges that touch count as one. */
static bool is_code(const struct spipe_eh_frame_image *image, uint64_t start, uint64_t end)
{
    for (size_t i = 0; i < image->code_count && start < end; i++) {
        if (start >= image->code[i].start && start < image->code[i].end)
            start = image->code[i].end;
    }
    return start >= end;
}

/* Reads where a function's code is. A function without code is not worth counting. */
static bool read_function(struct compilation *compilation, struct spipe_dwarf_cursor entry, struct function *function,
                          bool *ret_is_empty)
{
    const struct spipe_eh_frame_image *image = compilation->image;
    const struct common *common = find_common(compilation, function->common_at);
    if (common == NULL)
        return false;
    uint64_t place = image->eh_frame_offset + (uint64_t)(entry.at - image->eh_frame);
    uint64_t number = spipe_dwarf_cursor_pointer(&entry, common->pointer_encoding);
    uint64_t size = spipe_dwarf_cursor_pointer(&entry, common->pointer_encoding & SPIPE_POINTER_FORMAT_MASK);
    uint64_t start;
    if (entry.failed || !resolve_pointer(common->pointer_encoding, number, place, image->image_base, 0, &start))
        return false;
    *ret_is_empty = size == 0;
    if (common->has_augmentation_data)
        (void)spipe_dwarf_cursor_take(&entry, spipe_dwarf_cursor_uleb(&entry));
    function->instructions_at = (uint32_t)(entry.at - image->eh_frame);
    function->instructions_len = (uint32_t)spipe_dwarf_cursor_left(&entry);
    if (entry.failed || start > UINT32_MAX || size > UINT32_MAX - start || !is_code(image, start, start + size))
        return false;
    function->start = (uint32_t)start;
    function->end = (uint32_t)(start + size);
    return true;
}

/* Looks at one entry, and notes it when it is a function's. Returns false when it makes no sense. */
static bool collect_entry(struct compilation *compilation, struct spipe_dwarf_cursor entry, size_t *seen_count)
{
    uint32_t position = (uint32_t)(entry.at - compilation->image->eh_frame);
    uint64_t back = spipe_dwarf_cursor_fixed(&entry, 4);
    if (entry.failed)
        return false;
    if (back == 0)
        return true;
    struct function function = {.common_at = (uint32_t)(position - back)};
    bool is_empty = false;
    (*seen_count)++;
    if (back > position || !read_function(compilation, entry, &function, &is_empty))
        return false;
    if (!is_empty && compilation->function_count < compilation->function_capacity)
        compilation->function[compilation->function_count++] = function;
    return true;
}

/* A large image has a million entries; others may have something to do meanwhile. */
static void pause_at(const struct compilation *compilation, size_t count)
{
    if (count % ENTRIES_AT_ONCE == 0 && compilation->image->pause != NULL)
        compilation->image->pause();
}

/* Walks all entries. The header's count tells the end of a section that has no end mark: what makes no sense after
 * that many entries is something else's bytes. */
static void collect_functions(struct compilation *compilation)
{
    const struct spipe_eh_frame_image *image = compilation->image;
    uint64_t unused_offset;
    uint32_t expected_count = 0;
    if (image->header != NULL)
        (void)spipe_eh_frame_locate(image->header, image->header_len, image->header_offset, image->image_base,
                                    &unused_offset, &expected_count);
    struct spipe_dwarf_cursor cursor;
    struct spipe_dwarf_cursor entry;
    size_t seen_count = 0;
    spipe_dwarf_cursor_init(&cursor, image->eh_frame, image->eh_frame_len);
    while (read_entry(&cursor, &entry)) {
        bool all_seen = expected_count != 0 && seen_count >= expected_count;
        pause_at(compilation, seen_count);
        if (collect_entry(compilation, entry, &seen_count))
            continue;
        if (all_seen)
            break;
        compilation->summary->skipped_count++;
    }
}

/* One pass of a radix sort, by one byte of the start. Returns false when all have the same byte, and nothing was to
 * be moved. */
static bool sort_by_byte(const struct function *from, struct function *to, size_t count, unsigned shift)
{
    uint32_t place[256] = {0};
    for (size_t i = 0; i < count; i++)
        place[from[i].start >> shift & 0xff]++;
    if (place[from[0].start >> shift & 0xff] == count)
        return false;
    uint32_t next = 0;
    for (unsigned byte = 0; byte < 256; byte++) {
        uint32_t here = place[byte];
        place[byte] = next;
        next += here;
    }
    for (size_t i = 0; i < count; i++)
        to[place[from[i].start >> shift & 0xff]++] = from[i];
    return true;
}

/* Sorts by start; those with the same start keep their order. */
static void sort_functions(struct compilation *compilation)
{
    for (unsigned shift = 0; shift < 32 && compilation->function_count > 1; shift += 8) {
        if (sort_by_byte(compilation->function, compilation->spare, compilation->function_count, shift)) {
            struct function *sorted = compilation->spare;
            compilation->spare = compilation->function;
            compilation->function = sorted;
        }
    }
}

/* The rest of a 16-byte unit up to the next function is padding, where nothing runs: no row is spent on it. */
static bool is_padding(uint32_t end, uint32_t next_start)
{
    return next_start % PADDING_UNIT == 0 && next_start - end < PADDING_UNIT;
}

static void compile_function(struct compilation *compilation, const struct function *function, uint32_t end)
{
    const struct common *common = find_common(compilation, function->common_at);
    struct spipe_dwarf_cursor instructions;
    spipe_dwarf_cursor_init(&instructions, compilation->image->eh_frame + function->instructions_at,
                            function->instructions_len);
    if (!spipe_cfa_program_run(&common->cfa, instructions, function->start, end, &compilation->builder))
        compilation->summary->cut_count++;
    compilation->summary->entry_count++;
}

static void compile_functions(struct compilation *compilation)
{
    const struct function *function = compilation->function;
    const struct function *all_end = function + compilation->function_count;
    while (function != all_end) {
        const struct function *next = function + 1;
        for (; next != all_end && next->start == function->start; next++)
            compilation->summary->skipped_count += next->end != function->end;
        uint32_t end = function->end;
        if (next != all_end && next->start < end) {
            end = next->start;
            compilation->summary->cut_count++;
        }
        compile_function(compilation, function, end);
        if (next == all_end || (end != next->start && !is_padding(end, next->start)))
            spipe_unwind_builder_add(&compilation->builder, end, SPIPE_UNWIND_FIXED_NONE);
        pause_at(compilation, (size_t)(next - compilation->function));
        function = next;
    }
}

static void summarize(struct compilation *compilation, const struct spipe_unwind_table *table)
{
    struct spipe_eh_frame_summary *summary = compilation->summary;
    bool lost = summary->skipped_count != 0 || summary->cut_count != 0 || compilation->builder.rules_refused != 0 ||
                compilation->builder.rows_refused != 0;
    summary->coverage = lost ? SPIPE_EH_FRAME_PARTIAL : SPIPE_EH_FRAME_FULL;
    summary->row_count = table->row_count;
    summary->rule_count = table->rule_count;
    summary->size_bytes = table->size_bytes;
}

int spipe_eh_frame_locate(const unsigned char *header, size_t header_len, uint64_t header_offset, uint64_t image_base,
                          uint64_t *ret_eh_frame_offset, uint32_t *ret_entry_count)
{
    struct spipe_dwarf_cursor cursor;
    spipe_dwarf_cursor_init(&cursor, header, header_len);
    uint8_t version = spipe_dwarf_cursor_byte(&cursor);
    uint8_t pointer_encoding = spipe_dwarf_cursor_byte(&cursor);
    uint8_t count_encoding = spipe_dwarf_cursor_byte(&cursor);
    (void)spipe_dwarf_cursor_byte(&cursor);
    uint64_t place = header_offset + (uint64_t)(cursor.at - header);
    uint64_t number = spipe_dwarf_cursor_pointer(&cursor, pointer_encoding);
    if (version != HEADER_VERSION)
        return header_len == 0 ? SPIPE_E_TRUNCATED : SPIPE_E_VERSION;
    uint64_t offset;
    if (cursor.failed)
        return header_len < HEADER_LEN_USUAL ? SPIPE_E_TRUNCATED : SPIPE_E_UNSUPPORTED;
    if (pointer_encoding == SPIPE_POINTER_NONE ||
        !resolve_pointer(pointer_encoding, number, place, image_base, header_offset, &offset))
        return SPIPE_E_UNSUPPORTED;
    *ret_eh_frame_offset = offset;
    *ret_entry_count = 0;
    if (count_encoding != SPIPE_POINTER_NONE && (count_encoding & ~SPIPE_POINTER_FORMAT_MASK) == 0) {
        uint64_t count = spipe_dwarf_cursor_pointer(&cursor, count_encoding);
        *ret_entry_count = cursor.failed || count > UINT32_MAX ? 0 : (uint32_t)count;
    }
    return SPIPE_OK;
}

int spipe_eh_frame_compile(const struct spipe_eh_frame_image *image, struct spipe_unwind_table **ret_table,
                           struct spipe_eh_frame_summary *ret_summary)
{
    memset(ret_summary, 0, sizeof(*ret_summary));
    if (image->eh_frame_len > SPIPE_EH_FRAME_LIMIT)
        return SPIPE_E_LIMIT;

    /* A row takes an instruction that moves and one that changes a rule, or a tenth of a function's entry. */
    size_t row_capacity = image->eh_frame_len / 2 + 16;
    size_t function_capacity = image->eh_frame_len / FUNCTION_LEN_MIN + 1;
    size_t function_size = function_capacity * sizeof(struct function);
    struct spipe_unwind_table *table = NULL;
    struct compilation *compilation = spipe_pages_new(sizeof(*compilation));
    int status = SPIPE_E_NO_MEMORY;
    if (compilation == NULL)
        return status;
    compilation->image = image;
    compilation->summary = ret_summary;
    compilation->function_capacity = function_capacity;
    compilation->function = spipe_pages_new(function_size);
    compilation->spare = spipe_pages_new(function_size);
    if (compilation->function == NULL || compilation->spare == NULL)
        goto done;
    status = spipe_unwind_builder_init(&compilation->builder, row_capacity);
    if (status != SPIPE_OK)
        goto done;

    collect_functions(compilation);
    sort_functions(compilation);
    compile_functions(compilation);
    status = spipe_unwind_builder_finish(&compilation->builder, &table);
    if (status == SPIPE_OK) {
        summarize(compilation, table);
        *ret_table = table;
    }

done:
    spipe_unwind_builder_done(&compilation->builder);
    spipe_pages_free(compilation->function, function_size);
    spipe_pages_free(compilation->spare, function_size);
    spipe_pages_free(compilation, sizeof(*compilation));
    return status;
}
