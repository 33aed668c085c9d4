/* onnx_make.h - ONNX messages written by hand, for tests: a second, independent writer that can also be wrong on
 * purpose.
 *
 * A message is an mk value; fields append to it. Errors of the test itself (too long) end the test. */
#ifndef WT_ONNX_MAKE_H
#define WT_ONNX_MAKE_H
#include "support/test.h"

enum { MK_SIZE = 1 << 16 };
typedef struct mk {
    size_t len;
    uint8_t data[MK_SIZE];
} mk;

void mk_bytes(mk *m, const void *data, size_t len); /* as they are */
void mk_varint(mk *m, uint64_t v);
void mk_int(mk *m, uint32_t field, int64_t v);
void mk_float(mk *m, uint32_t field, float v);
void mk_data(mk *m, uint32_t field, const void *data, size_t len);
void mk_text(mk *m, uint32_t field, const char *text);
void mk_msg(mk *m, uint32_t field, const mk *sub);

/* TensorProto with raw_data (data NULL: without any). */
mk *mk_tensor(const char *name, int type, int rank, const int64_t *dims, const void *data, size_t bytes);
/* ValueInfoProto: dims < 0 are unknown; rank < 0: no shape. */
mk *mk_info(const char *name, int type, int rank, const int64_t *dims);
/* NodeProto; inputs and outputs separated by ',' ("a,,b" omits the second). */
mk *mk_node(const char *domain, const char *op, const char *inputs, const char *outputs);
mk *mk_attr_int(const char *name, int64_t v);
mk *mk_attr_ints(const char *name, const int64_t *v, size_t n);
mk *mk_attr_msg(const char *name, int type, uint32_t field, const mk *value);
/* ModelProto around a GraphProto. */
mk *mk_model(int64_t ir, int64_t opset, const mk *graph);
/* A graph x float[2, 3] -> y, without nodes. */
mk *mk_graph(void);
mk *mk_new(void);
/* A model that has a bit of everything the reader knows. */
mk *mk_everything(void);
/* Frees all that was made; or all but the first few. */
void mk_free_all(void);
void mk_free_all_but(size_t keep);
#endif
