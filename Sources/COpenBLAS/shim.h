// OpenBLAS's C interface: cblas_sgemm and the library's own queries (threads, kernel name).
#pragma once
#include <cblas.h>
