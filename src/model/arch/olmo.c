/* olmo.c - OLMo 2 and 3 (norms only behind the halves; 3: windows) and OLMoE (norms of whole rows of q and k, experts).
 */
#include "model/arch/build.h"

/* OLMo 3 goes by the same name in files. Its frequencies are stretched where all of the past is seen, not in windows.
 */
static wt_status olmo2_hparams(wt_arch_builder *b, wt_err *err)
{
    b->style.post_only = true;
    b->style.qk_norm = WT_QK_ROW;
    b->style.local_rope.freq_scale = b->style.local_rope.attn_factor = 1;
    b->style.local_rope.ext_factor = 0;
    return wt_b_windows(b, 0, 4, err);
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
