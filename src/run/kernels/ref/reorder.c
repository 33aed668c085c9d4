/* reorder.c - Reorder: plain to C16 and back, for elements of any size. Channels run across planes on one side and lie
 * together on the other, so it is a transposition of 16 x spatial tiles per block; padding lanes become zero. */
#include "run/kernels/ref/move.h"
#include "run/kernels/ref/nn_rows.h"
#include "run/kernels/ref/rows.h"
#include "run/kernels/ref/walk.h"

enum { STRIP = 32 /* pixels: 16 strips of 128 bytes on one side, 2 KiB on the other */ };

typedef struct reorder_params {
    size_t elem, batch, channels, blocks, plane;
    bool to_c16, same; /* same: only a copy */
    size_t bytes;
} reorder_params;

static bool reorder_accepts(const wt_prep *p)
{
    if (!wt_has_in(p, 0) || !p->out[0] || p->in[0]->dtype != p->out[0]->dtype)
        return false;
    const size_t elem = wt_elem_bytes(p->in[0]->dtype);
    return (elem == 1 || elem == 2 || elem == 4 || elem == 8) &&
           (p->in[0]->layout == p->out[0]->layout || p->in[0]->shape.rank >= 2) &&
           wt_shape_equal(&p->in[0]->shape, &p->out[0]->shape);
}

static wt_status reorder_prepare(wt_prep *p, wt_err *err)
{
    const wt_tensor *x = p->in[0];
    reorder_params *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    if (!q)
        return WT_ENOMEM;
    q->elem = wt_elem_bytes(x->dtype);
    q->same = x->layout == p->out[0]->layout;
    q->to_c16 = p->out[0]->layout == WT_C16;
    q->bytes = wt_physical_count(p->out[0]) * q->elem;
    if (!q->same) {
        q->batch = (size_t)x->shape.dim[0];
        q->channels = (size_t)x->shape.dim[1];
        q->blocks = (q->channels + 15) / 16;
        q->plane = (size_t)wt_shape_product(&x->shape, 2, x->shape.rank);
    }
    p->params = q;
    p->max_threads = wt_move_threads(p, (double)q->bytes);
    return WT_OK;
}

/* n pixels of one block: planes[c * plane + i] <-> lanes[i * 16 + c]. */
#define REORDER_LOOPS(bits)                                                                                            \
    static void pack_##bits(const void *vs, size_t plane, void *vd, size_t n, size_t used)                             \
    {                                                                                                                  \
        const uint##bits##_t *s = vs;                                                                                  \
        uint##bits##_t *d = vd;                                                                                        \
        if (used == 16) {                                                                                              \
            for (size_t i = 0; i < n; i++)                                                                             \
                for (size_t c = 0; c < 16; c++)                                                                        \
                    d[i * 16 + c] = s[c * plane + i];                                                                  \
            return;                                                                                                    \
        }                                                                                                              \
        for (size_t i = 0; i < n; i++)                                                                                 \
            for (size_t c = 0; c < 16; c++)                                                                            \
                d[i * 16 + c] = c < used ? s[c * plane + i] : 0;                                                       \
    }                                                                                                                  \
    static void unpack_##bits(const void *vs, void *vd, size_t plane, size_t n, size_t used)                           \
    {                                                                                                                  \
        const uint##bits##_t *s = vs;                                                                                  \
        uint##bits##_t *d = vd;                                                                                        \
        for (size_t c = 0; c < used; c++)                                                                              \
            for (size_t i = 0; i < n; i++)                                                                             \
                d[c * plane + i] = s[i * 16 + c];                                                                      \
    }
REORDER_LOOPS(8)
REORDER_LOOPS(16)
REORDER_LOOPS(32)
REORDER_LOOPS(64)

static void pack(size_t elem, const void *s, size_t plane, void *d, size_t n, size_t used)
{
    switch (elem) {
    case 1: pack_8(s, plane, d, n, used); break;
    case 2: pack_16(s, plane, d, n, used); break;
    case 4: pack_32(s, plane, d, n, used); break;
    default: pack_64(s, plane, d, n, used); break;
    }
}

static void unpack(size_t elem, const void *s, void *d, size_t plane, size_t n, size_t used)
{
    switch (elem) {
    case 1: unpack_8(s, d, plane, n, used); break;
    case 2: unpack_16(s, d, plane, n, used); break;
    case 4: unpack_32(s, d, plane, n, used); break;
    default: unpack_64(s, d, plane, n, used); break;
    }
}

static wt_status reorder_run(const wt_run *r, wt_err *err)
{
    const reorder_params *q = r->params;
    const char *x = r->in[0]->data;
    char *y = wt_tensor_mut(r->out[0]);
    const size_t strips = q->same ? 0 : (q->plane + STRIP - 1) / STRIP;
    size_t begin, end;
    (void)err;
    if (q->same) {
        wt_split(q->bytes, 64, r->tid, r->nthreads, &begin, &end);
        if (begin < end && x != y)
            memcpy(y + begin, x + begin, end - begin);
        return WT_OK;
    }
    wt_split(q->batch * q->blocks * strips, 1, r->tid, r->nthreads, &begin, &end);
    for (size_t i = begin; i < end; i++) {
        const size_t strip = i % strips, block = i / strips % q->blocks, image = i / strips / q->blocks,
                     at = strip * STRIP;
        const size_t n = q->plane - at < STRIP ? q->plane - at : STRIP, rest = q->channels - block * 16,
                     used = rest < 16 ? rest : 16;
        const size_t planes = ((image * q->channels + block * 16) * q->plane + at) * q->elem;
        const size_t lanes = ((image * q->blocks + block) * q->plane + at) * 16 * q->elem;
        if (q->to_c16)
            pack(q->elem, x + planes, q->plane, y + lanes, n, used);
        else
            unpack(q->elem, x + lanes, y + planes, q->plane, n, used);
    }
    return WT_OK;
}

const wt_kernel wt_reorder_rows[] = {
    { .name = "reorder_ref",
      .op = WT_OP_REORDER,
      .accepts = reorder_accepts,
      .prepare = reorder_prepare,
      .run = reorder_run },
    { .name = NULL },
};
