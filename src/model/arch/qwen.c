/* qwen.c - Qwen 2 and 3, dense and with experts. */
#include "model/arch/build.h"

const wt_arch wt_arch_qwen2 = { .name = "qwen2", .build = wt_b_decoder };

/* Files without a length of their own for the experts mean that those in use have the length of a dense one. */
static wt_status experts_length(wt_arch_builder *b, wt_err *err)
{
    wt_hparams *hp = &b->hp;
    const int64_t used = hp->experts_used > 0 ? hp->experts_used : 1;
    return wt_b_int(b, "expert_feed_forward_length", hp->feed_forward / used, &hp->expert_hidden, err);
}

static wt_status qwen2moe_hparams(wt_arch_builder *b, wt_err *err)
{
    b->style.experts_normalize = false;
    return experts_length(b, err);
}
const wt_arch wt_arch_qwen2moe = { .name = "qwen2moe", .hparams = qwen2moe_hparams, .build = wt_b_decoder };

static wt_status qwen3_hparams(wt_arch_builder *b, wt_err *err)
{
    (void)err;
    b->style.qk_norm = WT_QK_HEAD;
    return WT_OK;
}
const wt_arch wt_arch_qwen3 = { .name = "qwen3", .hparams = qwen3_hparams, .build = wt_b_decoder };

static wt_status qwen3moe_hparams(wt_arch_builder *b, wt_err *err)
{
    WT_TRY(qwen3_hparams(b, err));
    return experts_length(b, err);
}
const wt_arch wt_arch_qwen3moe = { .name = "qwen3moe", .hparams = qwen3moe_hparams, .build = wt_b_decoder };
