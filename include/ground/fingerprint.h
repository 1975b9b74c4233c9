// Whether a file is still the one that it was, told with or without reading all of it.
#ifndef GFE_FINGERPRINT_H
#define GFE_FINGERPRINT_H

#include <stddef.h>
#include <stdint.h>

// Names what is at `path`: of a file its size, the time of its last change and a checksum of its
// bytes, beyond 16 MiB of blocks spread over it; of a directory the names, sizes and times of what
// it holds. 0: nothing is there. Where it is one of more than 16 `files` that are examined, they
// share 256 MiB among them, of each the first and the last block at least. The same fingerprint:
// the same content, as far as a look can tell; another one says that it may have changed. Not
// collective.
uint64_t fingerprint(const char *path, size_t files);

// A checksum of all bytes of a file; 0: it cannot be read. Not collective.
uint64_t fingerprint_content(const char *path);

#endif
