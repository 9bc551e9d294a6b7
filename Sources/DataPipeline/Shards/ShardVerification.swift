/// One thing that is wrong with a data set.
public struct ShardFault: Sendable, Equatable, CustomStringConvertible {
  public let shard: String
  /// Nil when the fault is not one of a single clip; likewise `dataset`.
  public let clip: String?
  public let dataset: String?
  public let message: String

  public var description: String { message }
}

/// Reads every value of a folder of shards (tracks or latents) or one file, and lists all that is
/// wrong.
/// - Parameter progress: called with (rows read, rows so far known, shard).
/// - Returns: no faults for a sound data set.
public func verify(
  _ path: String, progress: (_ done: Int, _ total: Int, _ shard: String) -> Void = { _, _, _ in }
) -> [ShardFault] {
  var faults: [ShardFault] = []
  func note(_ error: any Error, shard: String, clip: String? = nil, dataset: String? = nil) {
    let message = (error as? DataError)?.message ?? "\(shard): \(error)"
    faults.append(ShardFault(shard: shard, clip: clip, dataset: dataset, message: message))
  }
  let paths: [String]
  do { paths = try shardPaths(at: path) } catch {
    note(error, shard: path)
    return faults
  }
  let schema = isLatents(paths) ? ShardSchema.latents : .tracks
  var files: [ShardFile] = []
  for path in paths {
    do { files.append(try ShardFile(path: path, schema: schema)) } catch {
      note(error, shard: path)
    }
  }
  for file in files {
    if let error = disagreement(of: file.header, at: file.path, with: files[0]) {
      note(error, shard: file.path)
    }
  }
  for error in duplicates(in: files) { note(error, shard: path, dataset: "id") }
  let places = files.indices.flatMap { file in (0..<files[file].rows).map { (file, $0) } }
  let sound = files
  inOrder(places.count) { number in
    let (file, row) = (sound[places[number].0], places[number].1)
    return file.columns.compactMap { column -> (any Error, String)? in
      do {
        _ = try file.read([column.name], row: row)
        return nil
      } catch { return (error, column.name) }
    }
  } use: { number, result in
    let file = sound[places[number].0]
    for (error, dataset) in (try? result.get()) ?? [] {
      note(error, shard: file.path, clip: file.ids[places[number].1], dataset: dataset)
    }
    progress(number + 1, places.count, file.path)
    return true
  }
  return faults
}

/// Whether the first file that can be opened says that it holds latents.
private func isLatents(_ paths: [String]) -> Bool {
  for path in paths {
    let format = try? HDF5.serialized { try HDF5File(reading: path).attribute("format") }
    if let format { return format == .text(ShardSchema.latents.format) }
  }
  return false
}
