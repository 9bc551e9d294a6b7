extension SceneTimeline {
  /// The first `history` frames at a quarter of the size: [history, H/4, W/4, 3], RGB. Each pixel
  /// shows the surface under the middle of its 4 x 4 block.
  func render(history: Int) -> [UInt8] {
    let (height, width) = (geometry.height / 4, geometry.width / 4)
    let texture = Texture(seed: scene.textureSeed)
    var video = [UInt8](repeating: 0, count: history * height * width * 3)
    for frame in 0..<history {
      let base = frame * height * width
      for y in 0..<height {
        for x in 0..<width {
          let screen = SIMD2(4 * Float(x) + 1.5, 4 * Float(y) + 1.5)
          let world = views[frame].unproject(screen, parallax: 1)
          paint(
            scene.background, texture.sample(world), contrast: 0.3, at: base + y * width + x, &video
          )
        }
      }
      for object in scene.objects.indices {
        let bounds = screenBounds(object: object, frame: frame)
        for y in bounds.y.clamped(to: 0..<height) {
          for x in bounds.x.clamped(to: 0..<width) {
            let screen = SIMD2(4 * Float(x) + 1.5, 4 * Float(y) + 1.5)
            let point = local(screen, object: object, frame: frame)
            guard scene.objects[object].shape.contains(point.x, point.y) else { continue }
            // Each object shows another part of the texture, at a finer scale.
            let shade = texture.sample(2 * point + SIMD2(repeating: 97 * Float(object + 1)))
            paint(
              scene.objects[object].colour, shade, contrast: 0.45, at: base + y * width + x, &video)
          }
        }
      }
    }
    return video
  }

  /// The pixels of the small frame that an object can touch.
  private func screenBounds(object: Int, frame: Int) -> (x: Range<Int>, y: Range<Int>) {
    let (pose, view, item) = (poses[object][frame], views[frame], scene.objects[object])
    let middle = view.project(SIMD2(pose.x, pose.y), parallax: item.parallax)
    let zoom = (view.cosine * view.cosine + view.sine * view.sine).squareRoot()
    let reach = item.shape.reach * zoom + 4
    func range(_ centre: Float) -> Range<Int> {
      let low = Int(((centre - reach) / 4).rounded(.down))
      return low..<max(low, Int(((centre + reach) / 4).rounded(.up)) + 1)
    }
    return (range(middle.x), range(middle.y))
  }
}

private func paint(
  _ colour: Scene.Colour, _ shade: Float, contrast: Float, at pixel: Int, _ video: inout [UInt8]
) {
  let value = colour.rgb * (1 + contrast * shade)
  for channel in 0..<3 {
    video[3 * pixel + channel] = UInt8(max(0, min(255, value[channel])))
  }
}
