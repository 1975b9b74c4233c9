// IDX files, plain and gzipped. An input is a byte for what to read (fuzz_array.h) and how to pack
// the file, the first sample, the number of samples, then the file.
#include <zlib.h>

#include "fuzz_array.h"
#include "ground/memory.h"

enum { GZIP = 8, CUT = 16, FLIP = 32 };  // gzipped; a quarter of that missing; a byte of it flipped

// Gzips the bytes into `packed`, which has room for them; returns how many there are.
static size_t pack(const uint8_t *data, size_t size, uint8_t *packed, size_t room) {
  z_stream stream = {0};
  FUZZ_CHECK(deflateInit2(&stream, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK, "zlib");
  stream.next_in = (Bytef *)data;
  stream.avail_in = (uInt)size;
  stream.next_out = packed;
  stream.avail_out = (uInt)room;
  FUZZ_CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END, "no room");
  deflateEnd(&stream);
  return stream.total_out;
}

// What IDX says of itself in its first bytes. False if it is not IDX.
static bool understand(const uint8_t *data, size_t size, struct fuzz_array *array) {
  static const struct {
    uint8_t code;
    char kind;
    int bytes;
  } types[] = {{8, 'u', 1}, {9, 'i', 1}, {11, 'i', 2}, {12, 'i', 4}, {13, 'f', 4}, {14, 'f', 8}};
  if (size < 4 || data[0] != 0 || data[1] != 0) return false;
  const size_t header = 4 + 4 * (size_t)data[3];
  for (size_t i = 0; i < sizeof types / sizeof *types && header <= size; i++)
    if (types[i].code == data[2]) {
      *array =
          (struct fuzz_array){types[i].kind, types[i].bytes, true, data + header, size - header};
      return true;
    }
  return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct fuzz_bytes bytes = {data, size};
  const unsigned mode = fuzz_next(&bytes), first = fuzz_next(&bytes), count = fuzz_next(&bytes);
  struct fuzz_array array;
  const bool known = understand(bytes.data, bytes.size, &array);
  const size_t room = bytes.size + bytes.size / 100 + 1024;
  uint8_t *packed = memory_new(uint8_t, room);
  const uint8_t *file = bytes.data;
  size_t length = bytes.size;
  if (mode & GZIP) {
    length = pack(bytes.data, bytes.size, packed, room);
    if (mode & CUT) length -= length / 4;
    if (mode & FLIP) packed[first % length] ^= (uint8_t)(1U << count % 8);
    file = packed;
  }
  // Where a flip fell is not known; what zlib makes of it need not be what was packed.
  fuzz_array_read(fuzz_file(0, file, length), mode, first, count,
                  known && !((mode & GZIP) && (mode & FLIP)) ? &array : NULL);
  memory_free(&packed);
  return 0;
}
