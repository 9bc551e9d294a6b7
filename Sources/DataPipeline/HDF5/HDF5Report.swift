import CHDF5

/// What the HDF5 library on this machine is and can do.
public enum HDF5Report {
  /// Such as `1.10.8`.
  public static var version: String { HDF5.version }

  public static var isThreadsafe: Bool {
    var answer = false
    return H5is_library_threadsafe(&answer) >= 0 && answer
  }

  public static var hasDeflate: Bool { H5Zfilter_avail(H5Z_filter_t(H5Z_FILTER_DEFLATE)) > 0 }
  public static var hasFletcher32: Bool { H5Zfilter_avail(H5Z_filter_t(H5Z_FILTER_FLETCHER32)) > 0 }
}
