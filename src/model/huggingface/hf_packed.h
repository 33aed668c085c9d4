/* hf_packed.h - folders whose matrices are quantized: from the tensors that each tool writes for one to a wt_packed.
 * For hf_packed*.c alone.
 *
 * A method is found by config.json; then every matrix is a module PATH with a marker tensor (PATH.scales, PATH.qweight)
 * and parts. What comes out is a set with the names that the folder would have without quantization, so that the rest
 * of this directory knows nothing of it. */
#ifndef WT_HF_PACKED_H
#define WT_HF_PACKED_H
#include "hf_family.h"
#include "model/packed.h"

typedef struct wt_hf_packing wt_hf_packing;
typedef struct wt_hf_method {
    const char *name;   /* quant_method, or "mlx" */
    const char *marker; /* suffix of the tensor that every matrix has */
    const char *parts[12];
    wt_status (*config)(wt_hf_packing *q, wt_err *err); /* checks what is said of all matrices; NULL: nothing */
    /* Fills p and the shape of the matrix at q->path. */
    wt_status (*matrix)(wt_hf_packing *q, wt_packed *p, wt_shape *shape, wt_err *err);
} wt_hf_method;
extern const wt_hf_method wt_hf_mlx, wt_hf_gptq, wt_hf_awq, wt_hf_compressed, wt_hf_bitsandbytes, wt_hf_fp8;

struct wt_hf_packing {
    wt_hf_model *m;
    wt_weights *out;
    const wt_hf_method *method;
    const json_t *config; /* the object that describes the quantization */
    const char *path;     /* of the module at hand */
    int64_t bits, group;  /* said of all matrices; group 0: a whole row */
    bool plus_one;        /* GPTQ: zero points are stored less one */
};

/* The tensor PATH + suffix; NULL: absent. */
const wt_weight *wt_hf_part(const wt_hf_packing *q, const char *suffix);
/* The same; absent is WT_EFORMAT. */
wt_status wt_hf_need_part(const wt_hf_packing *q, const char *suffix, const wt_weight **out, wt_err *err);
/* Refuses a tensor: "tensor 'a.scales', float16 of 2x3, ..." */
wt_status wt_hf_bad_part(const wt_hf_packing *q, const wt_weight *part, wt_err *err, const char *fmt, ...)
    WT_PRINTF(4, 5);
/* Whether the part has this shape (and type, unless NONE); refuses it otherwise. */
wt_status wt_hf_expect(const wt_hf_packing *q, const wt_weight *part, wt_dtype dtype, int rank, const int64_t *dims,
                       wt_err *err);
/* Takes a part as scales or offsets of [rows, groups] by these steps; types other than plain floats are refused. */
wt_status wt_hf_factors(const wt_hf_packing *q, const wt_weight *part, wt_packed_factors *f, int64_t row_step,
                        int64_t group_step, wt_err *err);
/* An integer of an object of config.json in [low, high]; absent or null: fallback. */
wt_status wt_hf_count(const wt_hf_packing *q, const json_t *object, const char *names, int64_t fallback, int64_t low,
                      int64_t high, int64_t *out, wt_err *err);
static inline const uint8_t *wt_hf_bytes(const wt_weight *part) { return part->parts[0]; }
#endif
