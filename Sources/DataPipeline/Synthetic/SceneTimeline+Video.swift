extension SceneTimeline {
  /// The first `history` frames at a quarter of the size: [history, H/4, W/4, 3], RGB. Each pixel
  /// shows the surface under the middle of its 4 x 4 block.
  func render() -> [UInt8] {
    let pixels = (geometry.height / 4) * (geometry.width / 4)
    let size = history * pixels * 3
    return Texture(seed: scene.textureSeed).withSampler { texture in
      [UInt8](unsafeUninitializedCapacity: size) { video, initialized in
        for frame in 0..<history {
          let image = UnsafeMutableBufferPointer(
            rebasing: video[frame * pixels * 3..<(frame + 1) * pixels * 3])
          // Nearer surfaces come first and keep their pixels; the background takes the rest.
          var isPainted = [Bool](repeating: false, count: pixels)
          isPainted.withUnsafeMutableBufferPointer { isPainted in
            for surface in (0..<surfaces).reversed() {
              paint(surface, frame: frame, texture: texture, on: image, isPainted)
            }
          }
        }
        initialized = size
      }
    }
  }

  /// Paints the free pixels of an image [H/4, W/4, 3] that a surface covers, and marks them.
  private func paint(
    _ surface: Int, frame: Int, texture: Texture.Sampler,
    on image: UnsafeMutableBufferPointer<UInt8>, _ isPainted: UnsafeMutableBufferPointer<Bool>
  ) {
    let (height, width) = (geometry.height / 4, geometry.width / 4)
    let placement = placement(surface, frame: frame)
    let shape = surface == 0 ? nil : scene.objects[surface - 1].shape
    let rgb = (surface == 0 ? scene.background : scene.objects[surface - 1].colour).rgb
    // Each object shows another part of the texture, at a finer scale and more strongly.
    let (detail, contrast): (Float, Float) = surface == 0 ? (1, 0.3) : (2, 0.45)
    let shift = SIMD2<Float>(repeating: 97 * Float(surface))
    let middle = placement.map.shift
    for y in pixels(around: middle.y, placement.squaredReach).clamped(to: 0..<height) {
      let screenY = 4 * Float(y) + 1.5
      let halfChord = placement.squaredReach - (screenY - middle.y) * (screenY - middle.y)
      for x in pixels(around: middle.x, halfChord).clamped(to: 0..<width)
      where !isPainted[y * width + x] {
        let point = placement.material(atScreen: SIMD2(4 * Float(x) + 1.5, screenY))
        if let shape, !shape.contains(point) { continue }
        let value = rgb * (1 + contrast * texture.sample(detail * point + shift))
        let pixel = y * width + x
        isPainted[pixel] = true
        image[3 * pixel] = byte(value.x)
        image[3 * pixel + 1] = byte(value.y)
        image[3 * pixel + 2] = byte(value.z)
      }
    }
  }

  /// The rows or columns of the small frame within a distance, given as its square, of a place on
  /// the full frame; generously rounded.
  private func pixels(around middle: Float, _ squaredDistance: Float) -> Range<Int> {
    guard squaredDistance.isFinite else { return 0..<Int.max }
    let distance = max(0, squaredDistance).squareRoot()
    let low = Int((middle - distance) / 4) - 2
    return low..<Int((middle + distance) / 4) + 3
  }
}

/// Cut off to a whole number of 0...255.
private func byte(_ value: Float) -> UInt8 {
  UInt8(truncatingIfNeeded: max(0, min(255, Int32(value))))
}
