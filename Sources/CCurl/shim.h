// libcurl for Swift: variadic functions and unions get one inline function per argument kind.
#ifndef EDGEFERRY_CCURL_H
#define EDGEFERRY_CCURL_H
#include <curl/curl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

typedef size_t (*cc_data_callback)(char *data, size_t size, size_t count, void *context);
typedef int (*cc_socket_callback)(CURL *easy, curl_socket_t socket, int what, void *context, void *own);
typedef int (*cc_timer_callback)(CURLM *multi, long milliseconds, void *context);
typedef CURLcode (*cc_ssl_ctx_callback)(CURL *easy, void *ssl_ctx, void *context);
typedef int (*cc_progress_callback)(void *context, curl_off_t, curl_off_t, curl_off_t, curl_off_t);

static inline CURLcode cc_set_long(CURL *h, CURLoption o, long v) { return curl_easy_setopt(h, o, v); }
static inline CURLcode cc_set_off(CURL *h, CURLoption o, curl_off_t v) { return curl_easy_setopt(h, o, v); }
static inline CURLcode cc_set_str(CURL *h, CURLoption o, const char *v) { return curl_easy_setopt(h, o, v); }
static inline CURLcode cc_set_ptr(CURL *h, CURLoption o, void *v) { return curl_easy_setopt(h, o, v); }
static inline CURLcode cc_set_const(CURL *h, CURLoption o, const void *v) { return curl_easy_setopt(h, o, v); }
static inline CURLcode cc_set_slist(CURL *h, CURLoption o, struct curl_slist *v) { return curl_easy_setopt(h, o, v); }
static inline CURLcode cc_set_data(CURL *h, CURLoption o, cc_data_callback v) { return curl_easy_setopt(h, o, v); }
static inline CURLcode cc_set_progress(CURL *h, cc_progress_callback v) {
  return curl_easy_setopt(h, CURLOPT_XFERINFOFUNCTION, v);
}
static inline CURLcode cc_set_ssl_ctx(CURL *h, cc_ssl_ctx_callback v) {
  return curl_easy_setopt(h, CURLOPT_SSL_CTX_FUNCTION, v);
}
static inline CURLcode cc_get_long(CURL *h, CURLINFO i, long *v) { return curl_easy_getinfo(h, i, v); }
static inline CURLcode cc_get_off(CURL *h, CURLINFO i, curl_off_t *v) { return curl_easy_getinfo(h, i, v); }
static inline CURLcode cc_get_ptr(CURL *h, CURLINFO i, void **v) { return curl_easy_getinfo(h, i, v); }
static inline CURLMcode cc_mset_long(CURLM *m, CURLMoption o, long v) { return curl_multi_setopt(m, o, v); }
static inline CURLMcode cc_mset_ptr(CURLM *m, CURLMoption o, void *v) { return curl_multi_setopt(m, o, v); }
static inline CURLMcode cc_mset_socket(CURLM *m, cc_socket_callback v) {
  return curl_multi_setopt(m, CURLMOPT_SOCKETFUNCTION, v);
}
static inline CURLMcode cc_mset_timer(CURLM *m, cc_timer_callback v) {
  return curl_multi_setopt(m, CURLMOPT_TIMERFUNCTION, v);
}
static inline CURLcode cc_msg_result(const CURLMsg *m) { return m->data.result; }

#endif
