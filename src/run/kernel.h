/* kernel.h - the one shape that every kernel has, and the tables it is chosen from.
 *
 * A kernel is a row: which op, which instruction set, what it accepts, how it prepares and how it runs. Row order in a
 * table is preference order from worst to best; the portable C reference is the first row of its op and accepts every
 * legal case; the last row whose flags the machine has and whose accepts() says yes is taken, once, when the plan is
 * made.
 *
 * prepare sees the shapes (all known) and the data of constant inputs, checks everything that may be checked, parses
 * attributes into `params` (from `arena`), packs weights through the cache, and says how much scratch it needs and on
 * how many threads it is worth running. run gets tensors and does the arithmetic: it allocates nothing, and can fail
 * only for what is data (an index out of range). Kernels know nothing of graphs. */
#ifndef WT_KERNEL_H
#define WT_KERNEL_H
#include "base/cpu.h"
#include "base/pool.h"
#include "model/act.h"
#include "model/attr.h"
#include "model/op.h"

struct wt_pack_cache;
typedef struct wt_kernel wt_kernel;

typedef struct wt_prep {
    wt_context *ctx;
    wt_opcode op;
    const char *op_type, *node_name; /* for messages */
    const wt_attrs *attrs;
    const wt_tensor *const *in; /* NULL: omitted; data: constants only (dynamic steps: all) */
    size_t n_in;
    const wt_tensor *const *out; /* dtype, layout, shape; NULL: omitted */
    size_t n_out;
    int threads;                 /* members that a run will have at most */
    uint32_t cpu;                /* WT_CPU_* that may be used */
    wt_arena *arena;             /* for params; lives as long as the plan */
    struct wt_pack_cache *packs; /* weights packed once, shared by all specializations */
    /* filled by prepare */
    const void *params;
    size_t scratch_bytes; /* 64-aligned, shared by all members; run divides it by tid */
    int max_threads;      /* prepare() is called with 1 here; set it to `threads` when run splits its work */
    double flops;         /* operations (a multiply-add is two); 0: not counted */
    double bytes;         /* memory traffic; 0: inputs + outputs */
} wt_prep;

typedef struct wt_run {
    const void *params;
    const wt_tensor *const *in;
    size_t n_in;
    wt_tensor *const *out;
    size_t n_out;
    void *scratch;
    wt_arena *
        texts; /* for the bytes of strings that a run makes, living as long as its outputs; member 0 alone may use it */
    wt_team *team; /* NULL when nthreads == 1 */
    int tid, nthreads;
} wt_run;

struct wt_kernel {
    const char *name; /* "conv_f32_c16_avx512": <op>_<types>_<isa> */
    wt_opcode op;
    uint32_t need; /* WT_CPU_* */
    bool (*accepts)(const wt_prep *p);
    wt_status (*prepare)(wt_prep *p, wt_err *err);  /* NULL: nothing to prepare */
    wt_status (*run)(const wt_run *r, wt_err *err); /* every member calls it; err belongs to the member */
    bool in_place;                                  /* out[0] may be in[0]'s bytes (same size, elementwise) */
    uint32_t packs; /* bit i: prepare packed constant input i, run never looks at it (its file pages can go) */
};

/* All tables; each ends with a row whose name is NULL. */
extern const wt_kernel *const wt_kernel_tables[];
/* The last acceptable row; NULL when there is none. `only` != NULL: that name or nothing (tests, --kernel). A row that
 * does nothing where all outputs are empty. */
const wt_kernel *wt_kernel_pick(const wt_prep *p, const char *only);

/* --- packed weights ----------------------------------------------------------------------------------------------
 * Keyed by the address of the constant's bytes and a description of the packing; made once, immutable, freed with the
 * plan. */
typedef struct wt_pack_key {
    const void *data;  /* the constant's bytes */
    const void *data2; /* a second constant that went into it (bias, scales), or NULL */
    const char *kind;  /* static string: kernel family and layout */
    int64_t dims[12];  /* everything else that decides the bytes */
} wt_pack_key;
typedef wt_status wt_pack_fn(void *arg, void *packed, wt_err *err);
/* Returns *out: `bytes` bytes (64-aligned, zeroed before fn fills them). */
wt_status wt_pack_get(struct wt_pack_cache *cache, const wt_pack_key *key, size_t bytes, wt_pack_fn *fn, void *arg,
                      const void **out, wt_err *err);

/* --- small helpers for rows ----------------------------------------------------------------------------------------
 */
static inline const float *wt_in_f32(const wt_run *r, size_t i) { return (const float *)r->in[i]->data; }
static inline float *wt_out_f32(const wt_run *r, size_t i) { return (float *)wt_tensor_mut(r->out[i]); }
static inline bool wt_has_in(const wt_prep *p, size_t i) { return i < p->n_in && p->in[i] != NULL; }

typedef struct wt_act_params {
    wt_act act;
    float alpha, beta;
} wt_act_params;
wt_act_params wt_act_from_attrs(const wt_attrs *attrs);
/* What a convolution does to the activated number: y = act(x) * mul + add, one pair for all channels. */
typedef struct wt_affine {
    bool some; /* false: nothing */
    float mul, add;
} wt_affine;
wt_affine wt_affine_from_attrs(const wt_attrs *attrs);
float wt_act_apply(wt_act_params a, float x); /* the reference */
#endif
