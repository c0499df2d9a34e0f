// libldns for Swift; globals and macros that Swift cannot import become inline functions here.
#ifndef EDGEFERRY_CLDNS_H
#define EDGEFERRY_CLDNS_H
#include <ldns/ldns.h>

/* A record as one line without comments; to be freed. NULL when it cannot be printed. */
static inline char *cl_record_text(const ldns_rr *rr) { return ldns_rr2str_fmt(ldns_output_format_nocomments, rr); }

#endif
