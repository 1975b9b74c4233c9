// Whether a file has changed, judged with or without reading all of it.
#ifndef GFE_FINGERPRINT_H
#define GFE_FINGERPRINT_H

#include <stddef.h>
#include <stdint.h>

// Identifies what is at `path`: a file by its size, the time of its last change and a checksum of
// its bytes (beyond 16 MiB, of blocks spread over it); a directory by the names, sizes and times of
// its entries. 0: nothing is there. If it is one of more than 16 `files` to be examined, 256 MiB
// are read in all, but at least the first and the last block of each. Equal fingerprints: equal
// contents, as far as this can tell; different ones: the contents may have changed. Not collective.
uint64_t fingerprint(const char *path, size_t files);

// A checksum of all bytes of a file; 0: it cannot be read. Not collective.
uint64_t fingerprint_content(const char *path);

#endif
