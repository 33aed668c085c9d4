/* fuse.h - wt_fuse (tile.h) on vectors. */
#ifndef WT_X86_FUSE_H
#define WT_X86_FUSE_H
#include "run/kernels/x86/tile.h"
#include "run/kernels/x86/vec.h"

/* Stores the codes of VL sums; true in lanes where they may be wrong. channel: of the first lane. */
WT_INLINE vm wt_fuse_store(const wt_fuse *f, char *out, vi sum, size_t channel)
{
    const vf s = vf_from_vi(sum), base = vf_set(f->base);
    const vf high = vf_fma(s, vf_load(f->high + channel), base), low = vf_fma(s, vf_load(f->low + channel), base);
    vi_to_bytes(out, vi_min(vi_set(f->hi), vi_max(vi_set(f->lo), vf_bits(high))));
    return vf_ne(high, low);
}
#endif
