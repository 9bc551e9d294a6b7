import Autograd

/// What befalls an object by chance during one part of a clip, its history or one of its futures:
/// sudden pushes, and how lively and how straight it leaves the edges of the frame.
struct Incidents: Sendable {
  struct Push: Sendable, Equatable {
    var frame: Int
    /// The velocity that the object gains at that frame, pixels per frame.
    var gain: SIMD2<Float>
  }

  /// One or two in every part that has frames.
  let pushes: [Push]
  private let unrest: Float
  private let random: Philox
  private let sample: Int
  private let part: Int

  /// - Parameters:
  ///   - object: its number in the scene.
  ///   - part: 0 for the history, 1... for the futures.
  ///   - frames: of this part.
  ///   - unrest: of the scene, from 0 to 1.
  ///   - scale: pixels of this frame per pixel of a frame of 480 x 832.
  init(
    seed: UInt64, scene: Int, object: Int, part: Int, frames: Range<Int>, unrest: Float,
    scale: Float
  ) {
    let u = Philox(seed: seed, stream: "synthetic pushes \(object)").uniform(
      8, step: part, sample: scene)
    func push(_ u: ArraySlice<Float>, within share: Float) -> Push {
      let i = u.startIndex
      return Push(
        frame: frames.lowerBound + Int(share * u[i] * Float(frames.count)),
        gain: scale * unrest * (0.5 + 1.5 * u[i + 1])
          * PortableMath.direction(2 * Float.pi * u[i + 2]))
    }
    // One early on, so that futures part soon.
    let all = [push(u[1..<4], within: 0.5)] + (u[0] < 0.5 ? [push(u[4..<7], within: 1)] : [])
    pushes = frames.isEmpty ? [] : all
    self.unrest = unrest
    random = Philox(seed: seed, stream: "synthetic bounces \(object)")
    sample = scene
    self.part = part
  }

  /// How bounce `number` of this part departs from a plain one: a factor of the speed and a turn of
  /// the path in radians.
  func bounce(_ number: Int) -> (liveliness: Float, turn: Float) {
    let words = random.words(step: part, sample: sample, index: number)
    let (u, v) = (Float(words.x >> 8) * 0x1p-24, Float(words.y >> 8) * 0x1p-24)
    return (1 + unrest * (0.7 * u - 0.5), unrest * 1.6 * (v - 0.5))
  }
}
