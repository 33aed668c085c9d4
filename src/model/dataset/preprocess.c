/* preprocess.c - what is done to pictures and sounds, said by a file, a flag or a model.
 *
 * One table has a row for each key: how to read it from JSON and how to write it. A flag's text is turned into JSON
 * first, so a key has one reader and one set of refusals wherever it comes from. */
#include "model/dataset/preprocess.h"
#include "base/file.h"
#include "base/json.h"
#include <math.h>
#include <stdio.h>

enum { MAX_SIDE = 1 << 20, MAX_FILE = 1 << 20 };

typedef bool read_fn(wt_preprocess *pp, const json_t *v);
typedef json_t *write_fn(const wt_preprocess *pp);

/* --- values
 * --------------------------------------------------------------------------------------------------------------- */

static bool get_int(const json_t *v, int64_t lo, int64_t hi, int64_t *out)
{
    if (!json_is_integer(v) || json_integer_value(v) < lo || json_integer_value(v) > hi)
        return false;
    *out = json_integer_value(v);
    return true;
}

static bool get_number(const json_t *v, double *out)
{
    if (!json_is_number(v) || !isfinite(json_number_value(v)))
        return false;
    *out = json_number_value(v);
    return true;
}

/* [W, H] or one number for both; null or 0 where free is allowed. */
static bool get_sides(const json_t *v, bool may_be_free, int64_t *w, int64_t *h)
{
    int64_t *const side[2] = { w, h };
    const bool pair = json_is_array(v) && json_array_size(v) == 2;
    for (size_t i = 0; i < 2; i++) {
        const json_t *e = pair ? json_array_get(v, i) : v;
        if (may_be_free && pair && (json_is_null(e) || (json_is_integer(e) && json_integer_value(e) <= 0)))
            *side[i] = 0;
        else if (!get_int(e, 1, MAX_SIDE, side[i]))
            return false;
    }
    return true;
}

static bool get_choice(const json_t *v, const char *const *names, size_t n, int *out)
{
    for (size_t i = 0; i < n && json_is_string(v); i++)
        if (!strcmp(json_string_value(v), names[i])) {
            *out = (int)i;
            return true;
        }
    return false;
}

/* A number for all channels, or one each. */
static bool get_channels(const json_t *v, bool zero_allowed, double out[4], int *count)
{
    const size_t n = json_is_array(v) ? json_array_size(v) : 1;
    if (n != 1 && n != 3 && n != 4)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!get_number(json_is_array(v) ? json_array_get(v, i) : v, &out[i]) || (!zero_allowed && out[i] == 0))
            return false;
    *count = (int)n;
    return true;
}

static const char *const resize_names[] = { "nearest", "bilinear", "bicubic", "area" };
static const char *const channel_names[] = { "rgb", "bgr", "gray" };
static const char *const layout_names[] = { "nchw", "nhwc" };

/* --- one reader and one writer for each key
 * ------------------------------------------------------------------------------- */

static bool read_size(wt_preprocess *pp, const json_t *v) { return get_sides(v, true, &pp->width, &pp->height); }
static bool read_crop(wt_preprocess *pp, const json_t *v)
{
    return get_sides(v, false, &pp->crop_width, &pp->crop_height);
}
static bool read_pad(wt_preprocess *pp, const json_t *v) { return get_number(v, &pp->pad); }
static bool read_scale(wt_preprocess *pp, const json_t *v) { return get_number(v, &pp->scale) && pp->scale != 0; }
static bool read_mean(wt_preprocess *pp, const json_t *v) { return get_channels(v, true, pp->mean, &pp->mean_count); }
static bool read_std(wt_preprocess *pp, const json_t *v) { return get_channels(v, false, pp->std, &pp->std_count); }
static bool read_multiple(wt_preprocess *pp, const json_t *v) { return get_int(v, 1, 4096, &pp->multiple); }
static bool read_rate(wt_preprocess *pp, const json_t *v)
{
    return get_number(v, &pp->sample_rate) && pp->sample_rate >= 100 && pp->sample_rate <= 1e7;
}
static bool read_frame(wt_preprocess *pp, const json_t *v) { return get_int(v, 1, INT32_MAX, &pp->frame); }
static bool read_hop(wt_preprocess *pp, const json_t *v) { return get_int(v, 1, INT32_MAX, &pp->hop); }

static bool read_mono(wt_preprocess *pp, const json_t *v)
{
    pp->mono = json_is_true(v);
    return json_is_boolean(v);
}

static bool read_aspect(wt_preprocess *pp, const json_t *v)
{
    pp->aspect = json_is_true(v) ? WT_ASPECT_FIT : json_is_string(v) ? WT_ASPECT_HEIGHT : WT_ASPECT_STRETCH;
    return json_is_boolean(v) || (json_is_string(v) && !strcmp(json_string_value(v), "height"));
}

static bool read_resize(wt_preprocess *pp, const json_t *v)
{
    int i = 0;
    const bool ok = get_choice(v, resize_names, WT_ARRAY_LEN(resize_names), &i);
    pp->resize = (wt_resize)i;
    return ok;
}

static bool read_channels(wt_preprocess *pp, const json_t *v)
{
    int i = 0;
    const bool ok = get_choice(v, channel_names, WT_ARRAY_LEN(channel_names), &i);
    pp->channels = (wt_channels)i;
    return ok;
}

static bool read_layout(wt_preprocess *pp, const json_t *v)
{
    int i = 0;
    const bool ok = get_choice(v, layout_names, WT_ARRAY_LEN(layout_names), &i);
    pp->layout = (wt_image_layout)i;
    return ok;
}

static json_t *number(double v) { return v == floor(v) && fabs(v) < 1e15 ? json_integer((json_int_t)v) : json_real(v); }

static json_t *numbers(const double *v, int n)
{
    json_t *a = json_array();
    for (int i = 0; i < n && a; i++)
        json_array_append_new(a, number(v[i]));
    return a;
}

static json_t *sides(int64_t w, int64_t h)
{
    json_t *a = json_array();
    json_array_append_new(a, w ? json_integer(w) : json_null());
    json_array_append_new(a, h ? json_integer(h) : json_null());
    return a;
}

static json_t *write_size(const wt_preprocess *pp) { return sides(pp->width, pp->height); }
static json_t *write_crop(const wt_preprocess *pp) { return sides(pp->crop_width, pp->crop_height); }
static json_t *write_pad(const wt_preprocess *pp) { return number(pp->pad); }
static json_t *write_scale(const wt_preprocess *pp) { return number(pp->scale); }
static json_t *write_mean(const wt_preprocess *pp) { return numbers(pp->mean, pp->mean_count); }
static json_t *write_std(const wt_preprocess *pp) { return numbers(pp->std, pp->std_count); }
static json_t *write_multiple(const wt_preprocess *pp) { return json_integer(pp->multiple); }
static json_t *write_rate(const wt_preprocess *pp) { return number(pp->sample_rate); }
static json_t *write_mono(const wt_preprocess *pp) { return json_boolean(pp->mono); }
static json_t *write_frame(const wt_preprocess *pp) { return json_integer(pp->frame); }
static json_t *write_hop(const wt_preprocess *pp) { return json_integer(pp->hop); }
static json_t *write_resize(const wt_preprocess *pp) { return json_string(resize_names[pp->resize]); }
static json_t *write_channels(const wt_preprocess *pp) { return json_string(channel_names[pp->channels]); }
static json_t *write_layout(const wt_preprocess *pp) { return json_string(layout_names[pp->layout]); }
static json_t *write_aspect(const wt_preprocess *pp)
{
    return pp->aspect == WT_ASPECT_HEIGHT ? json_string("height") : json_boolean(pp->aspect == WT_ASPECT_FIT);
}

static const struct {
    const char *name;
    uint32_t bit;
    read_fn *read;
    write_fn *write;
    const char *expected;
} keys[] = {
    { "size", WT_PP_SIZE, read_size, write_size, "[width, height], null for a free side" },
    { "resize", WT_PP_RESIZE, read_resize, write_resize, "nearest, bilinear, bicubic or area" },
    { "keep_aspect", WT_PP_ASPECT, read_aspect, write_aspect, "true, false or \"height\"" },
    { "pad", WT_PP_PAD, read_pad, write_pad, "a number" },
    { "crop", WT_PP_CROP, read_crop, write_crop, "[width, height]" },
    { "channels", WT_PP_CHANNELS, read_channels, write_channels, "rgb, bgr or gray" },
    { "layout", WT_PP_LAYOUT, read_layout, write_layout, "nchw or nhwc" },
    { "scale", WT_PP_SCALE, read_scale, write_scale, "a number other than 0" },
    { "mean", WT_PP_MEAN, read_mean, write_mean, "a number, or one for each channel" },
    { "std", WT_PP_STD, read_std, write_std, "a number other than 0, or one for each channel" },
    { "multiple", WT_PP_MULTIPLE, read_multiple, write_multiple, "a whole number from 1 to 4096" },
    { "sample_rate", WT_PP_RATE, read_rate, write_rate, "a rate of 100 to 10000000 samples per second" },
    { "mono", WT_PP_MONO, read_mono, write_mono, "true or false" },
    { "frame", WT_PP_FRAME, read_frame, write_frame, "a whole number of samples" },
    { "hop", WT_PP_HOP, read_hop, write_hop, "a whole number of samples" },
};

/* --- from JSON and from text
 * ------------------------------------------------------------------------------------------------ */

wt_preprocess wt_preprocess_defaults(void)
{
    return (wt_preprocess){ .size = sizeof(wt_preprocess),
                            .resize = WT_RESIZE_BILINEAR,
                            .scale = 1,
                            .std = { 1 },
                            .mean_count = 1,
                            .std_count = 1,
                            .multiple = 1,
                            .mono = 1 };
}

static wt_status set_key(wt_preprocess *pp, const char *name, const json_t *value, wt_err *err)
{
    for (size_t i = 0; i < WT_ARRAY_LEN(keys); i++) {
        if (strcmp(keys[i].name, name) != 0)
            continue;
        wt_preprocess next = *pp; /* a refused value changes nothing */
        if (!keys[i].read(&next, value)) {
            wt_fail(err, WT_EFORMAT, "pre-processing: %s is not %s", name, keys[i].expected);
            return WT_EFORMAT;
        }
        next.set |= keys[i].bit;
        *pp = next;
        return WT_OK;
    }
    wt_fail(err, WT_EFORMAT, "pre-processing: there is no key %s", name);
    wt_err_hint(
        err,
        "keys: size resize keep_aspect pad crop channels layout scale mean std multiple sample_rate mono frame hop");
    return WT_EFORMAT;
}

wt_status wt_preprocess_parse(wt_preprocess *out, const char *json, size_t len, const char *where, wt_err *err)
{
    *out = wt_preprocess_defaults();
    json_t *root = NULL;
    wt_status st = wt_json_parse(&root, json, len, where, err);
    if (st == WT_OK && !json_is_object(root))
        st = wt_fail(err, WT_EFORMAT, "pre-processing is not a JSON object");
    if (st != WT_OK)
        wt_err_hint(err, "expected one object such as {\"size\":[224,224],\"mean\":0.5,\"std\":0.5}");
    const char *name;
    json_t *value;
    if (st == WT_OK)
        json_object_foreach(root, name, value) if (st == WT_OK) st = set_key(out, name, value, err);
    json_decref(root);
    if (st != WT_OK)
        wt_err_where(err, "%s", where);
    return st;
}

wt_status wt_preprocess_load(wt_preprocess *out, wt_context *ctx, const char *path, wt_err *err)
{
    char *text = NULL;
    size_t len = 0;
    *out = wt_preprocess_defaults();
    WT_TRY(wt_read_file(ctx, path, MAX_FILE, &text, &len, err));
    const wt_status st = wt_preprocess_parse(out, text, len, path, err);
    wt_free(ctx, text);
    return st;
}

/* A number as JSON reads it (no locale), "null" for "?", else a string. Borrows s[0..n). */
static json_t *text_atom(const char *s, size_t n)
{
    if (n == 1 && s[0] == '?')
        return json_null();
    json_t *v = json_loadb(s, n, JSON_DECODE_ANY, NULL);
    if (v && !json_is_array(v) && !json_is_object(v))
        return v;
    json_decref(v);
    return json_stringn(s, n);
}

/* "a,b,c" and, between digits or '?', "axb" are arrays. */
static json_t *text_value(const char *text, bool is_sides)
{
    const char *cut = is_sides ? ",x" : ",";
    if (!text[strcspn(text, cut)])
        return text_atom(text, strlen(text));
    json_t *array = json_array();
    for (const char *s = text;; s++) {
        const size_t n = strcspn(s, cut);
        json_array_append_new(array, text_atom(s, n));
        s += n;
        if (!*s)
            return array;
    }
}

wt_status wt_preprocess_set(wt_preprocess *pp, const char *key, const char *value, wt_err *err)
{
    json_t *v = text_value(value, !strcmp(key, "size") || !strcmp(key, "crop"));
    if (!v)
        return wt_fail(err, WT_EUSAGE, "pre-processing: %s has a value that is no text", key);
    wt_status st = set_key(pp, key, v, err);
    json_decref(v);
    if (st == WT_EFORMAT) { /* here the caller is wrong, not a file */
        st = WT_EUSAGE;
        if (err)
            err->code = st;
    }
    return st;
}

json_t *wt_preprocess_to_json(const wt_preprocess *pp, uint32_t which)
{
    json_t *root = json_object();
    for (size_t i = 0; i < WT_ARRAY_LEN(keys); i++)
        if (root && (pp->set & which & keys[i].bit))
            json_object_set_new(root, keys[i].name, keys[i].write(pp));
    return root;
}

void wt_preprocess_merge(wt_preprocess *base, const wt_preprocess *over)
{
    for (size_t i = 0; i < WT_ARRAY_LEN(keys); i++) {
        if (!(over->set & keys[i].bit))
            continue;
        json_t *v = keys[i].write(over);
        if (v && keys[i].read(base, v))
            base->set |= keys[i].bit;
        json_decref(v);
    }
}
