/* parser.h - what the two halves of the parser share: a place among the tokens, and steps from it. */
#ifndef WT_JINJA_PARSER_H
#define WT_JINJA_PARSER_H
#include "model/chat/jinja.h"

typedef struct parser {
    wt_template *t;
    const jj_token *tok;
    int depth;
    wt_err *err;
} parser;

/* Small steps: `take` goes on when the token is that one, `need` refuses when it is not. */
wt_status jj_p_node(parser *p, jj_type type, jj_node **out);
wt_status jj_p_add_kid(parser *p, jj_node *n, jj_node *kid);
bool jj_p_op_is(const parser *p, const char *op);
bool jj_p_name_is(const parser *p, const char *name);
bool jj_p_take_op(parser *p, const char *op);
bool jj_p_take_name(parser *p, const char *name);
wt_status jj_p_expected(parser *p, const char *what);
wt_status jj_p_need_op(parser *p, const char *op);
wt_status jj_p_need_name(parser *p, wt_string *out);
/* Parts of the tree. A tuple is an expression, or several with commas between. */
wt_status jj_p_expression(parser *p, jj_node **out);
wt_status jj_p_disjunction(parser *p, jj_node **out);
wt_status jj_p_arguments(parser *p, jj_node *call);
wt_status jj_p_filter(parser *p, jj_node **out);
wt_status jj_p_tuple(parser *p, jj_node **out);
#endif
