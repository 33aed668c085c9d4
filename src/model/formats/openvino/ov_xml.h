/* ov_xml.h - an XML file as a small tree: elements, their attributes, their children; of text only what a
 * leaf holds, when it is short.
 *
 * libxml2 reads the bytes (no network, no files but this one); a document type, and with it every entity of a file's
 * own, is refused, and so are deep nesting and endless names. Names and values are copies in the arena. */
#ifndef WT_OV_XML_H
#define WT_OV_XML_H
#include "base/base.h"

enum { WT_OV_XML_DEPTH = 128 /* elements in elements */ };

typedef struct wt_xml_attr {
    const char *name, *value;
} wt_xml_attr;
typedef struct wt_xml {
    const char *name;
    const wt_xml_attr *attrs;
    size_t n_attrs;
    struct wt_xml *parent, *first, *last, *next;
    const char *text; /* of a leaf; NULL: none, or more than a number has */
    size_t line;      /* in the file, from 1 */
} wt_xml;

/* The root element. WT_EFORMAT names the line. */
wt_status wt_xml_parse(wt_xml **root, wt_arena *arena, const void *bytes, size_t len, wt_err *err);
/* NULL when absent. */
const char *wt_xml_get(const wt_xml *element, const char *attr);
const wt_xml *wt_xml_child(const wt_xml *element, const char *name); /* the first one; NULL is a fine element */
/* The next one of the same name among its sisters. */
const wt_xml *wt_xml_again(const wt_xml *element);
#endif
