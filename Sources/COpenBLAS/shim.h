// OpenBLAS's C interface: cblas_sgemm and the library's own queries (threads, kernel name).
#pragma once
#include <cblas.h>

/// The width in bits of the vectors that this build may use: what `-march` reached the compiler.
static inline int trajloom_compiled_vector_bits(void) {
#if defined(__AVX512F__)
  return 512;
#elif defined(__AVX2__) || defined(__AVX__)
  return 256;
#else
  return 128;
#endif
}
