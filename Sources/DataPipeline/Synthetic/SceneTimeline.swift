/// A scene played over its frames: where each surface is, and what hides what. Surface 0 is the
/// background, 1... are the objects from far to near.
struct SceneTimeline: Sendable {
  /// Where a surface is on one frame. Its material coordinates are those of the unbent shape; of
  /// the background, the pixels of frame 0.
  struct Placement: Sendable {
    let map: Similarity
    let curve: Bend.Curve
    /// The square of the radius of a disc around `map.shift` on the screen that holds the surface,
    /// wherever it is bent.
    let squaredReach: Float

    func screen(ofMaterial p: SIMD2<Float>) -> SIMD2<Float> { map.apply(curve.bend(p)) }
    func material(atScreen p: SIMD2<Float>) -> SIMD2<Float> { curve.unbend(map.invert(p)) }
  }

  let geometry: GridGeometry
  let frames: Int
  /// Frames of the history.
  let history: Int
  let scene: Scene
  let views: [Camera.View]
  /// One per object.
  let paths: [Motion.Path]
  /// [frames, surfaces].
  let placements: [Placement]

  var surfaces: Int { scene.objects.count + 1 }

  /// Plays scene `number` with one of its futures.
  init(config: SyntheticConfig, scene number: Int, future: Int) {
    let scene = Scene(config: config, scene: number)
    let (frames, history) = (config.frames, config.history)
    views = scene.camera.views(frames: frames, geometry: config.geometry)
    paths = scene.objects.enumerated().map { index, object in
      func incidents(part: Int, _ frames: Range<Int>) -> Incidents {
        Incidents(
          seed: config.seed, scene: number, object: index, part: part, frames: frames,
          unrest: scene.unrest, scale: config.scale)
      }
      return object.motion.path(
        frames: frames, history: history, extent: config.extent,
        past: incidents(part: 0, 0..<history),
        future: incidents(part: 1 + future, history..<frames))
    }
    var placements: [Placement] = []
    placements.reserveCapacity(frames * (scene.objects.count + 1))
    for (frame, view) in views.enumerated() {
      placements.append(
        Placement(
          map: view.place(.origin, parallax: 1), curve: .straight, squaredReach: .infinity))
      for (object, path) in zip(scene.objects, paths) {
        let map = view.place(path.poses[frame], parallax: object.parallax)
        let reach = map.zoom * (object.shape.reach + (object.bend?.amplitude ?? 0))
        placements.append(
          Placement(
            map: map,
            curve: object.bend?.curve(frame: frame, halfLength: object.shape.halfLength)
              ?? .straight,
            squaredReach: reach * reach))
      }
    }
    self.placements = placements
    self.scene = scene
    self.frames = frames
    self.history = history
    geometry = config.geometry
  }

  func placement(_ surface: Int, frame: Int) -> Placement { placements[frame * surfaces + surface] }

  /// The nearest surface under a point of the screen.
  func surface(at screen: SIMD2<Float>, frame: Int) -> Int {
    (1..<surfaces).last { covers(screen, surface: $0, frame: frame) } ?? 0
  }

  /// Exact tracks of the query points: each sticks to the surface that is nearest on frame 0.
  /// - Returns: tracks [T, Hc, Wc, 2] in pixels, visibility [T, Hc, Wc], surfaces [Hc, Wc].
  func track() -> (tracks: [Float], visibility: [UInt8], objectID: [Int32]) {
    let count = geometry.count
    let queries = (0..<count).map { point in
      let query = geometry.queryPoint(cell: point)
      return SIMD2(query.x, query.y)
    }
    let owners = queries.map { surface(at: $0, frame: 0) }
    let anchors = zip(queries, owners).map { placement($1, frame: 0).material(atScreen: $0) }
    var tracks = [Float](repeating: 0, count: frames * count * 2)
    var visibility = [UInt8](repeating: 0, count: frames * count)
    for frame in 0..<frames {
      for point in 0..<count {
        let owner = owners[point]
        // Frame 0 is the query point itself, free of rounding.
        let screen =
          frame == 0
          ? queries[point] : placement(owner, frame: frame).screen(ofMaterial: anchors[point])
        let index = frame * count + point
        tracks[2 * index] = screen.x
        tracks[2 * index + 1] = screen.y
        let isSeen =
          geometry.contains(x: screen.x, y: screen.y)
          && !(owner + 1..<surfaces).contains { covers(screen, surface: $0, frame: frame) }
        visibility[index] = isSeen ? 1 : 0
      }
    }
    return (tracks, visibility, owners.map { Int32($0) })
  }

  /// Whether an object lies under a point of the screen.
  private func covers(_ screen: SIMD2<Float>, surface: Int, frame: Int) -> Bool {
    let placement = placement(surface, frame: frame)
    // Most points are far away: one comparison decides.
    let d = screen - placement.map.shift
    return d.x * d.x + d.y * d.y <= placement.squaredReach
      && scene.objects[surface - 1].shape.contains(placement.material(atScreen: screen))
  }
}
