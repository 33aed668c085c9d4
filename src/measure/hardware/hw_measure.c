/* hw_measure.c - what the machine reads in a second at best, measured now. */
#include "base/json.h"
#include "measure/hardware/hardware.h"
#include "run/peaks.h"

static json_t *both(double one, double all)
{
    return json_pack("{s:o, s:o}", "1", wt_json_real(one), "all", wt_json_real(all));
}

wt_status wt_hw_measure(json_t *report, wt_context *ctx, wt_err *err)
{
    wt_peaks p;
    WT_TRY(wt_measure_peaks(ctx, &p, err));
    json_t *o = json_pack("{s:i, s:o}", "threads", wt_context_threads(ctx), "read_gb_per_s",
                          both(p.read_gb_per_s_one, p.read_gb_per_s_all));
    return json_object_set_new(report, "measured", o) ? wt_fail(err, WT_ENOMEM, "no memory for the report") : WT_OK;
}
