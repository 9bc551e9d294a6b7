import Autograd

/// The weights of the VAE's loss terms and the reading of the two consistency terms
/// (arXiv 2603.22606, section 3.2: total = rec + β KL + λ_v velocity + λ_n neighbours).
public struct VAELossConfig: Codable, Sendable, Equatable {
  public var velLambda: Double
  public var neighborLambda: Double
  /// Whether a hop of the neighbour term spans a cell or a pixel.
  public var neighborHopUnit: GridFieldLoss.HopUnit
  public var pairCost: PairCost

  public init(
    velLambda: Double = 0.1, neighborLambda: Double = 0.2,
    neighborHopUnit: GridFieldLoss.HopUnit = .cell, pairCost: PairCost = .l1
  ) {
    self.velLambda = velLambda
    self.neighborLambda = neighborLambda
    self.neighborHopUnit = neighborHopUnit
    self.pairCost = pairCost
  }
}

/// The terms of one evaluation, unweighted batch means.
public struct VAELossTerms: Sendable {
  public let reconstruction: Float
  public let kl: Float
  public let velocity: Float
  public let neighbor: Float
}

extension TrajectoryVAE {
  /// The training loss of a batch of segments.
  ///
  /// - Parameters:
  ///   - points: absolute normalised coordinates, [B, T, N, 2]; finite everywhere, whatever the
  ///     mask.
  ///   - visibility: 0 or 1, [B, T, N]; masks every term but the KL.
  ///   - noise: draws from N(0, 1) for the posterior sample, [B, L, N, C].
  public func loss(
    points: NDArray, visibility: NDArray, noise: NDArray, _ loss: VAELossConfig
  ) -> (total: Tensor, terms: VAELossTerms) {
    self.loss(
      of: encode(points), points: points, visibility: visibility, noise: noise, loss)
  }

  /// The same, of a posterior that is known already.
  func loss(
    of posterior: Posterior, points: NDArray, visibility: NDArray, noise: NDArray,
    _ loss: VAELossConfig
  ) -> (total: Tensor, terms: VAELossTerms) {
    let kl = gaussianKL(mean: posterior.mean, scale: posterior.scale).mean()
    let device = points.device
    let offsets = (Tensor(points) - Tensor(anchor.origin.on(device))).array
    let (field, terms) = gridFieldLoss(
      tokens: decodeTokens(posterior.sample(noise)), weight: finalLayer.weight,
      bias: finalLayer.bias, target: offsets, ramp: anchor.ramp.on(device), mask: visibility,
      GridFieldLoss(
        rows: config.gridRows, columns: config.gridColumns, patch: config.fieldPatch,
        hopUnit: loss.neighborHopUnit, cost: loss.pairCost, velocityWeight: Float(loss.velLambda),
        neighborWeight: Float(loss.neighborLambda)))
    return (
      field + Float(config.beta) * kl,
      VAELossTerms(
        reconstruction: terms.mean(\.reconstruction), kl: kl.array.item,
        velocity: terms.mean(\.velocity), neighbor: terms.mean(\.neighbor))
    )
  }
}
