/* op_harness.h - one operator at a time, as the engine would run it: rule, choice of a row, prepare, run.
 *
 *     op_test t;
 *     op_begin(&t, WT_OP_ADD);
 *     op_f32(&t, "2x3", (float[]){ 1, 2, 3, 4, 5, 6 });
 *     op_f32(&t, "3", (float[]){ 10, 20, 30 });
 *     op_run(&t, 1);
 *     op_expect_f32(&t, 0, "2x3", (float[]){ 11, 22, 33, 14, 25, 36 });
 *     op_end(&t);
 *
 * Every tensor and the scratch end at a page that may not be touched, and are exactly as long as they must be. A row
 * that splits its work runs on one thread and on three, and both results must be the same bytes. Only rows of portable
 * C are chosen. A failure of any step fails the test, unless op_refused() asked for it. */
#ifndef WT_OP_HARNESS_H
#define WT_OP_HARNESS_H
#include "run/kernel.h"
#include "support/test.h"

enum { OP_MAX_IN = 20, OP_MAX_OUT = 8, OP_MAX_ATTRS = 12, OP_MAX_BLOCKS = 96 };

typedef struct op_test {
    wt_opcode op;
    wt_context *ctx;
    struct wt_pack_cache *packs;
    wt_arena arena;
    wt_attr attrs[OP_MAX_ATTRS];
    size_t n_attrs, n_in, n_out;
    wt_tensor in[OP_MAX_IN], out[OP_MAX_OUT];
    bool given[OP_MAX_IN];
    bool hidden[OP_MAX_IN]; /* prepare does not see the data: no constant */
    wt_layout out_layout;
    const char *kernel; /* the row that ran */
    const char *only;   /* choose this row or none */
    bool threaded;      /* it ran on three threads too */
    struct op_block {
        void *map;
        size_t bytes;
    } blocks[OP_MAX_BLOCKS];
    size_t n_blocks;
} op_test;

void op_begin(op_test *t, wt_opcode op);
void op_end(op_test *t);

/* Inputs in order. Shapes are text: "2x3", "scalar". */
void op_in(op_test *t, wt_dtype dtype, const char *shape, const void *data);
void op_f32(op_test *t, const char *shape, const float *data);
void op_f64(op_test *t, const char *shape, const double *data);
void op_i64(op_test *t, const char *shape, const int64_t *data);
void op_i32(op_test *t, const char *shape, const int32_t *data);
void op_u8(op_test *t, const char *shape, const uint8_t *data);
void op_bool(op_test *t, const char *shape, const uint8_t *data);
void op_omit(op_test *t);
/* Uniform in [low, high), the same for the same seed. */
void op_random(op_test *t, wt_dtype dtype, const char *shape, double low, double high, uint64_t seed);
/* The last input: lies in C16; is no constant. */
void op_c16(op_test *t);
void op_hide(op_test *t);

void op_int(op_test *t, const char *name, int64_t v);
void op_float(op_test *t, const char *name, float v);
void op_text(op_test *t, const char *name, const char *v);
void op_ints(op_test *t, const char *name, const int64_t *v, size_t n);
void op_tensor(op_test *t, const char *name, wt_dtype dtype, const char *shape, const void *data);

void op_run(op_test *t, size_t n_out);
/* Something on the way must fail with this status and a message that contains `part`. */
void op_refused(op_test *t, size_t n_out, wt_status status, const char *part);
/* Whatever happens: the first failure on the way, or WT_OK. Outputs above 16 MB are WT_ELIMIT. */
wt_status op_try(op_test *t, size_t n_out, wt_err *err);
/* The rule alone; no data of hidden inputs, no check of what it says but that it is WT_OK. */
void op_infer(op_test *t, size_t n_out);

void op_expect_shape(const op_test *t, size_t o, wt_dtype dtype, const char *shape);
void op_expect_f32(const op_test *t, size_t o, const char *shape,
                   const float *want); /* within 1e-5, relative above 1 */
void op_expect_f64(const op_test *t, size_t o, const char *shape, const double *want);
void op_expect_i64(const op_test *t, size_t o, const char *shape, const int64_t *want);
void op_expect(const op_test *t, size_t o, wt_dtype dtype, const char *shape, const void *want); /* the same bytes */
/* Element i of output o (F32), whatever its layout: by its place in the plain order. */
float op_at(const op_test *t, size_t o, size_t i);
/* Runs again with inputs of rank 4 (and the output) in C16: the same values, and zeros in the padding lanes. */
void op_check_c16(op_test *t);
#endif
