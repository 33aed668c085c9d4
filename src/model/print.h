/* print.h - what the three printers of a graph share: types, names, numbers and escaping.
 *
 * Everything printed may come from a hostile file: text that is not UTF-8 or has control characters is escaped or
 * replaced, so that what comes out is valid text, DOT and XML. Numbers do not depend on the locale. */
#ifndef WT_PRINT_H
#define WT_PRINT_H
#include "base/str.h"
#include "model/graph.h"

typedef enum wt_escape {
    WT_ESCAPE_QUOTED, /* inside "...", as in C */
    WT_ESCAPE_DOT,    /* inside "..." of DOT */
    WT_ESCAPE_XML     /* text or attribute */
} wt_escape;
void wt_print_escaped(wt_buf *out, const char *s, size_t len, wt_escape how);
/* As it stands when it is a word, else quoted. */
void wt_print_name(wt_buf *out, const char *name);
/* float32[1x3xHx?], float32[] for a scalar, float32[...] when the rank is unknown. */
void wt_print_type(wt_buf *out, const wt_value *value);
void wt_print_tensor_type(wt_buf *out, const wt_tensor *t, const wt_graph *root);
/* "1x3xHx?", "" for a scalar. */
void wt_print_shape(wt_buf *out, const wt_shape *shape, const wt_graph *root);
/* The shortest text that reads back as the same number. */
void wt_print_float(wt_buf *out, float v);
void wt_print_double(wt_buf *out, double v);
/* Element i; false when it cannot be read. */
bool wt_print_element(wt_buf *out, const wt_tensor *t, int64_t i);
/* The elements if there are at most `most`: "7" or "[0, 1]"; false: nothing printed. */
bool wt_print_elements(wt_buf *out, const wt_tensor *t, int64_t most);
/* The value of an attribute that holds no graph, lists cut after `most` elements. */
void wt_print_attr(wt_buf *out, const wt_attr *attr, const wt_graph *root, size_t most);
#endif
