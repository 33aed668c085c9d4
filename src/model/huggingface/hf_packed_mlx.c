/* hf_packed_mlx.c - MLX: codes in words of 32 bits along the rows, a scale and an offset (its name for it: bias) a
 * group.
 *
 *     PATH.weight  u32 [..., columns * bits / 32]      a stream of bits, low bits first
 *     PATH.scales  [..., columns / group]              floats; E8M0 (mxfp4, mxfp8) or E4M3 (nvfp4) as bytes
 *     PATH.biases  as scales                           mode affine alone
 *
 * "quantization" of config.json has group_size, bits and mode for all modules, and objects of the same keys (or false)
 * for single ones by their path. */
#include "hf_packed.h"
#include <stdio.h>

typedef struct mode {
    const char *name;
    int64_t group, bits; /* defaults; the only ones but for affine */
    wt_packed_number number;
    wt_dtype scales; /* NONE: floats */
} mode;
static const mode modes[] = { { "affine", 64, 4, WT_PACKED_INTEGER, WT_DTYPE_NONE },
                              { "mxfp4", 32, 4, WT_PACKED_E2M1, WT_F8E8M0 },
                              { "nvfp4", 16, 4, WT_PACKED_E2M1, WT_F8E4M3FN },
                              { "mxfp8", 32, 8, WT_PACKED_E4M3, WT_F8E8M0 } };

static wt_status find_mode(const wt_hf_packing *q, const json_t *said, const mode **out, wt_err *err)
{
    const json_t *name = wt_hf_get(said, "mode");
    *out = name ? NULL : &modes[0];
    for (size_t i = 0; i < WT_ARRAY_LEN(modes) && json_is_string(name); i++)
        if (!strcmp(modes[i].name, json_string_value(name)))
            *out = &modes[i];
    return *out ? WT_OK
                : wt_hf_refuse(q->m, WT_EUNSUPPORTED, "known are affine, mxfp4, nvfp4 and mxfp8", err,
                               "the quantization's mode '%.40s' is not known",
                               json_is_string(name) ? json_string_value(name) : "?");
}

typedef struct entry {
    const mode *mode;
    int64_t bits, group;
} entry;

static wt_status read_entry(const wt_hf_packing *q, const json_t *said, entry *e, wt_err *err)
{
    WT_TRY(find_mode(q, said, &e->mode, err));
    WT_TRY(wt_hf_count(q, said, "bits", e->mode->bits, 2, 8, &e->bits, err));
    WT_TRY(wt_hf_count(q, said, "group_size", e->mode->group, 16, 128, &e->group, err));
    const bool affine = e->mode == &modes[0];
    const bool known = affine ? e->bits != 7 && (e->group == 32 || e->group == 64 || e->group == 128)
                              : e->bits == e->mode->bits && e->group == e->mode->group;
    if (known)
        return WT_OK;
    return wt_hf_refuse(q->m, WT_EFORMAT, "affine has 2, 3, 4, 5, 6 or 8 bits in groups of 32, 64 or 128", err,
                        "mode %s has no %lld bits in groups of %lld", e->mode->name, (long long)e->bits,
                        (long long)e->group);
}

static wt_status config(wt_hf_packing *q, wt_err *err)
{
    entry e;
    return read_entry(q, q->config, &e, err);
}

static wt_status check_shapes(const wt_hf_packing *q, const entry *e, const wt_weight *w, const wt_weight *scales,
                              wt_err *err)
{
    const int rank = w->shape.rank;
    if (rank < 2 || w->dtype != WT_U32)
        return wt_hf_bad_part(q, w, err, "should be uint32 of two or more axes");
    wt_shape want = w->shape;
    const int64_t words = w->shape.dim[rank - 1];
    int64_t *last = &want.dim[rank - 1];
    *last = words <= INT64_MAX / 32 ? words * 32 / e->bits / e->group : 0;
    if (words < 1 || words > INT64_MAX / 32 || words * 32 % e->bits || words * 32 / e->bits % e->group)
        return wt_hf_bad_part(q, w, err, "has no rows of %lld bits in groups of %lld, as config.json says",
                              (long long)e->bits, (long long)e->group);
    if (!wt_shape_equal(&scales->shape, &want))
        return wt_hf_bad_part(q, scales, err, "does not fit '%.100s' with %lld bits in groups of %lld", w->name.data,
                              (long long)e->bits, (long long)e->group);
    return WT_OK;
}

static wt_status matrix(wt_hf_packing *q, wt_packed *p, wt_shape *shape, wt_err *err)
{
    const wt_weight *w = NULL, *scales = NULL, *biases = wt_hf_part(q, ".biases");
    const json_t *own = json_object_get(q->config, q->path);
    entry e;
    WT_TRY(wt_hf_need_part(q, ".weight", &w, err));
    WT_TRY(wt_hf_need_part(q, ".scales", &scales, err));
    if (own && !json_is_object(own))
        return wt_hf_bad_part(q, scales, err, "is there, though config.json says that the matrix is not quantized");
    WT_TRY(read_entry(q, own ? own : q->config, &e, err));
    WT_TRY(check_shapes(q, &e, w, scales, err));
    const int rank = w->shape.rank;
    const int64_t words = w->shape.dim[rank - 1], groups = scales->shape.dim[rank - 1];
    *shape = w->shape;
    shape->dim[rank - 1] = groups * e.group;
    p->source = w->source;
    p->rows = wt_shape_product(shape, 0, rank - 1);
    p->columns = groups * e.group;
    p->group = e.group, p->groups = groups;
    p->number = e.mode->number;
    p->codes = (wt_packed_codes){ .data = wt_hf_bytes(w), .bits = (int)e.bits, .stride = (size_t)words * 4 };
    if (e.mode->scales) {
        if (scales->dtype != WT_U8 && scales->dtype != e.mode->scales)
            return wt_hf_bad_part(q, scales, err, "should be bytes in mode %s", e.mode->name);
        p->scale = (wt_packed_factors){ wt_hf_bytes(scales), e.mode->scales, groups, 1 };
        return WT_OK;
    }
    WT_TRY(wt_hf_factors(q, scales, &p->scale, groups, 1, err));
    WT_TRY(wt_hf_need_part(q, ".biases", &biases, err));
    WT_TRY(wt_hf_expect(q, biases, WT_DTYPE_NONE, rank, scales->shape.dim, err));
    return wt_hf_factors(q, biases, &p->offset, groups, 1, err);
}

const wt_hf_method wt_hf_mlx = {
    .name = "mlx", .marker = ".scales", .parts = { ".weight", ".biases" }, .config = config, .matrix = matrix
};
