// zlib, with the initialisers that are C macros as functions.
#pragma once
#include <zlib.h>

static inline int trajloom_inflateInit2(z_stream *stream, int windowBits) {
  return inflateInit2(stream, windowBits);
}
static inline int trajloom_deflateInit2(z_stream *stream, int level, int strategy) {
  return deflateInit2(stream, level, Z_DEFLATED, MAX_WBITS, MAX_MEM_LEVEL, strategy);
}
