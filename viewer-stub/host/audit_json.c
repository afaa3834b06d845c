/* SPDX-License-Identifier: MIT */
#include "viewer-stub/host/audit.h"

#define PLACES_SHOWN 100u

static void write_differing(const struct spipe_audit_result *result, struct spipe_json *json)
{
    static const char *const key[SPIPE_AUDIT_CAUSES] = {"another_caller", "not_the_root", "gave_up", "went_on"};
    spipe_json_key(json, "differing");
    spipe_json_begin_object(json);
    for (size_t i = 0; i < SPIPE_AUDIT_CAUSES; i++)
        spipe_json_member_unsigned(json, key[i], result->differing[i]);
    spipe_json_end_object(json);
}

static void write_ends(const struct spipe_audit_result *result, struct spipe_json *json)
{
    static const char *const key[SPIPE_SECOND_ENDS] = {"root",          "no_tables",        "unknown_code", "no_file",
                                                       "stack_was_cut", "memory_elsewhere", "failed",       "too_deep"};
    spipe_json_key(json, "libdwfl_ended");
    spipe_json_begin_object(json);
    for (size_t i = 0; i < SPIPE_SECOND_ENDS; i++)
        spipe_json_member_unsigned(json, key[i], result->ended[i]);
    spipe_json_end_object(json);
}

static void write_images(const struct spipe_audit_result *result, const struct spipe_store *store,
                         struct spipe_json *json)
{
    spipe_json_key(json, "images");
    spipe_json_begin_array(json);
    for (uint32_t i = 0; i < result->image_count; i++) {
        struct spipe_store_image image;
        if (result->image[i].compared == 0)
            continue;
        spipe_store_get_image(store, i, &image);
        spipe_json_begin_object(json);
        spipe_json_member_text(json, "path", image.path);
        spipe_json_member_unsigned(json, "frames_compared", result->image[i].compared);
        spipe_json_member_unsigned(json, "frames_agreed", result->image[i].agreed);
        spipe_json_end_object(json);
    }
    spipe_json_end_array(json);
}

static void write_places(const struct spipe_audit_result *result, const struct spipe_store *store,
                         struct spipe_json *json)
{
    spipe_json_key(json, "places");
    spipe_json_begin_array(json);
    for (size_t i = 0; i < result->place_count && i < PLACES_SHOWN; i++) {
        const struct spipe_audit_place *place = &result->place[i];
        struct spipe_store_image image;
        spipe_store_get_image(store, place->image, &image);
        spipe_json_begin_object(json);
        spipe_json_member_text(json, "path", image.path);
        spipe_json_member_unsigned(json, "address", place->address);
        spipe_json_member_text(json, "cause", spipe_audit_cause_name(place->cause));
        spipe_json_member_unsigned(json, "count", place->count);
        spipe_json_end_object(json);
    }
    spipe_json_end_array(json);
}

void spipe_audit_write_json(const struct spipe_audit_result *result, const struct spipe_store *store,
                            struct spipe_json *json)
{
    spipe_json_begin_object(json);
    spipe_json_member_unsigned(json, "stacks", result->stacks);
    spipe_json_member_unsigned(json, "whole_stacks", result->whole_stacks);
    spipe_json_member_unsigned(json, "refused", result->refused);
    spipe_json_member_unsigned(json, "skipped", result->skipped);
    spipe_json_member_unsigned(json, "frames_compared", result->compared);
    spipe_json_member_unsigned(json, "frames_agreed", result->agreed);
    write_differing(result, json);
    spipe_json_member_unsigned(json, "frames_behind_a_difference", result->behind);
    spipe_json_member_unsigned(json, "frames_guessed_same", result->guessed_same);
    spipe_json_member_unsigned(json, "frames_guessed_other", result->guessed_other);
    spipe_json_member_unsigned(json, "frames_untold", result->untold);
    write_ends(result, json);
    write_images(result, store, json);
    write_places(result, store, json);
    spipe_json_end_object(json);
}
