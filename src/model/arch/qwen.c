/* qwen.c - Qwen 2 and 3, dense and with experts. */
#include "model/arch/build.h"

const wt_arch wt_arch_qwen2 = { .name = "qwen2", .build = wt_b_decoder };

static wt_status qwen2moe_hparams(wt_arch_builder *b, wt_err *err)
{
    (void)err;
    b->style.experts_normalize = false;
    return WT_OK;
}
const wt_arch wt_arch_qwen2moe = { .name = "qwen2moe", .hparams = qwen2moe_hparams, .build = wt_b_decoder };

static wt_status qwen3_hparams(wt_arch_builder *b, wt_err *err)
{
    (void)err;
    b->style.qk_norm = WT_QK_HEAD;
    return WT_OK;
}
const wt_arch wt_arch_qwen3 = { .name = "qwen3", .hparams = qwen3_hparams, .build = wt_b_decoder };
const wt_arch wt_arch_qwen3moe = { .name = "qwen3moe", .hparams = qwen3_hparams, .build = wt_b_decoder };
