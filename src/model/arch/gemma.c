/* gemma.c - Gemma 1 to 3: scaled embeddings, gated GELU, norms behind both halves, soft caps, windows. */
#include <math.h>
#include "model/act.h"
#include "model/arch/build.h"

static wt_status gemma_hparams(wt_arch_builder *b, wt_err *err)
{
    (void)err;
    b->style.embed_scale = sqrt((double)b->hp.width);
    b->style.act = WT_ACT_GELU_TANH;
    return WT_OK;
}
const wt_arch wt_arch_gemma = { .name = "gemma", .hparams = gemma_hparams, .build = wt_b_decoder };

/* The 27B models divide by the root of width / heads, which is not the size of their heads. */
static void attention_scale(wt_arch_builder *b, int64_t layers_of_27b)
{
    if (b->hp.layers == layers_of_27b)
        b->style.attn_scale = 1 / sqrt((double)b->hp.width / (double)b->hp.heads);
}

static wt_status gemma2_hparams(wt_arch_builder *b, wt_err *err)
{
    WT_TRY(gemma_hparams(b, err));
    WT_TRY(wt_b_windows(b, 4096, 2, err));
    WT_TRY(wt_b_float(b, "attn_logit_softcapping", 50, &b->style.attn_softcap, err));
    WT_TRY(wt_b_float(b, "final_logit_softcapping", 30, &b->style.logit_softcap, err));
    attention_scale(b, 46);
    return WT_OK;
}
const wt_arch wt_arch_gemma2 = { .name = "gemma2", .hparams = gemma2_hparams, .build = wt_b_decoder };

static wt_status gemma3_hparams(wt_arch_builder *b, wt_err *err)
{
    WT_TRY(gemma_hparams(b, err));
    WT_TRY(wt_b_float(b, "rope.freq_base", 1e6, &b->style.rope.base, err));
    b->style.local_rope.base = 10000;
    WT_TRY(wt_b_windows(b, 0, 6, err));
    WT_TRY(wt_b_float(b, "final_logit_softcapping", 0, &b->style.logit_softcap, err));
    b->style.local_rope.freq_scale = 1;
    b->style.local_rope.ext_factor = 0;
    b->style.qk_norm = WT_QK_HEAD;
    attention_scale(b, 62);
    return WT_OK;
}
const wt_arch wt_arch_gemma3 = { .name = "gemma3", .hparams = gemma3_hparams, .build = wt_b_decoder };
