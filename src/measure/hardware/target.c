/* target.c - target profiles: those that come with the program are JSON files made part of it when it is built; others
 * are files of the same form, such as `hardware --save` writes. */
#include "measure/hardware/target.h"
#include <stdio.h>
#include "base/json.h"
#include "base/str.h"
#include "whet/measure.h"

const char *wt_target_name(size_t index) { return index < wt_target_files_count ? wt_target_files[index].name : NULL; }

static wt_status unknown(const char *name, wt_err *err)
{
    char list[512] = "";
    for (size_t i = 0; i < wt_target_files_count; i++) {
        const size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", wt_target_files[i].name);
    }
    const wt_status st = wt_fail(err, WT_EUSAGE, "there is no target '%s'; there are: this, %s", name, list);
    wt_err_hint(err, "whet hardware --save FILE.json makes one of the machine it runs on");
    return st;
}

static wt_status check(const wt_result *r, const char *path, wt_err *err)
{
    wt_status st = WT_OK;
    if (strcmp(wt_result_string(r, "", "schema"), "whet.target/1") != 0)
        st = wt_fail(err, WT_EFORMAT, "no target profile: \"schema\" is \"%s\", \"whet.target/1\" was expected",
                     wt_result_string(r, "", "schema"));
    else if (!wt_result_string(r, "", "name")[0])
        st = wt_fail(err, WT_EFORMAT, "the target profile has no \"name\"");
    if (st != WT_OK)
        wt_err_where(err, "%s", path);
    return st;
}

static wt_status load_file(wt_result **out, wt_context *ctx, const char *path, wt_err *err)
{
    WT_TRY(wt_result_load(out, ctx, path, err));
    const wt_status st = check(*out, path, err);
    if (st != WT_OK) {
        wt_result_free(*out);
        *out = NULL;
    }
    return st;
}

static wt_status load_this(wt_result **out, wt_context *ctx, wt_err *err)
{
    wt_result *hardware;
    WT_TRY(wt_hardware(&hardware, ctx, 0, err));
    const wt_status st = wt_target_from(out, ctx, hardware, "this", err);
    wt_result_free(hardware);
    return st;
}

wt_status wt_target_load(wt_result **out, wt_context *ctx, const char *name, wt_err *err)
{
    *out = NULL;
    for (size_t i = 0; i < wt_target_files_count; i++)
        if (!strcmp(wt_target_files[i].name, name)) {
            json_t *root;
            WT_TRY(wt_json_parse(&root, wt_target_files[i].json, wt_target_files[i].len, name, err));
            return wt_result_take(out, ctx, root, err);
        }
    if (!strcmp(name, "this"))
        return load_this(out, ctx, err);
    if (strchr(name, '/') || wt_str_ends(name, ".json"))
        return load_file(out, ctx, name, err);
    return unknown(name, err);
}
