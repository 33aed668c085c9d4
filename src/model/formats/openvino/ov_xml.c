/* ov_xml.c - libxml2's events into the tree of ov_xml.h. */
#include "ov_xml.h"
#include <libxml/parser.h>
#include <libxml/xmlerror.h>

enum { CHUNK = 1 << 20, MOST_ATTRS = 4096, TEXT = 32 };

typedef struct builder {
    wt_arena *arena;
    xmlParserCtxt *parser;
    wt_xml *root, *at;
    int depth;
    char text[TEXT]; /* since the last tag */
    size_t n_text;
    wt_status st;
    wt_err *err;
} builder;

static size_t line_of(const builder *b)
{
    const int line = xmlSAX2GetLineNumber(b->parser);
    return line > 0 ? (size_t)line : 0;
}

static void stop(builder *b, wt_status st)
{
    if (b->st == WT_OK)
        b->st = st;
    xmlStopParser(b->parser);
}

static void refuse(builder *b, const char *why)
{
    if (b->st == WT_OK) {
        wt_fail(b->err, WT_EFORMAT, "%s", why);
        wt_err_where(b->err, "line %zu", line_of(b));
    }
    stop(b, WT_EFORMAT);
}

static void on_doctype(void *user, const xmlChar *name, const xmlChar *id, const xmlChar *system)
{
    (void)name, (void)id, (void)system;
    refuse(user, "the file declares a document type, which a model has no use for");
}

/* Attributes come in fives: name, prefix, URI, start and end of the value. */
static bool copy_attrs(const builder *b, wt_xml *e, int n, const xmlChar **list)
{
    wt_xml_attr *attrs = wt_arena_alloc(b->arena, (size_t)n, sizeof *attrs, b->err);
    if (!attrs)
        return false;
    for (size_t i = 0; i < (size_t)n; i++) {
        const xmlChar **five = list + 5 * i;
        attrs[i].name = wt_arena_strdup(b->arena, (const char *)five[0], b->err);
        attrs[i].value = wt_arena_strndup(b->arena, (const char *)five[3], (size_t)(five[4] - five[3]), b->err);
        if (!attrs[i].name || !attrs[i].value)
            return false;
    }
    e->attrs = attrs;
    e->n_attrs = (size_t)n;
    return true;
}

static void on_start(void *user, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri, int n_namespaces,
                     const xmlChar **namespaces, int n_attrs, int n_defaulted, const xmlChar **attrs)
{
    builder *b = user;
    (void)prefix, (void)uri, (void)n_namespaces, (void)namespaces, (void)n_defaulted;
    if (b->st != WT_OK)
        return;
    if (++b->depth > WT_OV_XML_DEPTH || n_attrs > MOST_ATTRS) {
        refuse(b, n_attrs > MOST_ATTRS ? "an element has thousands of attributes" : "elements are nested too deeply");
        return;
    }
    wt_xml *e = wt_arena_alloc(b->arena, 1, sizeof *e, b->err);
    if (!e || !(e->name = wt_arena_strdup(b->arena, (const char *)name, b->err)) || !copy_attrs(b, e, n_attrs, attrs)) {
        stop(b, WT_ENOMEM);
        return;
    }
    b->n_text = 0;
    e->line = line_of(b);
    e->parent = b->at;
    if (!b->at)
        b->root = e;
    else if (b->at->last)
        b->at->last->next = e;
    else
        b->at->first = e;
    if (b->at)
        b->at->last = e;
    b->at = e;
}

static void on_end(void *user, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
    builder *b = user;
    (void)name, (void)prefix, (void)uri;
    if (b->st != WT_OK || !b->at)
        return;
    if (!b->at->first && b->n_text && b->n_text < TEXT &&
        !(b->at->text = wt_arena_strndup(b->arena, b->text, b->n_text, b->err))) {
        stop(b, WT_ENOMEM);
        return;
    }
    b->n_text = 0;
    b->at = b->at->parent;
    b->depth--;
}

static void on_text(void *user, const xmlChar *text, int len)
{
    builder *b = user;
    for (int i = 0; i < len && b->n_text < TEXT; i++)
        b->text[b->n_text++] = (char)text[i];
}

/* The first one says what is wrong; those after it are consequences. */
#if LIBXML_VERSION >= 21200
static void on_error(void *user, const xmlError *e)
#else
static void on_error(void *user, xmlError *e)
#endif
{
    builder *b = user;
    if (b->st != WT_OK || !e || e->level < XML_ERR_ERROR)
        return;
    if (e->code == XML_ERR_NO_MEMORY) {
        wt_fail(b->err, WT_ENOMEM, "out of memory while reading XML");
        stop(b, WT_ENOMEM);
        return;
    }
    size_t n = e->message ? strlen(e->message) : 0;
    while (n && e->message[n - 1] == '\n')
        n--;
    wt_fail(b->err, WT_EFORMAT, "no well-formed XML: %.*s", (int)n, e->message ? e->message : "");
    wt_err_where(b->err, "line %d", e->line);
    wt_err_hint(b->err, "was the file copied whole?");
    stop(b, WT_EFORMAT);
}

static wt_status feed(builder *b, const char *bytes, size_t len)
{
    for (size_t at = 0; at < len && b->st == WT_OK; at += CHUNK) {
        const size_t n = len - at < CHUNK ? len - at : CHUNK;
        WT_TRY(wt_check_cancel(b->arena->ctx, b->err));
        xmlParseChunk(b->parser, bytes + at, (int)n, 0);
    }
    if (b->st == WT_OK)
        xmlParseChunk(b->parser, NULL, 0, 1);
    if (b->st == WT_OK && (!b->root || b->at || !b->parser->wellFormed))
        return wt_fail(b->err, WT_EFORMAT, "no well-formed XML: the file ends too early");
    return b->st;
}

wt_status wt_xml_parse(wt_xml **root, wt_arena *arena, const void *bytes, size_t len, wt_err *err)
{
    xmlSAXHandler events = { .initialized = XML_SAX2_MAGIC,
                             .internalSubset = on_doctype,
                             .startElementNs = on_start,
                             .endElementNs = on_end,
                             .characters = on_text,
                             .serror = on_error };
    builder b = { .arena = arena, .err = err };
    xmlInitParser();
    *root = NULL;
    b.parser = xmlCreatePushParserCtxt(&events, &b, NULL, 0, NULL);
    if (!b.parser)
        return wt_fail(err, WT_ENOMEM, "out of memory while reading XML");
    /* NOENT: "&amp;" becomes its character; of other entities there are none without a document type. */
    xmlCtxtUseOptions(b.parser, XML_PARSE_NONET | XML_PARSE_NOENT);
    const wt_status st = feed(&b, bytes, len);
    if (b.parser->myDoc)
        xmlFreeDoc(b.parser->myDoc);
    b.parser->myDoc = NULL;
    xmlFreeParserCtxt(b.parser);
    if (st == WT_OK)
        *root = b.root;
    return st;
}

const char *wt_xml_get(const wt_xml *element, const char *attr)
{
    for (size_t i = 0; element && i < element->n_attrs; i++)
        if (!strcmp(element->attrs[i].name, attr))
            return element->attrs[i].value;
    return NULL;
}

static const wt_xml *named(const wt_xml *e, const char *name)
{
    while (e && strcmp(e->name, name) != 0)
        e = e->next;
    return e;
}

const wt_xml *wt_xml_child(const wt_xml *element, const char *name)
{
    return element ? named(element->first, name) : NULL;
}

const wt_xml *wt_xml_again(const wt_xml *element) { return named(element->next, element->name); }
