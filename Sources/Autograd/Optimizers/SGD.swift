/// Stochastic gradient descent with momentum, as PyTorch's `SGD` without dampening.
///
/// g ← gradient + decay · p;  v ← momentum · v + g;  p ← p - lr · v, or p - lr · (g + momentum · v)
/// with Nesterov's momentum (Sutskever et al., ICML 2013).
public struct SGD: Sendable {
  /// What one update needs beyond the arrays.
  package struct Step: Sendable {
    let learningRate, momentum, weightDecay: Double
    let nesterov: Bool
  }

  public let momentum: Double
  public let nesterov: Bool
  public let weightDecay: Double
  /// Velocities by parameter name; empty until a parameter's first update, and without momentum.
  public private(set) var velocities: [String: NDArray] = [:]

  /// - Precondition: Nesterov's momentum needs a momentum.
  public init(momentum: Double = 0, nesterov: Bool = false, weightDecay: Double = 0) {
    precondition(
      momentum >= 0 && (momentum > 0 || !nesterov),
      "SGD: momentum \(momentum), nesterov \(nesterov)")
    self.momentum = momentum
    self.nesterov = nesterov
    self.weightDecay = weightDecay
  }

  /// Moves the parameters of `model` along `gradient`. A parameter without a gradient stays as it
  /// is.
  public mutating func update<M: Module>(
    _ model: M, along gradient: [String: NDArray], learningRate: Double
  ) {
    let step = Step(
      learningRate: learningRate, momentum: momentum, weightDecay: weightDecay, nesterov: nesterov)
    model.updateParameters(along: gradient) { name, array, gradient in
      var velocity = velocities.removeValue(forKey: name)
      if momentum > 0, velocity == nil { velocity = .zeros(array.shape, device: array.device) }
      array.device.backend.sgd(&array, &velocity, gradient: gradient, step)
      velocities[name] = velocity
    }
  }

  /// Everything that a resumed run needs, as arrays: `momentum_buffer.<name>`.
  public func state() -> [String: NDArray] {
    Dictionary(uniqueKeysWithValues: velocities.map { ("momentum_buffer.\($0)", $1) })
  }

  /// Continues from `state()`.
  /// - Throws: `StateMismatch` for velocities that are unknown or misshaped.
  public mutating func load<M: Module>(_ state: [String: NDArray], for model: M) throws {
    velocities = try model.optimizerArrays(["momentum_buffer"], from: state).mapValues { $0[0] }
  }
}
