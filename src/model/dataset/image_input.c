/* image_input.c - deciding how a picture meets an input, and doing it. */
#include "model/dataset/image_input.h"
#include "model/dataset/resize.h"
#include <math.h>

enum { MAX_SIDE = 1 << 20 };

/* --- deciding
 * --------------------------------------------------------------------------------------------------------------- */

static bool is_channels(int64_t dim) { return dim == 1 || dim == 3; }

/* [n, c, h, w] or [n, h, w, c]; three dims lack n, or c; two are n and everything, one is everything. */
static wt_status find_axes(wt_image_input *in, const char *name, wt_err *err)
{
    const wt_preprocess *pp = &in->pp;
    const wt_shape *s = &in->shape;
    const int rank = s->rank, a = rank == 4 ? 1 : 0; /* first of the three */
    char text[128];
    in->axis_c = in->axis_h = in->axis_w = -1;
    if (rank == 3 || rank == 4) {
        bool last;
        if (pp->set & WT_PP_LAYOUT)
            last = pp->layout == WT_NHWC;
        else
            last = !is_channels(s->dim[a]) && is_channels(s->dim[a + 2]);
        const int64_t c = last ? s->dim[a + 2] : s->dim[a];
        const bool batch = rank == 3 && !last && c < 0 &&
                           !((pp->set & WT_PP_CHANNELS) && pp->channels != WT_CHANNELS_GRAY);
        if (!batch && (c < 0 || is_channels(c))) {
            in->axis_c = last ? a + 2 : a;
            in->axis_h = last ? a : a + 1;
            in->axis_w = in->axis_h + 1;
            in->pp.layout = last ? WT_NHWC : WT_NCHW;
        } else if (batch) { /* [n, h, w]: gray */
            in->axis_h = 1;
            in->axis_w = 2;
        }
    } else if (rank == 2 || rank == 1) {
        in->flat = true;
    }
    if (!in->flat && in->axis_h < 0) {
        wt_fail(err, WT_EUNSUPPORTED, "input %s of shape %s cannot take a picture", name,
                wt_shape_text(s, NULL, text, sizeof text));
        wt_err_hint(err, "a picture needs 1 or 3 channels, as in 1x3xHxW or 1xHxWx3; give other data as .npy or .npz");
        return WT_EUNSUPPORTED;
    }
    for (int i = 0; i < rank; i++) /* what is left is the batch */
        if (i != in->axis_c && i != in->axis_h && i != in->axis_w && !(in->flat && i == rank - 1) && s->dim[i] > 1) {
            wt_fail(err, WT_EUNSUPPORTED, "input %s has a fixed batch of %lld, but pictures come one at a time", name,
                    (long long)s->dim[i]);
            wt_err_hint(err, "give a .npz with whole batches, or fix the batch to 1 with --input-shape");
            return WT_EUNSUPPORTED;
        }
    return WT_OK;
}

/* What an integer input can hold of a pixel's value; 0 to 0: not an integer input. */
static double lowest(wt_dtype t)
{
    switch (t) {
    case WT_I8: return INT8_MIN;
    case WT_I16: return INT16_MIN;
    case WT_I32:
    case WT_I64: return -(1 << 24);
    default: return 0;
    }
}

static double highest(wt_dtype t)
{
    switch (t) {
    case WT_I8: return INT8_MAX;
    case WT_U8: return UINT8_MAX;
    case WT_I16: return INT16_MAX;
    case WT_U16: return UINT16_MAX;
    case WT_I32:
    case WT_U32:
    case WT_I64:
    case WT_U64: return 1 << 24; /* exact in a float, and far beyond any pixel */
    default: return 0;
    }
}

static wt_status decide_channels(wt_image_input *in, const char *name, wt_err *err)
{
    const int64_t dim = in->axis_c >= 0 ? in->shape.dim[in->axis_c] : in->flat ? -1 : 1;
    if (!(in->pp.set & WT_PP_CHANNELS))
        in->pp.channels = dim == 1 || in->flat ? WT_CHANNELS_GRAY : WT_CHANNELS_RGB;
    in->channels = in->pp.channels == WT_CHANNELS_GRAY ? 1 : 3;
    if (dim >= 0 && dim != in->channels) {
        wt_fail(err, WT_EUSAGE, "pre-processing makes %d channel(s), but input %s has %lld", in->channels, name,
                (long long)dim);
        wt_err_hint(err, "set channels to %s", dim == 1 ? "gray" : "rgb or bgr");
        return WT_EUSAGE;
    }
    if ((in->pp.mean_count != 1 && in->pp.mean_count != in->channels) ||
        (in->pp.std_count != 1 && in->pp.std_count != in->channels))
        return wt_fail(err, WT_EUSAGE, "pre-processing: mean or std has not one number for each of the %d channel(s)",
                       in->channels);
    return WT_OK;
}

/* The size not said is the input's; the one said must be the input's where that is fixed. */
static wt_status decide_size(wt_image_input *in, const char *name, wt_err *err)
{
    wt_preprocess *pp = &in->pp;
    const int64_t h = in->axis_h >= 0 && in->shape.dim[in->axis_h] > 0 ? in->shape.dim[in->axis_h] : 0;
    const int64_t w = in->axis_w >= 0 && in->shape.dim[in->axis_w] > 0 ? in->shape.dim[in->axis_w] : 0;
    if (w > MAX_SIDE || h > MAX_SIDE)
        return wt_fail(err, WT_EUNSUPPORTED, "input %s is larger than any picture", name);
    if (pp->set & WT_PP_CROP) {
        if (!(pp->set & WT_PP_SIZE))
            pp->width = pp->height = 0;
    } else {
        pp->width = pp->width ? pp->width : w;
        pp->height = pp->height ? pp->height : h;
    }
    const int64_t cw = pp->crop_width ? pp->crop_width : pp->width, ch = pp->crop_width ? pp->crop_height : pp->height;
    if ((w && cw != w) || (h && ch != h)) {
        wt_fail(err, WT_EUSAGE,
                "pre-processing makes pictures of %lldx%lld, but input %s is %lldx%lld (width x height)", (long long)cw,
                (long long)ch, name, (long long)w, (long long)h);
        return WT_EUSAGE;
    }
    if (in->flat && in->shape.dim[in->shape.rank - 1] > 0 && cw && ch &&
        cw * ch * in->channels != in->shape.dim[in->shape.rank - 1])
        return wt_fail(err, WT_EUSAGE, "pre-processing makes %lldx%lldx%d values, but input %s has %lld", (long long)cw,
                       (long long)ch, in->channels, name, (long long)in->shape.dim[in->shape.rank - 1]);
    return WT_OK;
}

wt_status wt_image_input_init(wt_image_input *out, const wt_preprocess *pp, const char *name, wt_dtype dtype,
                              const wt_shape *shape, int64_t max_pixels, wt_err *err)
{
    *out = (wt_image_input){ .pp = *pp, .dtype = dtype, .shape = *shape, .max_pixels = max_pixels };
    if (!wt_dtype_is_float(dtype) && !(lowest(dtype) < 0 || highest(dtype) > 0))
        return wt_fail(err, WT_EUNSUPPORTED, "input %s of type %s cannot take a picture", name, wt_dtype_name(dtype));
    WT_TRY(find_axes(out, name, err));
    WT_TRY(decide_channels(out, name, err));
    WT_TRY(decide_size(out, name, err));
    if (!(out->pp.set & WT_PP_SCALE)) /* unsaid: 0..1 for floats, codes for integers */
        out->pp.scale = wt_dtype_is_float(dtype) ? 1.0 / 255 : 1;
    for (int c = 0; c < out->channels; c++)
        for (int v = 0; v < 256; v++)
            out->table[c][v] = (float)((v * out->pp.scale - out->pp.mean[out->pp.mean_count > 1 ? c : 0]) /
                                       out->pp.std[out->pp.std_count > 1 ? c : 0]);
    out->pp.set |= (uint32_t)WT_PP_PICTURE_KEYS & ~(uint32_t)(out->pp.crop_width ? 0 : WT_PP_CROP);
    return WT_OK;
}

/* --- where a picture goes
 * ------------------------------------------------------------------------------------------------------ */

static int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
static int64_t at_least_1(int64_t v) { return v < 1 ? 1 : v; }
static int64_t up(int64_t v, int64_t multiple) { return ceil_div(v, multiple) * multiple; }
static int64_t lesser(int64_t a, int64_t b) { return a < b ? a : b; }

/* d/2, half to even: what Python's round() gives, and so where torchvision cuts. */
static int64_t half(int64_t d) { return d % 2 == 0 ? d / 2 : ((d - 1) / 2) % 2 == 0 ? (d - 1) / 2 : (d + 1) / 2; }

static void fit_free(const wt_preprocess *pp, int64_t w, int64_t h, wt_image_fit *f)
{
    f->height = pp->height ? pp->height : pp->width ? at_least_1(ceil_div(pp->width * h, w)) : h;
    f->width = pp->width ? pp->width : at_least_1(ceil_div(f->height * w, h));
    f->canvas_w = pp->width ? pp->width : up(f->width, pp->multiple);
    f->canvas_h = pp->height ? pp->height : up(f->height, pp->multiple);
    if (pp->aspect == WT_ASPECT_STRETCH) {
        f->width = f->canvas_w;
        f->height = f->canvas_h;
    }
}

static void fit_inside(const wt_preprocess *pp, int64_t w, int64_t h, wt_image_fit *f)
{
    f->canvas_w = pp->width;
    f->canvas_h = pp->height;
    f->height = pp->height;
    f->width = at_least_1(ceil_div(pp->height * w, h));
    if (f->width > pp->width) { /* limited by the width */
        f->width = pp->width;
        if (pp->aspect == WT_ASPECT_FIT)
            f->height = lesser(pp->height, at_least_1(ceil_div(pp->width * h, w)));
    }
}

/* The smallest that covers width x height: the shorter side first, the other rounded down. */
static void fit_cover(const wt_preprocess *pp, int64_t w, int64_t h, wt_image_fit *f)
{
    if (pp->width * h >= pp->height * w) {
        f->width = pp->width;
        f->height = at_least_1(pp->width * h / w);
    } else {
        f->height = pp->height;
        f->width = at_least_1(pp->height * w / h);
    }
}

wt_status wt_image_input_fit(const wt_image_input *in, int64_t w, int64_t h, wt_image_fit *out, wt_err *err)
{
    const wt_preprocess *pp = &in->pp;
    *out = (wt_image_fit){ 0 };
    if (!pp->width || !pp->height)
        fit_free(pp, w, h, out);
    else if (pp->aspect == WT_ASPECT_STRETCH)
        *out = (wt_image_fit){ pp->width, pp->height, 0, 0, pp->width, pp->height };
    else if (pp->crop_width)
        fit_cover(pp, w, h, out);
    else
        fit_inside(pp, w, h, out);
    if (pp->crop_width) {
        out->canvas_w = pp->crop_width;
        out->canvas_h = pp->crop_height;
        out->left = half(out->width - out->canvas_w);
        out->top = half(out->height - out->canvas_h);
    }
    if (out->width > in->max_pixels / out->height || out->canvas_w > in->max_pixels / out->canvas_h)
        return wt_fail(err, WT_ELIMIT,
                       "a picture of %lldx%lld would become %lldx%lld, more than the %lld pixels allowed", (long long)w,
                       (long long)h, (long long)out->width, (long long)out->height, (long long)in->max_pixels);
    if (in->flat) {
        const int64_t need = in->shape.dim[in->shape.rank - 1], got = out->canvas_w * out->canvas_h * in->channels;
        if (need >= 0 && need != got) {
            wt_fail(err, WT_EFORMAT, "a picture of %lldx%lld gives %lld values, but the input has %lld", (long long)w,
                    (long long)h, (long long)got, (long long)need);
            wt_err_hint(err, "say which size it wants: \"size\":[width,height]");
            return WT_EFORMAT;
        }
    }
    return WT_OK;
}

wt_shape wt_image_input_shape(const wt_image_input *in, const wt_image_fit *fit)
{
    wt_shape s = in->shape;
    for (int i = 0; i < s.rank; i++)
        s.dim[i] = i == in->axis_h   ? fit->canvas_h
                   : i == in->axis_w ? fit->canvas_w
                   : i == in->axis_c ? in->channels
                                     : 1;
    if (in->flat)
        s.dim[s.rank - 1] = fit->canvas_w * fit->canvas_h * in->channels;
    return s;
}

/* --- doing it
 * --------------------------------------------------------------------------------------------------------------------
 */

/* One row of one channel, n values with `step` between them, into any dtype. */
static wt_status store_row(const wt_image_input *in, const float *row, size_t n, size_t at, size_t step, void *out,
                           wt_err *err)
{
    if (in->dtype == WT_F32) {
        float *o = (float *)out + at;
        for (size_t i = 0; i < n; i++)
            o[i * step] = row[i];
        return WT_OK;
    }
    const bool integer = !wt_dtype_is_float(in->dtype);
    const size_t item = wt_dtype_get(in->dtype)->block_bytes;
    for (size_t i = 0; i < n; i++) { /* Cast truncates: integers are rounded first, and saturated */
        const float v = integer ? rintf(row[i]) : row[i];
        WT_TRY(wt_convert(&v, WT_F32, (uint8_t *)out + (at + i * step) * item, in->dtype, 1, true, err));
    }
    return WT_OK;
}

static float clamp_to(const wt_image_input *in, float v)
{
    if (wt_dtype_is_float(in->dtype))
        return v;
    const double lo = lowest(in->dtype), hi = highest(in->dtype);
    return (float)(v < lo ? lo : v > hi ? hi : v);
}

/* Row y of the (resized) picture, channel `source`, as it falls on the canvas. */
static void fill_row(float *row, const wt_image_fit *f, const wt_picture *src, int64_t y, size_t source,
                     const float *table, float pad)
{
    const bool there = y >= 0 && y < src->height;
    const int64_t begin = f->left < 0 ? lesser(-f->left, f->canvas_w) : 0,
                  end = lesser(f->canvas_w, src->width - f->left);
    const size_t channels = (size_t)src->channels;
    const uint8_t *p = there ? src->pixels + (size_t)(y * src->width + begin + f->left) * channels + source : NULL;
    for (int64_t x = 0; x < f->canvas_w; x++) {
        if (there && x >= begin && x < end) {
            row[x] = table[*p];
            p += channels;
        } else {
            row[x] = pad;
        }
    }
}

wt_status wt_image_input_apply(const wt_image_input *in, const wt_image_fit *f, wt_picture *pic, wt_picture *work,
                               void *out, wt_err *err)
{
    if (in->channels == 1)
        wt_picture_to_gray(pic);
    const wt_picture *src = pic;
    if (f->width != pic->width || f->height != pic->height) {
        WT_TRY(wt_resize_picture(work, pic, f->width, f->height, in->pp.resize, in->max_pixels, err));
        src = work;
    }
    const size_t cw = (size_t)f->canvas_w, ch = (size_t)f->canvas_h, n = (size_t)in->channels,
                 from = (size_t)src->channels;
    const bool last = in->pp.layout == WT_NHWC;
    float *row = wt_alloc_raw(pic->ctx, cw, sizeof *row, err);
    if (!row)
        return WT_ENOMEM;
    float table[3][256];
    for (size_t c = 0; c < n; c++)
        for (int v = 0; v < 256; v++)
            table[c][v] = clamp_to(in, in->table[c][v]);
    wt_status st = WT_OK;
    for (size_t y = 0; y < ch && st == WT_OK; y++)
        for (size_t c = 0; c < n && st == WT_OK; c++) {
            const size_t source = from == 1 ? 0 : in->pp.channels == WT_CHANNELS_BGR ? 2 - c : c;
            fill_row(row, f, src, (int64_t)y + f->top, source, table[c], clamp_to(in, (float)in->pp.pad));
            st = store_row(in, row, cw, last ? y * cw * n + c : (c * ch + y) * cw, last ? n : 1, out, err);
        }
    wt_free(pic->ctx, row);
    return st;
}
