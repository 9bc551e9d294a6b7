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
      lattice.withUnsafeBufferPointer { lattice in
        for y in 0..<size {
          for x in 0..<size {
            let value = bilinear(
              lattice, size: cells, Float(x * cells) / Float(size), Float(y * cells) / Float(size))
            values[y * size + x] += amplitude * (2 * value - 1)
          }
        }
      }
    }
    self.values = values
  }

  /// Gives `body` the way to sample the texture.
  func withSampler<Result>(_ body: (Sampler) -> Result) -> Result {
    values.withUnsafeBufferPointer { body(Sampler(values: $0)) }
  }

  /// Reads the texture; valid while `withSampler` runs.
  struct Sampler {
    fileprivate let values: UnsafeBufferPointer<Float>

    /// The value at a point of the plane, in texels of 4 pixels.
    func sample(_ point: SIMD2<Float>) -> Float {
      bilinear(values, size: Texture.size, 0.25 * point.x, 0.25 * point.y)
    }
  }
}

/// Interpolates a periodic table whose size is a power of two. Inlined: this is the inner loop of
/// the video.
@inline(__always)
private func bilinear(_ table: UnsafeBufferPointer<Float>, size: Int, _ x: Float, _ y: Float)
  -> Float
{
  let (column, row) = (floor(x), floor(y))
  let (a, b) = (x - Float(column), y - Float(row))
  let mask = size - 1
  let (x0, y0) = (column & mask, (row & mask) * size)
  let (x1, y1) = ((column + 1) & mask, ((row + 1) & mask) * size)
  let top = table[y0 + x0] * (1 - a) + table[y0 + x1] * a
  let bottom = table[y1 + x0] * (1 - a) + table[y1 + x1] * a
  return top * (1 - b) + bottom * b
}

/// The whole number below; `rounded(.down)` is a call into the C library on plain x86-64.
private func floor(_ x: Float) -> Int {
  let whole = Int(x)
  return Float(whole) > x ? whole - 1 : whole
}
