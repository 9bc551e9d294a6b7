import Foundation

/// Adam with decoupled weight decay (Loshchilov and Hutter, arXiv 1711.05101).
///
/// p ← p (1 - lr·decay) - lr · m̂ / (√v̂ + ε), with bias-corrected moments.
public struct AdamW: Sendable {
  public struct Moments: Sendable {
    public var first: NDArray
    public var second: NDArray
  }

  /// What one update needs beyond the arrays.
  package struct Step: Sendable {
    let learningRate, beta1, beta2, epsilon, weightDecay: Double
    /// 1 - beta1^t and 1 - beta2^t
    let correction1, correction2: Double
  }

  // In `Double`: 1 - 0.999 in `Float` is off by 5e-5 of itself.
  public let beta1: Double
  public let beta2: Double
  public let epsilon: Double
  public let weightDecay: Double
  /// Updates done so far.
  public private(set) var steps = 0
  /// Moments by parameter name; empty until a parameter's first update.
  public private(set) var moments: [String: Moments] = [:]

  public init(
    beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-8, weightDecay: Double
  ) {
    self.beta1 = beta1
    self.beta2 = beta2
    self.epsilon = epsilon
    self.weightDecay = weightDecay
  }

  /// Moves the parameters of `model` along `gradient`. A parameter without a gradient stays as it
  /// is.
  public mutating func update<M: Module>(
    _ model: M, along gradient: [String: NDArray], learningRate: Double
  ) {
    steps += 1
    let step = Step(
      learningRate: learningRate, beta1: beta1, beta2: beta2, epsilon: epsilon,
      weightDecay: weightDecay, correction1: 1 - pow(beta1, Double(steps)),
      correction2: 1 - pow(beta2, Double(steps)))
    model.updateParameters(along: gradient) { name, array, gradient in
      var own =
        moments.removeValue(forKey: name)
        ?? Moments(
          first: .zeros(array.shape, device: array.device),
          second: .zeros(array.shape, device: array.device))
      array.device.backend.adamW(&array, &own, gradient: gradient, step)
      moments[name] = own
    }
  }

  /// Everything that a resumed run needs, as arrays: `exp_avg.<name>` and `exp_avg_sq.<name>`.
  public func state() -> [String: NDArray] {
    var state: [String: NDArray] = [:]
    for (name, moments) in moments {
      state["exp_avg.\(name)"] = moments.first
      state["exp_avg_sq.\(name)"] = moments.second
    }
    return state
  }

  /// Continues from `state()` after `steps` updates of `model`.
  /// - Throws: `StateMismatch` for moments that are unknown, misshaped or half there.
  public mutating func load<M: Module>(
    _ state: [String: NDArray], steps: Int, for model: M
  ) throws {
    moments = try model.optimizerArrays(["exp_avg", "exp_avg_sq"], from: state)
      .mapValues { Moments(first: $0[0], second: $0[1]) }
    self.steps = steps
  }
}
