import Autograd
import DataPipeline
import Foundation
import Training

/// The files that a drawn future is written as.
enum PredictionFormat: String, CaseIterable {
  case npy, wanmove, comfy, csv

  /// The formats of a list such as `wanmove,csv`; `npy` is always one of them: `eval` and `render`
  /// read it.
  /// - Throws: `ConfigError` for a name that is none.
  static func list(_ text: String?) throws -> Set<PredictionFormat> {
    guard let text else { return [.npy] }
    let names = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    return try names.reduce(into: [.npy]) { formats, name in
      guard let format = PredictionFormat(rawValue: name) else {
        let known = allCases.map(\.rawValue)
        throw ConfigError(
          key: "--format",
          problem: "expected a list of \(known.joined(separator: ", ")), found \"\(name)\""
            + (nearestName(to: name, among: known).map { "; did you mean \($0)?" } ?? ""))
      }
      formats.insert(format)
    }
  }
}

extension ClipFiles {
  /// Writes one future in each of the formats.
  /// - Parameter place: a folder of the clip's folder, with a slash at its end; or empty.
  func save(
    _ future: PredictedFuture, as formats: Set<PredictionFormat>, in place: String,
    _ geometry: GridGeometry
  ) throws {
    for format in PredictionFormat.allCases where formats.contains(format) {
      switch format {
      case .npy: try savePublished(future, place)
      case .wanmove: try saveWanMove(future, place)
      case .comfy: try save(Data(comfyTracks(future).utf8), "\(place)comfy_tracks.json")
      case .csv: try save(Data(csv(future, geometry).utf8), "\(place)tracks.csv")
      }
    }
  }

  /// The layout of zewei-Zhang/TrajLoom's predictions, and the probabilities beside it.
  private func savePublished(_ future: PredictedFuture, _ place: String) throws {
    let shape = [future.frames, future.points]
    try save("\(place)pred_tracks.npy", future.positions, shape + [2])
    try save("\(place)pred_visibility_prob.npy", future.probability, shape)
    try save("\(place)pred_visibility.npy", future.isVisible.map { $0 ? UInt8(1) : 0 }, shape)
  }

  /// What `generate.py --track --track_visibility` of ali-vilab/Wan-Move loads, named as in its
  /// MoveBench: float32 [1, T, N, 2], (x, y) in pixels of the image, and bool [1, T, N]
  /// (`wan/wan_move.py`, `WanMove.generate`). Its image is the frame of the first row, here the first
  /// frame of the future; it reads 81 frames.
  private func saveWanMove(_ future: PredictedFuture, _ place: String) throws {
    let shape = [1, future.frames, future.points]
    try save("\(place)wanmove_tracks.npy", future.positions, shape + [2])
    try save("\(place)wanmove_visibility.npy", future.isVisible, shape)
  }
}

/// The JSON that ComfyUI's nodes take as a text: a list of tracks, each a list of `{"x", "y"}` per
/// frame, in pixels of the picture (`parse_json_tracks` in comfy_extras/nodes_wan.py of
/// comfyanonymous/ComfyUI, read by WanTrackToVideo, which is ATI, and by WanMoveTracksFromCoords).
/// They know no visibility of single points, so the list has none; every track is of full length, as
/// the latter demands.
private func comfyTracks(_ future: PredictedFuture) -> String {
  let tracks = (0..<future.points).map { point in
    (0..<future.frames).map { frame in
      let index = 2 * (frame * future.points + point)
      return "{\"x\": \(future.positions[index]), \"y\": \(future.positions[index + 1])}"
    }.joined(separator: ", ")
  }
  return "[\n[" + tracks.joined(separator: "],\n[") + "]\n]\n"
}

/// A table for people and their plotting programs, RFC 4180 without quotes. `frame` counts from the
/// start of the clip, so that the history is below its numbers; `point` counts row by row on the grid;
/// positions are pixels; `visible` is 0 or 1.
private func csv(_ future: PredictedFuture, _ geometry: GridGeometry) -> String {
  var text = "frame,point,query_x,query_y,x,y,visible,probability\n"
  for frame in 0..<future.frames {
    for point in 0..<future.points {
      let index = frame * future.points + point
      let query = geometry.queryPoint(cell: point)
      let (x, y) = (future.positions[2 * index], future.positions[2 * index + 1])
      text += "\(future.firstFrame + frame),\(point),\(Int(query.x)),\(Int(query.y)),\(x),\(y),"
      text += "\(future.isVisible[index] ? 1 : 0),\(future.probability[index])\n"
    }
  }
  return text
}
