/* roof.c - see roof.h. */
#include "measure/roof.h"
#include <math.h>

static const struct {
    const char *name, *peak;
} precisions[] = {
    [WT_PRECISION_F32] = { "fp32", "fp32_gflops" },
    [WT_PRECISION_I8] = { "int8", "int8_gops" },
    [WT_PRECISION_BF16] = { "bf16", "bf16_gflops" },
};

const char *wt_precision_name(wt_precision p) { return precisions[p].name; }
const char *wt_precision_peak(wt_precision p) { return precisions[p].peak; }

/* Kernels are called OP_TYPES_ISA. */
wt_precision wt_precision_of_kernel(const char *kernel)
{
    static const char *const integers[] = { "_u8", "_s8", "_i8", "_s16", "_int8" };
    for (size_t i = 0; i < WT_ARRAY_LEN(integers); i++)
        if (strstr(kernel, integers[i]))
            return WT_PRECISION_I8;
    return strstr(kernel, "_bf16_") ? WT_PRECISION_BF16 : WT_PRECISION_F32;
}

static void read_pair(double out[2], const wt_result *r, const char *key)
{
    out[1] = wt_result_number(r, 0, "measured.%s.all", key);
    out[0] = wt_result_number(r, out[1], "measured.%s.1", key);
}

static double last_cache(const wt_result *r)
{
    double bytes = 0;
    for (size_t i = 0; i < wt_result_count(r, "cpu.caches"); i++)
        bytes = fmax(bytes, wt_result_number(r, 0, "cpu.caches[%zu].size_bytes", i));
    return bytes;
}

void wt_roof_read(wt_roof *out, const wt_result *machine)
{
    *out = (wt_roof){ .cache_bytes = last_cache(machine) };
    read_pair(out->read_gb_per_s, machine, "read_gb_per_s");
    for (wt_precision p = 0; p < WT_PRECISION_COUNT; p++)
        read_pair(out->gflops[p], machine, precisions[p].peak);
    if (!(out->read_gb_per_s[1] > 0))
        out->read_gb_per_s[0] = out->read_gb_per_s[1] = wt_result_number(machine, 0, "memory.bandwidth_gb_per_s");
}
