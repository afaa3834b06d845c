/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/elf_image.h"
#include "agent/maps.h"

#define COPY_MAX (256u * 1024u)
#define PAGE 4096u

/* This program's own image, and a copy of its first part that tests may damage. */
static uint64_t own_start;
static uint64_t own_end;
static unsigned char *copy;
static size_t copy_len;

/* The extent of the image's mappings: from its first to the last that follows with the same file. */
static bool visit(void *user, const struct spipe_mapping *mapping)
{
    (void)user;
    if (strstr(mapping->path, "test_elf_image") == NULL)
        return own_start == 0;
    if (own_start == 0)
        own_start = mapping->start;
    own_end = mapping->end;
    return true;
}

static int set_up_image(void **state)
{
    (void)state;
    if (!spipe_maps_read(visit, NULL) || own_start == 0)
        return -1;
    copy_len = own_end - own_start < COPY_MAX ? (size_t)(own_end - own_start) : COPY_MAX;
    copy_len &= ~(size_t)(PAGE - 1);
    copy = aligned_alloc(PAGE, copy_len);
    while (copy != NULL && copy_len > PAGE && !spipe_elf_image_copy(own_start, copy, copy_len))
        copy_len -= PAGE;
    return copy == NULL ? -1 : 0;
}

static int tear_down_image(void **state)
{
    (void)state;
    free(copy);
    return 0;
}

static bool read_copy(struct spipe_elf_image *ret_image)
{
    uint64_t start = (uint64_t)(uintptr_t)copy;
    if (!spipe_elf_image_read(start, start + copy_len, ret_image))
        return false;
    assert_true(ret_image->build_id_len <= sizeof ret_image->build_id);
    if (ret_image->eh_frame_hdr != 0) {
        assert_true(ret_image->eh_frame_hdr >= start && ret_image->eh_frame_hdr < start + copy_len);
        assert_true(ret_image->eh_frame_hdr_len <= start + copy_len - ret_image->eh_frame_hdr);
    }
    return true;
}

static void test_this_programs_headers_are_read(void **state)
{
    (void)state;
    struct spipe_elf_image image;
    assert_true(spipe_elf_image_read(own_start, own_end, &image));
    assert_true(image.eh_frame_hdr > own_start && image.eh_frame_hdr < own_end);
    assert_true(image.eh_frame_hdr_len > 12);
    unsigned char version;
    assert_true(spipe_elf_image_copy(image.eh_frame_hdr, &version, 1));
    assert_int_equal(version, 1);       /* .eh_frame_hdr begins with it */
}

static void test_memory_is_copied_and_holes_are_no_fault(void **state)
{
    (void)state;
    char *pages = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char bytes[64];
    assert_true(pages != MAP_FAILED);
    memset(pages, 7, 2 * PAGE);
    munmap(pages + PAGE, 2 * PAGE);
    uint64_t address = (uint64_t)(uintptr_t)pages;
    assert_true(spipe_elf_image_copy(address + PAGE - 64, bytes, 64));
    assert_int_equal(bytes[63], 7);
    assert_false(spipe_elf_image_copy(address + PAGE - 32, bytes, 64));
    assert_false(spipe_elf_image_copy(address + PAGE, bytes, 64));
    assert_false(spipe_elf_image_copy(0, bytes, 64));
    assert_false(spipe_elf_image_copy(UINT64_MAX - 8, bytes, 64));
    munmap(pages, PAGE);
}

static void test_what_is_no_image_of_this_machine_is_refused(void **state)
{
    (void)state;
    struct spipe_elf_image image;
    static const size_t places[] = {0, 1, 2, 3, EI_CLASS, offsetof(Elf64_Ehdr, e_machine),
                                    offsetof(Elf64_Ehdr, e_phentsize)};
    assert_true(read_copy(&image));
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        copy[places[i]] ^= 0x55;
        assert_false(read_copy(&image));
        copy[places[i]] ^= 0x55;
    }
    uint64_t start = (uint64_t)(uintptr_t)copy;
    assert_false(spipe_elf_image_read(start, start, &image));
    assert_false(spipe_elf_image_read(start, start + 63, &image));
    assert_false(spipe_elf_image_read(16, 1u << 20, &image));
}

static void test_header_counts_beyond_the_image_are_refused(void **state)
{
    (void)state;
    struct spipe_elf_image image;
    Elf64_Ehdr *header = (Elf64_Ehdr *)(void *)copy;
    Elf64_Ehdr sound = *header;
    header->e_phoff = UINT64_MAX - 8;
    assert_false(read_copy(&image));
    header->e_phoff = copy_len - 8;
    assert_false(read_copy(&image));
    *header = sound;
    header->e_phnum = UINT16_MAX;
    assert_false(read_copy(&image));
    header->e_phnum = 0;
    assert_false(read_copy(&image));
    *header = sound;
    assert_true(read_copy(&image));
}

/* Each bit of the headers, and of what the notes may be, is wrong once. */
static void test_any_damaged_bit_is_survived(void **state)
{
    (void)state;
    struct spipe_elf_image image;
    size_t len = copy_len < 2048 ? copy_len : 2048;
    for (size_t i = 0; i < len * 8; i++) {
        copy[i / 8] ^= (unsigned char)(1u << i % 8);
        (void)read_copy(&image);
        copy[i / 8] ^= (unsigned char)(1u << i % 8);
    }
    assert_true(read_copy(&image));
}

static void test_random_damage_is_survived(void **state)
{
    (void)state;
    struct spipe_elf_image image;
    unsigned char *sound = malloc(1024);
    uint64_t random = 88172645463325252u;
    assert_non_null(sound);
    memcpy(sound, copy, 1024);
    for (unsigned round = 0; round < 5000; round++) {
        for (unsigned i = 0; i < 1 + round % 8; i++) {
            random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
            copy[(random >> 40) % 1024] = (unsigned char)(random >> 20);
        }
        (void)read_copy(&image);
        memcpy(copy, sound, 1024);
    }
    free(sound);
}

/* ------------------------------------------------------------------------------------------------------------ notes */

static unsigned char made[PAGE];

/* An image of one segment and one note segment that holds the given bytes. */
static bool read_made(const void *notes, size_t len, size_t claimed, struct spipe_elf_image *ret_image)
{
    Elf64_Ehdr header = {.e_machine = EM_X86_64, .e_phoff = sizeof header, .e_phnum = 2,
                         .e_phentsize = sizeof(Elf64_Phdr)};
    Elf64_Phdr segment[2] = {{.p_type = PT_LOAD, .p_filesz = sizeof made},
                             {.p_type = PT_NOTE, .p_vaddr = 512, .p_filesz = claimed}};
    memset(made, 0, sizeof made);
    memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    memcpy(made, &header, sizeof header);
    memcpy(made + sizeof header, segment, sizeof segment);
    memcpy(made + 512, notes, len);
    uint64_t start = (uint64_t)(uintptr_t)made;
    return spipe_elf_image_read(start, start + sizeof made, ret_image);
}

struct note {
    uint32_t name_len;
    uint32_t description_len;
    uint32_t type;
    char name[4];
    unsigned char description[96];
};

static void test_a_build_id_is_found_behind_other_notes(void **state)
{
    (void)state;
    struct spipe_elf_image image;
    unsigned char notes[256] = {0};
    struct note other = {4, 5, 1, "GNU", {9}};
    struct note wanted = {4, 20, NT_GNU_BUILD_ID, "GNU", {1, 2, 3}};
    memcpy(notes, &other, 16 + 8);
    memcpy(notes + 24, &wanted, 16 + 20);
    assert_true(read_made(notes, sizeof notes, 24 + 36, &image));
    assert_int_equal(image.build_id_len, 20);
    assert_memory_equal(image.build_id, wanted.description, 20);
}

static void test_notes_that_lie_are_no_build_id(void **state)
{
    (void)state;
    struct spipe_elf_image image;
    static const struct note lies[] = {
        {4, 96, NT_GNU_BUILD_ID, "GNU", {1}},            /* longer than any build id */
        {4, UINT32_MAX, NT_GNU_BUILD_ID, "GNU", {1}},
        {UINT32_MAX, 20, NT_GNU_BUILD_ID, "GNU", {1}},
        {4, 20, NT_GNU_BUILD_ID, "XXX", {1}},
        {3, 20, NT_GNU_BUILD_ID, "GNU", {1}},
        {4, 20, 7, "GNU", {1}},
    };
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        assert_true(read_made(&lies[i], sizeof lies[i], sizeof lies[i], &image));
        assert_int_equal(image.build_id_len, 0);
    }
    struct note good = {4, 20, NT_GNU_BUILD_ID, "GNU", {1}};
    assert_true(read_made(&good, sizeof good, 20, &image));        /* the segment ends within it */
    assert_int_equal(image.build_id_len, 0);
    assert_true(read_made(&good, sizeof good, UINT64_MAX, &image));
    assert_int_equal(image.build_id_len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_this_programs_headers_are_read),
        cmocka_unit_test(test_memory_is_copied_and_holes_are_no_fault),
        cmocka_unit_test(test_what_is_no_image_of_this_machine_is_refused),
        cmocka_unit_test(test_header_counts_beyond_the_image_are_refused),
        cmocka_unit_test(test_any_damaged_bit_is_survived),
        cmocka_unit_test(test_random_damage_is_survived),
        cmocka_unit_test(test_a_build_id_is_found_behind_other_notes),
        cmocka_unit_test(test_notes_that_lie_are_no_build_id),
    };
    return cmocka_run_group_tests(tests, set_up_image, tear_down_image);
}
