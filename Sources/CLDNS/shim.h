// libldns for Swift.
#ifndef EDGEFERRY_CLDNS_H
#define EDGEFERRY_CLDNS_H
#include <ldns/ldns.h>
#endif
