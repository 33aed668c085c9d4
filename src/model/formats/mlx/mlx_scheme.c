/* mlx_scheme.c - modes by name, and block formats that are one of them. */
#include <stdio.h>
#include "mlx.h"

static const struct {
    const char *name;
    wt_mlx_scheme scheme;
} floats[] = { { "mxfp4", { WT_MLX_MXFP4, 4, 32 } },
               { "nvfp4", { WT_MLX_NVFP4, 4, 16 } },
               { "mxfp8", { WT_MLX_MXFP8, 8, 32 } } };

bool wt_mlx_scheme_parse(const char *name, wt_mlx_scheme *out)
{
    static const int bits[] = { 2, 3, 4, 5, 6, 8 }, groups[] = { 32, 64, 128 };
    for (size_t i = 0; i < WT_ARRAY_LEN(floats); i++)
        if (!strcmp(name, floats[i].name)) {
            *out = floats[i].scheme;
            return true;
        }
    for (size_t b = 0; b < WT_ARRAY_LEN(bits); b++)
        for (size_t g = 0; g < WT_ARRAY_LEN(groups); g++) {
            char text[32];
            snprintf(text, sizeof text, "affine%d-g%d", bits[b], groups[g]);
            if (strcmp(name, text) != 0)
                continue;
            *out = (wt_mlx_scheme){ WT_MLX_AFFINE, bits[b], groups[g] };
            return true;
        }
    return false;
}

const char *wt_mlx_mode_name(wt_mlx_mode mode)
{
    for (size_t i = 0; i < WT_ARRAY_LEN(floats); i++)
        if (floats[i].scheme.mode == mode)
            return floats[i].name;
    return "affine";
}

bool wt_mlx_scheme_of_blocks(wt_dtype blocks, wt_mlx_scheme *out, wt_dtype *scales)
{
    static const struct {
        wt_dtype blocks;
        wt_mlx_scheme scheme;
        wt_dtype scales;
    } rows[] = { { WT_Q4_0, { WT_MLX_AFFINE, 4, 32 }, WT_F16 },    { WT_Q4_1, { WT_MLX_AFFINE, 4, 32 }, WT_F16 },
                 { WT_Q5_0, { WT_MLX_AFFINE, 5, 32 }, WT_F16 },    { WT_Q5_1, { WT_MLX_AFFINE, 5, 32 }, WT_F16 },
                 { WT_Q8_0, { WT_MLX_AFFINE, 8, 32 }, WT_F16 },    { WT_AFFINE8, { WT_MLX_AFFINE, 8, 32 }, WT_F32 },
                 { WT_Q4_K, { WT_MLX_AFFINE, 4, 32 }, WT_F32 },    { WT_Q5_K, { WT_MLX_AFFINE, 5, 32 }, WT_F32 },
                 { WT_MXFP4, { WT_MLX_MXFP4, 4, 32 }, WT_F8E8M0 }, { WT_NVFP4, { WT_MLX_NVFP4, 4, 16 }, WT_F8E4M3FN } };
    for (size_t i = 0; i < WT_ARRAY_LEN(rows); i++)
        if (rows[i].blocks == blocks) {
            *out = rows[i].scheme;
            *scales = rows[i].scales;
            return true;
        }
    return false;
}

size_t wt_mlx_parts(const wt_mlx_matrix *m) { return m->scheme.mode == WT_MLX_AFFINE ? 3 : 2; }

const char *wt_mlx_part_name(wt_mlx_part part)
{
    static const char *const names[] = { ".weight", ".scales", ".biases" };
    return names[part];
}

wt_dtype wt_mlx_part_dtype(const wt_mlx_matrix *m, wt_mlx_part part)
{
    return part == WT_MLX_WEIGHT ? WT_U32 : m->scheme.mode == WT_MLX_AFFINE ? m->scales : WT_U8;
}

int64_t wt_mlx_part_width(const wt_mlx_matrix *m, wt_mlx_part part)
{
    const int64_t columns = m->weight->shape.dim[m->weight->shape.rank - 1];
    return part == WT_MLX_WEIGHT ? columns * m->scheme.bits / 32 : columns / m->scheme.group;
}
