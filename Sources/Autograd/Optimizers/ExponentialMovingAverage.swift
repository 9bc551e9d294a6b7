/// A running average of a model's parameters: average ← decay · average + (1 - decay) · parameter.
///
/// Keeps arrays of its own: a copied module would share its weights.
public struct ExponentialMovingAverage: Sendable {
  public let decay: Double
  /// Starts at small decays, min(decay, (1 + i) / (10 + i)) at the i-th update, so that early
  /// averages are not dominated by the initial weights.
  public let warmsUp: Bool
  public private(set) var updates = 0
  /// Averages by parameter name.
  public private(set) var averages: [String: NDArray]

  public init<M: Module>(of model: M, decay: Double, warmsUp: Bool = false) {
    self.decay = decay
    self.warmsUp = warmsUp
    averages = Dictionary(
      uniqueKeysWithValues: model.namedParameters().map {
        ($0.name, $0.parameter.wrappedValue.array)
      })
  }

  public mutating func update<M: Module>(_ model: M) {
    updates += 1
    let i = Double(updates)
    let decay = warmsUp ? min(decay, (1 + i) / (10 + i)) : decay
    for (name, parameter) in model.namedParameters() {
      var average = averages.removeValue(forKey: name)!
      let array = parameter.wrappedValue.array
      array.device.backend.movingAverage(&average, of: array, decay: decay)
      averages[name] = average
    }
  }

  /// Continues from saved averages.
  /// - Throws: `StateMismatch` when they are not those of the same model.
  public mutating func load(_ state: [String: NDArray], updates: Int) throws {
    var mismatch = StateMismatch()
    mismatch.missing = Set(averages.keys).subtracting(state.keys).sorted()
    mismatch.unknown = Set(state.keys).subtracting(averages.keys).sorted()
    mismatch.misshaped = averages.keys.sorted().compactMap { name in
      guard let found = state[name], found.shape != averages[name]!.shape else { return nil }
      return "\(name) (expected \(averages[name]!.shape), found \(found.shape))"
    }
    guard mismatch.isEmpty else { throw mismatch }
    averages = state
    self.updates = updates
  }
}
