import Autograd
import Training

/// On-policy K-step fine-tuning (arXiv 2603.22606, section 3.3.3): the model is trained at the
/// states that its own Euler steps visit.
public struct OnPolicyConfig: Codable, Sendable, Equatable {
  public enum EndpointTarget: String, ConfigChoice {
    /// Consecutive implied endpoints agree; the earlier one is held fixed.
    case previous
    /// Every implied endpoint is the data.
    case z1
  }

  /// K, the length of the rollout.
  public var opSteps: Int
  public var lambdaRoll: Double
  public var lambdaEnd: Double
  public var endpointTarget: EndpointTarget
  /// The share of the batch that is rolled out.
  public var opBatchFraction: Double

  public init(
    opSteps: Int, lambdaRoll: Double, lambdaEnd: Double, endpointTarget: EndpointTarget,
    opBatchFraction: Double
  ) {
    self.opSteps = opSteps
    self.lambdaRoll = lambdaRoll
    self.lambdaEnd = lambdaEnd
    self.endpointTarget = endpointTarget
    self.opBatchFraction = opBatchFraction
  }

  /// Evenly spaced times t_0 = 0, ..., t_K = 1.
  var times: [Float] { (0...opSteps).map { Float($0) / Float(opSteps) } }
}

/// A detached rollout and the terms trained on it.
public struct OnPolicyRollout {
  /// 1/K Σ_k FM(v_k, u_k) with targets u_k = (z_1 - z_k) / (1 - t_k); of a generator that predicts
  /// endpoints, times (1 - t_k)² as its flow-matching loss.
  public let roll: Tensor
  /// 1/(K-1) Σ_k FM(ẑ_k, sg ẑ_{k-1}), with ẑ_k = z_k + (1 - t_k) v_k; zero when K is 1.
  public let endpointPrevious: Tensor
  /// 1/K Σ_k FM(ẑ_k, z_1)
  public let endpointData: Tensor
  /// z_0 ... z_{K-1}, and the state after the last step.
  public let states: [NDArray]
  public let velocities: [NDArray]
  public let targets: [NDArray]
  public let endpoints: [NDArray]

  public func endpoint(_ target: OnPolicyConfig.EndpointTarget) -> Tensor {
    target == .previous ? endpointPrevious : endpointData
  }

  /// Rolls `model` out from `source` along `times`; gradients flow through each velocity, not
  /// through the states.
  ///
  /// - Parameters:
  ///   - source: z_0, [B, L, N, C]; `data` is z_1.
  ///   - times: t_0 < ... < t_K, every t_k with k < K below 1.
  ///   - weights: token weights, [B, L, N].
  public init(
    _ model: TrajectoryDiT, _ context: FlowContext, source: NDArray, data: NDArray,
    times: [Float], weights: NDArray
  ) {
    let count = times.count - 1
    precondition(
      count >= 1 && zip(times, times.dropFirst()).allSatisfy(<) && times[count - 1] < 1,
      "rollout: times \(times) must increase, and all but the last be below 1")
    let batch = source.shape[0]
    var states = [source]
    var velocities: [Tensor] = []
    var targets: [NDArray] = []
    var endpoints: [Tensor] = []
    for k in 0..<count {
      let z = Tensor(states[k])
      let v = model.velocity(z, time: [Float](repeating: times[k], count: batch), context)
      let remaining = 1 - times[k]
      targets.append(((Tensor(data) - z) / remaining).array)
      endpoints.append(z + remaining * v)
      velocities.append(v)
      states.append((z + (times[k + 1] - times[k]) * v.detached).array)
    }
    func mean(_ terms: [Tensor]) -> Tensor {
      guard let first = terms.first else { return Tensor(NDArray(0, device: source.device)) }
      return terms.dropFirst().reduce(first, +) / Float(terms.count)
    }
    roll = mean(
      velocities.indices.map { k in
        let time = [Float](repeating: times[k], count: batch)
        return RectifiedFlow.loss(
          velocities[k], target: Tensor(targets[k]),
          weights: model.config.prediction == .endpoint
            ? RectifiedFlow.endpointWeights(weights, time) : weights)
      })
    endpointData = mean(
      endpoints.map { RectifiedFlow.loss($0, target: Tensor(data), weights: weights) })
    endpointPrevious = mean(
      zip(endpoints, endpoints.dropFirst()).map { earlier, later in
        RectifiedFlow.loss(later, target: earlier.detached, weights: weights)
      })
    self.states = states
    self.velocities = velocities.map(\.array)
    self.targets = targets
    self.endpoints = endpoints.map(\.array)
  }
}
