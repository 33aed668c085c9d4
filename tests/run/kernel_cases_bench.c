/* kernel_cases_bench.c - the shapes that bench_kernels times: layers of ResNet-50, MobileNet, PP-OCR and small
 * transformers. */
#include "run/kernel_cases.h"
#include <stdio.h>

typedef struct shape {
    const char *kind;
    int ic, oc, size, k, s, group;
} shape;
static const shape shapes[] = {
    { "conv", 64, 64, 56, 3, 1, 1 },          { "conv", 128, 128, 28, 3, 1, 1 },
    { "conv", 256, 256, 14, 3, 1, 1 },        { "conv", 512, 512, 7, 3, 1, 1 },
    { "conv", 128, 128, 28, 3, 2, 1 },        { "conv", 64, 256, 56, 1, 1, 1 },
    { "conv", 256, 64, 56, 1, 1, 1 },         { "conv", 512, 128, 28, 1, 1, 1 },
    { "conv", 1024, 256, 14, 1, 1, 1 },       { "conv", 2048, 512, 7, 1, 1, 1 },
    { "conv", 16, 32, 112, 1, 1, 1 },         { "conv", 32, 32, 112, 3, 1, 1 },
    { "conv", 24, 72, 56, 1, 1, 1 },          { "conv", 256, 512, 28, 1, 2, 1 },
    { "first", 3, 64, 112, 7, 2, 1 },         { "first", 3, 32, 112, 3, 2, 1 },
    { "first", 1, 16, 160, 3, 1, 1 },         { "depthwise", 32, 32, 112, 3, 1, 32 },
    { "depthwise", 144, 144, 56, 3, 1, 144 }, { "depthwise", 512, 512, 14, 3, 1, 512 },
    { "depthwise", 96, 96, 56, 3, 2, 96 },    { "depthwise", 240, 240, 14, 5, 1, 240 },
    { "depthwise", 120, 120, 28, 5, 2, 120 },
};

static void quant_attrs(kc_case *c)
{
    const float w_scale = 0.01f;
    kc_attr_float(c, "x_scale", 0.02f);
    kc_attr_int(c, "x_zp", 3);
    kc_attr_floats(c, "w_scale", 1, &w_scale);
    kc_attr_float(c, "y_scale", 0.5f);
    kc_attr_int(c, "y_zp", 10);
}

static void conv_case(kc_case *c, const shape *s, bool quant, kc_random *r)
{
    const int64_t in = s->size * s->s, pad = s->k / 2;
    const int64_t x[] = { 1, s->ic, in, in }, w[] = { s->oc, s->ic / s->group, s->k, s->k },
                  y[] = { 1, s->oc, s->size, s->size };
    const int64_t two[] = { s->s, s->s },
                  pads[] = { pad, pad, pad - (s->s == 2 && s->k > 1), pad - (s->s == 2 && s->k > 1) };
    const int64_t bias[] = { s->oc };
    c->op = quant ? WT_OP_QUANTCONV : WT_OP_CONV;
    if (quant)
        quant_attrs(c);
    kc_input(c, 0, quant ? WT_U8 : WT_F32, s->kind[0] == 'f' ? WT_PLAIN : WT_C16, false, r, 4, x);
    kc_input(c, 1, quant ? WT_I8 : WT_F32, WT_PLAIN, true, r, 4, w);
    kc_input(c, 2, quant ? WT_I32 : WT_F32, WT_PLAIN, true, r, 1, bias);
    kc_output(c, 0, quant ? WT_U8 : WT_F32, WT_C16, 4, y);
    kc_attr_ints(c, "strides", 2, two);
    kc_attr_ints(c, "pads", 4, pads);
    kc_attr_int(c, "group", s->group);
    kc_attr_int(c, "act", WT_ACT_RELU);
    snprintf(c->text, sizeof c->text, "%s%s %d -> %d, %dx%d, k%d s%d", quant ? "int8 " : "", s->kind, s->ic, s->oc,
             s->size, s->size, s->k, s->s);
}

typedef struct product {
    const char *kind;
    int batch, m, k, n;
} product;
static const product products[] = {
    { "linear", 1, 16, 384, 1536 }, { "linear", 1, 128, 384, 384 }, { "linear", 1, 256, 1536, 384 },
    { "linear", 1, 1, 512, 512 },   { "linear", 1, 1, 2048, 1000 }, { "linear", 1, 1, 4096, 4096 },
    { "linear", 1, 80, 120, 6625 }, { "half", 1, 1, 4096, 4096 },   { "half", 1, 128, 384, 384 },
    { "int8", 1, 128, 384, 1536 },  { "int8", 1, 1, 2048, 1000 },   { "int8", 1, 1, 4096, 4096 },
    { "matmul", 12, 128, 64, 128 }, { "matmul", 12, 128, 128, 64 }, { "matmul", 8, 40, 15, 40 },
};

static void product_case(kc_case *c, const product *s, kc_random *r)
{
    const int64_t a[] = { s->batch, s->m, s->k }, w[] = { s->k, s->n }, b[] = { s->batch, s->k, s->n },
                  y[] = { s->batch, s->m, s->n };
    const bool matmul = s->kind[0] == 'm', quant = s->kind[0] == 'i';
    c->op = matmul ? WT_OP_MATMUL : quant ? WT_OP_QUANTLINEAR : WT_OP_LINEAR;
    if (quant)
        quant_attrs(c);
    kc_input(c, 0, quant ? WT_U8 : WT_F32, WT_PLAIN, false, r, 3, a);
    if (matmul)
        kc_input(c, 1, WT_F32, WT_PLAIN, false, r, 3, b);
    else
        kc_input(c, 1, quant ? WT_I8 : s->kind[0] == 'h' ? WT_F16 : WT_F32, WT_PLAIN, true, r, 2, w);
    kc_output(c, 0, quant ? WT_U8 : WT_F32, WT_PLAIN, 3, y);
    snprintf(c->text, sizeof c->text, "%s %d x %dx%dx%d", s->kind, s->batch, s->m, s->k, s->n);
}

bool kc_make_bench(kc_case *c, size_t index, kc_random *r)
{
    if (index < 2 * WT_ARRAY_LEN(shapes)) {
        conv_case(c, &shapes[index % WT_ARRAY_LEN(shapes)], index >= WT_ARRAY_LEN(shapes), r);
        return true;
    }
    index -= 2 * WT_ARRAY_LEN(shapes);
    if (index < WT_ARRAY_LEN(products)) {
        product_case(c, &products[index], r);
        return true;
    }
    return false;
}
