// The HDF5 names that are C macros, and therefore invisible to Swift, as constants and functions.
#pragma once
#include <hdf5.h>

// The library's own constants open it on first use, from whichever thread, and then install its exit handler, which
// crashes on files whose closing failed. Here they only read; HDF5Library.swift opens the library.
#undef H5OPEN
#define H5OPEN

static inline unsigned trajloom_H5F_ACC_RDONLY(void) { return H5F_ACC_RDONLY; }
static inline unsigned trajloom_H5F_ACC_RDWR(void) { return H5F_ACC_RDWR; }
static inline unsigned trajloom_H5F_ACC_TRUNC(void) { return H5F_ACC_TRUNC; }
static inline unsigned trajloom_H5F_ACC_EXCL(void) { return H5F_ACC_EXCL; }
static inline H5F_libver_t trajloom_H5F_LIBVER_LATEST(void) { return H5F_LIBVER_LATEST; }
static inline hid_t trajloom_H5E_DEFAULT(void) { return H5E_DEFAULT; }
static inline hid_t trajloom_H5P_DEFAULT(void) { return H5P_DEFAULT; }
static inline hid_t trajloom_H5P_FILE_CREATE(void) { return H5P_FILE_CREATE; }
static inline hid_t trajloom_H5P_FILE_ACCESS(void) { return H5P_FILE_ACCESS; }
static inline hid_t trajloom_H5P_DATASET_CREATE(void) { return H5P_DATASET_CREATE; }
static inline hid_t trajloom_H5S_ALL(void) { return H5S_ALL; }
static inline H5Z_filter_t trajloom_H5Z_FILTER_FLETCHER32(void) { return H5Z_FILTER_FLETCHER32; }
static inline hid_t trajloom_H5T_NATIVE_FLOAT(void) { return H5T_NATIVE_FLOAT; }
static inline hid_t trajloom_H5T_NATIVE_DOUBLE(void) { return H5T_NATIVE_DOUBLE; }
static inline hid_t trajloom_H5T_NATIVE_UINT8(void) { return H5T_NATIVE_UINT8; }
static inline hid_t trajloom_H5T_NATIVE_INT32(void) { return H5T_NATIVE_INT32; }
static inline hid_t trajloom_H5T_NATIVE_INT64(void) { return H5T_NATIVE_INT64; }
static inline hid_t trajloom_H5T_IEEE_F32LE(void) { return H5T_IEEE_F32LE; }
static inline hid_t trajloom_H5T_IEEE_F64LE(void) { return H5T_IEEE_F64LE; }
static inline hid_t trajloom_H5T_STD_U8LE(void) { return H5T_STD_U8LE; }
static inline hid_t trajloom_H5T_STD_I32LE(void) { return H5T_STD_I32LE; }
static inline hid_t trajloom_H5T_STD_I64LE(void) { return H5T_STD_I64LE; }
static inline hid_t trajloom_H5T_C_S1(void) { return H5T_C_S1; }
static inline size_t trajloom_H5T_VARIABLE(void) { return H5T_VARIABLE; }

// Of which kind the link of a name is. The library's own function and its argument's type are macros from release 1.12 on.
static inline herr_t trajloom_link_type(hid_t location, const char *name, H5L_type_t *type) {
  H5L_info_t info;
  herr_t status = H5Lget_info(location, name, &info, H5P_DEFAULT);
  if (status >= 0) *type = info.type;
  return status;
}

// Calls `body` with the name of each link of a group, ascending. Its own type for the callback, as above.
typedef herr_t (*trajloom_name_visitor)(const char *name, void *client);
struct trajloom_name_visit { trajloom_name_visitor body; void *client; };
static inline herr_t trajloom_visit_name(hid_t group, const char *name, const H5L_info_t *info, void *data) {
  (void)group; (void)info;
  struct trajloom_name_visit *visit = (struct trajloom_name_visit *)data;
  return visit->body(name, visit->client);
}
static inline herr_t trajloom_visit_names(hid_t location, const char *group, void *client, trajloom_name_visitor body) {
  struct trajloom_name_visit visit = {body, client};
  return H5Literate_by_name(location, group, H5_INDEX_NAME, H5_ITER_INC, NULL, trajloom_visit_name, &visit, H5P_DEFAULT);
}
