import Autograd

/// A seamless grey texture with detail at several scales, repeated over the plane.
struct Texture: Sendable {
  private static let size = 128
  /// [size, size], from -1 to 1.
  private let values: [Float]

  init(seed: UInt32) {
    let size = Texture.size
    var values = [Float](repeating: 0, count: size * size)
    for (octave, cells) in [4, 16, 64].enumerated() {
      let lattice = Philox(seed: UInt64(seed), stream: "texture").uniform(
        cells * cells, step: octave)
      let amplitude: Float = [0.5, 0.3, 0.2][octave]
      for y in 0..<size {
        for x in 0..<size {
          let value = bilinear(
            lattice, size: cells, Float(x * cells) / Float(size), Float(y * cells) / Float(size))
          values[y * size + x] += amplitude * (2 * value - 1)
        }
      }
    }
    self.values = values
  }

  /// The value at a point of the plane, in texels of 4 pixels.
  func sample(_ point: SIMD2<Float>) -> Float {
    bilinear(values, size: Texture.size, point.x / 4, point.y / 4)
  }
}

/// Interpolates a periodic table whose size is a power of two.
private func bilinear(_ table: [Float], size: Int, _ x: Float, _ y: Float) -> Float {
  let (fx, fy) = (x.rounded(.down), y.rounded(.down))
  let (a, b) = (x - fx, y - fy)
  let mask = size - 1
  let (x0, y0) = (Int(fx) & mask, Int(fy) & mask)
  let (x1, y1) = ((x0 + 1) & mask, (y0 + 1) & mask)
  let top = table[y0 * size + x0] * (1 - a) + table[y0 * size + x1] * a
  let bottom = table[y1 * size + x0] * (1 - a) + table[y1 * size + x1] * a
  return top * (1 - b) + bottom * b
}
