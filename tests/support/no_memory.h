// For tests that request more memory than there is: the address sanitizer then returns NULL, as the
// system does, instead of ending the test.
#ifndef GFE_NO_MEMORY_H
#define GFE_NO_MEMORY_H

const char *__asan_default_options(void);
const char *__asan_default_options(void) { return "allocator_may_return_null=1"; }

#endif
