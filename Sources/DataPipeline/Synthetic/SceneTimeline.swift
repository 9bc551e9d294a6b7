/// A scene played over its frames: where each surface is, and what hides what.
struct SceneTimeline: Sendable {
  let geometry: GridGeometry
  let scene: Scene
  let views: [Camera.View]
  /// [object][frame], in world coordinates.
  let poses: [[Pose]]

  init(scene: Scene, config: SyntheticConfig) {
    self.scene = scene
    geometry = config.geometry
    views = scene.camera.views(frames: config.frames, geometry: geometry)
    let extent = SIMD2(Float(geometry.width), Float(geometry.height))
    poses = scene.objects.map { object in
      object.motion.poses(
        frames: config.frames, extent: extent, kickFrame: config.history, kick: object.kick)
    }
  }

  /// A point of the screen in an object's own coordinates.
  func local(_ screen: SIMD2<Float>, object: Int, frame: Int) -> SIMD2<Float> {
    let pose = poses[object][frame]
    let world = views[frame].unproject(screen, parallax: scene.objects[object].parallax)
    let (dx, dy) = (world.x - pose.x, world.y - pose.y)
    return SIMD2(pose.cosine * dx + pose.sine * dy, pose.cosine * dy - pose.sine * dx)
  }

  /// The nearest surface under a point of the screen: an object, or nil for the background.
  func surface(at screen: SIMD2<Float>, frame: Int) -> Int? {
    scene.objects.indices.reversed().first { covers(screen, object: $0, frame: frame) }
  }

  /// Exact tracks of the query points: each sticks to the surface that is nearest on frame 0.
  /// - Returns: tracks [T, Hc, Wc, 2] in pixels, visibility [T, Hc, Wc], surfaces [Hc, Wc] (0 the
  ///   background, 1... the objects from far to near).
  func track() -> (tracks: [Float], visibility: [UInt8], objectID: [Int32]) {
    let count = geometry.count
    var tracks = [Float](repeating: 0, count: views.count * count * 2)
    var visibility = [UInt8](repeating: 0, count: views.count * count)
    var objectID = [Int32](repeating: 0, count: count)
    for point in 0..<count {
      let query = geometry.queryPoint(
        row: point / geometry.columns, column: point % geometry.columns)
      let start = SIMD2(query.x, query.y)
      let owner = surface(at: start, frame: 0)
      objectID[point] = Int32((owner ?? -1) + 1)
      let anchor = owner.map { local(start, object: $0, frame: 0) } ?? start
      for frame in views.indices {
        var world = anchor
        if let owner {
          let pose = poses[owner][frame]
          world = SIMD2(
            pose.x + pose.cosine * anchor.x - pose.sine * anchor.y,
            pose.y + pose.sine * anchor.x + pose.cosine * anchor.y)
        }
        let parallax = owner.map { scene.objects[$0].parallax } ?? 1
        // Frame 0 is the query point itself, free of rounding.
        let screen = frame == 0 ? start : views[frame].project(world, parallax: parallax)
        let index = frame * count + point
        tracks[2 * index] = screen.x
        tracks[2 * index + 1] = screen.y
        let nearer = (owner ?? -1) + 1..<scene.objects.count
        let isSeen =
          geometry.contains(x: screen.x, y: screen.y)
          && !nearer.contains { covers(screen, object: $0, frame: frame) }
        visibility[index] = isSeen ? 1 : 0
      }
    }
    return (tracks, visibility, objectID)
  }

  private func covers(_ screen: SIMD2<Float>, object: Int, frame: Int) -> Bool {
    let point = local(screen, object: object, frame: frame)
    let shape = scene.objects[object].shape
    // Most points are far away: one comparison decides.
    let reach = shape.reach
    return point.x * point.x + point.y * point.y <= reach * reach
      && shape.contains(point.x, point.y)
  }
}
