/* SPDX-License-Identifier: MIT */
#include "report_text.h"

#include "plain_text.h"

#include <inttypes.h>
#include <string.h>

#define PLACES_SHOWN 10

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

static void write_image_name(const struct spipe_store *store, uint32_t index, FILE *stream)
{
    struct spipe_store_image image;
    spipe_store_get_image(store, index, &image);
    spipe_plain_text_write(last_part(image.path), stream);
}

static void write_images(const struct spipe_audit_result *result, const struct spipe_store *store, FILE *stream)
{
    fprintf(stream, "\n%12s %12s %10s  image\n", "compared", "agree", "agree %");
    for (uint32_t i = 0; i < result->image_count; i++) {
        const struct spipe_audit_image *image = &result->image[i];
        if (image->compared > 0) {
            fprintf(stream, "%12" PRIu64 " %12" PRIu64 " %10.3f  ", image->compared, image->agreed,
                    spipe_plain_text_percent(image->agreed, image->compared));
            write_image_name(store, i, stream);
            fputc('\n', stream);
        }
    }
}

static void write_name(struct spipe_symbols *symbols, uint32_t frame, FILE *stream)
{
    const struct spipe_symbols_place *places = NULL;
    struct spipe_symbols_function function;
    size_t count = frame != SPIPE_STORE_NONE ? spipe_symbols_frame(symbols, frame, &places) : 0;
    if (count > 0) {
        spipe_symbols_get_function(symbols, places[0].function, &function);
        spipe_plain_text_write(function.name, stream);
    }
}

static void write_places(const struct spipe_audit_result *result, const struct spipe_store *store,
                         struct spipe_symbols *symbols, FILE *stream)
{
    if (result->place_count == 0) {
        return;
    }
    fprintf(stream, "\n%12s  %-16s place whose caller is in dispute\n", "frames", "how");
    for (size_t i = 0; i < result->place_count && i < PLACES_SHOWN; i++) {
        const struct spipe_audit_place *place = &result->place[i];
        fprintf(stream, "%12" PRIu64 "  %-16s ", place->count, spipe_audit_cause_name(place->cause));
        write_image_name(store, place->image, stream);
        fprintf(stream, "+0x%" PRIx64 "  ", place->address);
        write_name(symbols, place->frame, stream);
        fputc('\n', stream);
    }
    if (result->place_count > PLACES_SHOWN) {
        fprintf(stream, "%zu more; --json shows them\n", result->place_count - PLACES_SHOWN);
    }
}

/* What proves nothing, and why. */
static void write_not_compared(const struct spipe_audit_result *result, FILE *stream)
{
    if (result->behind > 0) {
        fprintf(stream, "%" PRIu64 " frames not compared, as they stand behind one that differs\n", result->behind);
    }
    if (result->guessed_same + result->guessed_other > 0) {
        fprintf(stream, "%" PRIu64 " frames not compared, as no table speaks of what they called "
                        "(libdwfl guesses the same for %" PRIu64 ")\n",
                result->guessed_same + result->guessed_other, result->guessed_same);
    }
    if (result->untold > 0) {
        fprintf(stream, "%" PRIu64 " frames not compared, as libdwfl has none there:", result->untold);
        const char *separator = " ";
        for (unsigned i = SPIPE_SECOND_ROOT + 1; i < SPIPE_SECOND_ENDS; i++) {
            if (result->ended[i] > 0) {
                fprintf(stream, "%s%s in %" PRIu64 " stacks", separator, spipe_second_end_name((enum spipe_second_end)i),
                        result->ended[i]);
                separator = ", ";
            }
        }
        fputc('\n', stream);
    }
    if (result->skipped > 0) {
        fprintf(stream, "%" PRIu64 " stacks could not be copied for want of room\n", result->skipped);
    }
    if (result->refused > 0) {
        fprintf(stream, "%" PRIu64 " audits make no sense\n", result->refused);
    }
}

void spipe_report_write_audit(const struct spipe_audit_result *result, const struct spipe_store *store,
                              struct spipe_symbols *symbols, FILE *stream)
{
    if (result->stacks + result->refused + result->skipped == 0) {
        fputs("\nno audits: record with --audit N\n", stream);
        return;
    }
    fprintf(stream, "\n%" PRIu64 " stacks walked again by libdwfl; %" PRIu64 " of %" PRIu64 " frames agree (%.3f %%), ",
            result->stacks, result->agreed, result->compared, spipe_plain_text_percent(result->agreed, result->compared));
    fprintf(stream, "%" PRIu64 " stacks agree up to the root\n", result->whole_stacks);
    write_not_compared(result, stream);
    write_images(result, store, stream);
    write_places(result, store, symbols, stream);
}
