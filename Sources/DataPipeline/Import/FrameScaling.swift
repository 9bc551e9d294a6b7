/// RGB frames brought to another size, each pixel the mean of the area that it covers.
/// - Parameters:
///   - frames: [T, H, W, 3], or [T, 3, H, W]: the axis of three tells.
///   - geometry: the frames come out at a quarter of its size.
/// - Returns: [T, H/4, W/4, 3]; nil for another shape.
func scaledFrames(_ frames: NPYArray, geometry: GridGeometry) -> [UInt8]? {
  guard frames.shape.count == 4, frames.shape.allSatisfy({ $0 > 0 }) else { return nil }
  let isChannelFirst = frames.shape[1] == 3 && frames.shape[3] != 3
  guard isChannelFirst || frames.shape[3] == 3 else { return nil }
  let (count, height, width) = (
    frames.shape[0], frames.shape[isChannelFirst ? 2 : 1], frames.shape[isChannelFirst ? 3 : 2]
  )
  let rows = AreaWeights(from: height, to: geometry.height / 4)
  let columns = AreaWeights(from: width, to: geometry.width / 4)
  let pixels = frames.scalars
  // In elements: from one pixel to the next along each axis, and between the channels.
  let (down, right, channel) = isChannelFirst ? (width, 1, height * width) : (width * 3, 3, 1)
  var result: [UInt8] = []
  result.reserveCapacity(count * rows.spans.count * columns.spans.count * 3)
  for frame in 0..<count {
    let base = frame * height * width * 3
    for row in rows.spans {
      for column in columns.spans {
        for c in 0..<3 {
          var sum: Float = 0
          for (y, a) in row {
            for (x, b) in column {
              sum += a * b * pixels[base + y * down + x * right + c * channel]
            }
          }
          result.append(UInt8(max(0, min(255, sum.rounded()))))
        }
      }
    }
  }
  return result
}

/// For each place of an axis that is brought to another length, the old places that it covers, and
/// their weights, which add up to 1.
private struct AreaWeights {
  let spans: [[(index: Int, weight: Float)]]

  init(from old: Int, to new: Int) {
    let scale = Double(old) / Double(new)
    spans = (0..<new).map { place in
      let (start, end) = (Double(place) * scale, Double(place + 1) * scale)
      let last = min(old - 1, Int(end.rounded(.up)) - 1)
      return (Int(start)...max(Int(start), last)).map { index in
        let covered = min(end, Double(index + 1)) - max(start, Double(index))
        return (index, Float(covered / scale))
      }
    }
  }
}
