/* hw_measure.c - what the machine reads and computes in a second at best, measured now. */
#include "base/json.h"
#include "measure/hardware/hardware.h"
#include "run/peaks.h"

static json_t *both(double one, double all)
{
    return json_pack("{s:o, s:o}", "1", wt_json_real(one), "all", wt_json_real(all));
}

/* A peak of arithmetic, with the instructions that reached it; nothing when the machine has none. */
static void set_peak(json_t *o, const char *key, const wt_peak *peak)
{
    if (!peak->isa)
        return;
    json_t *speed = both(peak->one, peak->all);
    json_object_set_new(speed, "isa", json_string(peak->isa));
    json_object_set_new(o, key, speed);
}

wt_status wt_hw_measure(json_t *report, wt_context *ctx, wt_err *err)
{
    wt_peaks p;
    WT_TRY(wt_measure_peaks(ctx, &p, err));
    json_t *o = json_pack("{s:i, s:o}", "threads", wt_context_threads(ctx), "read_gb_per_s",
                          both(p.read_gb_per_s_one, p.read_gb_per_s_all));
    set_peak(o, "fp32_gflops", &p.fp32);
    set_peak(o, "int8_gops", &p.int8);
    set_peak(o, "bf16_gflops", &p.bf16);
    return json_object_set_new(report, "measured", o) ? wt_fail(err, WT_ENOMEM, "no memory for the report") : WT_OK;
}
