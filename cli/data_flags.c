/* data_flags.c - see data_flags.h. */
#include "data_flags.h"

wt_data_options cli_data(const data_flags *flags)
{
    wt_data_options d = wt_data_defaults();
    d.path = flags->set;
    d.preprocess = flags->preprocess;
    d.labels = flags->labels;
    d.part = flags->part;
    d.limit = flags->limit > 0 ? (size_t)flags->limit : 0;
    return d;
}
