extension SceneTimeline {
  /// Such as "Two red discs and a blue triangle bounce, and a green strip bends and drifts over a
  /// white background while the camera pans left." Told from the history alone, so it is the same
  /// for all futures.
  var caption: String {
    // Objects that do the same share a clause; those that look the same too are counted.
    var clauses: [(verbs: [Verb], nouns: [(name: String, count: Int)])] = []
    for (index, object) in scene.objects.enumerated() {
      let verbs = verbs(object: index)
      let name = "\(object.colour.name) \(object.shape.kind.rawValue)"
      let clause = clauses.firstIndex { $0.verbs == verbs } ?? clauses.count
      if clause == clauses.count { clauses.append((verbs, [])) }
      if let noun = clauses[clause].nouns.firstIndex(where: { $0.name == name }) {
        clauses[clause].nouns[noun].count += 1
      } else {
        clauses[clause].nouns.append((name, 1))
      }
    }
    let phrases = clauses.map { verbs, nouns in
      let isOne = nouns.count == 1 && nouns[0].count == 1
      let subject = listed(nouns.map { counted($0.name, $0.count) })
      return subject + " " + listed(verbs.map { isOne ? $0.rawValue + "s" : $0.rawValue })
    }
    let list =
      phrases.count == 1
      ? phrases[0] : phrases.dropLast().joined(separator: ", ") + ", and " + phrases.last!
    let text =
      "\(list) over \(counted(scene.background.name, 1)) background while the camera "
      + "\(listed(scene.camera.actions))."
    return text.prefix(1).uppercased() + text.dropFirst()
  }

  /// What an object is seen to do.
  enum Verb: String, CaseIterable {
    case bend, bounce, fall, rise, drift, sway, swing, spin
  }

  /// Its bend, then its path over the history, then its spin; one or two of them, for a third would
  /// say little.
  func verbs(object index: Int) -> [Verb] {
    let object = scene.objects[index]
    let path = paths[index]
    let way: Verb
    switch object.motion.law {
    case .sway: way = .sway
    case .swing: way = .swing
    case .free where path.historyBounces > 0: way = .bounce
    case .free(let gravity, _, _) where gravity > 0:
      way = path.poses[history - 1].position.y < path.poses[0].position.y ? .rise : .fall
    case .free: way = .drift
    }
    let verbs =
      (object.bend == nil ? [] : [.bend]) + [way] + (object.motion.spin == 0 ? [] : [.spin])
    return Array(verbs.prefix(2))
  }
}

extension Camera {
  /// Verbs in the third person. A camera that pans left moves left, and what it sees moves right.
  var actions: [String] {
    var actions: [String] = []
    if velocity != .zero {
      let isLevel = abs(velocity.x) > abs(velocity.y)
      let way = isLevel ? (velocity.x > 0 ? "right" : "left") : velocity.y > 0 ? "down" : "up"
      actions.append("pans \(way)")
    }
    if zoomRate != 0 { actions.append(zoomRate > 0 ? "zooms in" : "zooms out") }
    if rollRate != 0 { actions.append("rolls") }
    return actions.isEmpty ? ["stands still"] : actions
  }
}

/// "a", "a and b", "a, b and c".
private func listed(_ items: [String]) -> String {
  items.count == 1 ? items[0] : items.dropLast().joined(separator: ", ") + " and " + items.last!
}

/// "a red disc", "an orange disc", "two red discs".
private func counted(_ noun: String, _ count: Int) -> String {
  guard count > 1 else { return ("aeiou".contains(noun.first!) ? "an " : "a ") + noun }
  return ["two", "three", "four", "five", "six"][count - 2] + " \(noun)s"
}
