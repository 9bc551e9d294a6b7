// OpenBLAS's C interface: cblas_sgemm and the library's own queries (threads, kernel name).
#pragma once
#include <cblas.h>
#include <stddef.h>

// LAPACK, which OpenBLAS brings along and its header leaves out. Arrays are column-major; Fortran
// expects the length of every text after the other arguments.

/// Cholesky factor of a symmetric positive definite matrix, in its place.
void dpotrf_(
    const char *uplo, const blasint *n, double *a, const blasint *lda, blasint *info,
    size_t uplo_length);

/// Householder QR of an m x n matrix: R in its upper triangle.
void dgeqrf_(
    const blasint *m, const blasint *n, double *a, const blasint *lda, double *tau, double *work,
    const blasint *lwork, blasint *info);

/// Eigenvalues (and vectors) of a symmetric matrix, ascending.
void dsyevd_(
    const char *jobz, const char *uplo, const blasint *n, double *a, const blasint *lda, double *w,
    double *work, const blasint *lwork, blasint *iwork, const blasint *liwork, blasint *info,
    size_t jobz_length, size_t uplo_length);

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
