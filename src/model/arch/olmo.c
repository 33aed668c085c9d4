/* olmo.c - OLMo 2 (norms only behind the halves) and OLMoE (norms of whole rows of q and k, experts). */
#include "model/arch/build.h"

static wt_status olmo2_hparams(wt_arch_builder *b, wt_err *err)
{
    (void)err;
    b->style.post_only = true;
    b->style.qk_norm = WT_QK_ROW;
    return WT_OK;
}
const wt_arch wt_arch_olmo2 = { .name = "olmo2", .hparams = olmo2_hparams, .build = wt_b_decoder };

static wt_status olmoe_hparams(wt_arch_builder *b, wt_err *err)
{
    (void)err;
    b->style.qk_norm = WT_QK_ROW;
    b->style.experts_normalize = false;
    return WT_OK;
}
const wt_arch wt_arch_olmoe = { .name = "olmoe", .hparams = olmoe_hparams, .build = wt_b_decoder };
