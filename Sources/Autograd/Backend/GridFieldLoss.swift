/// The cost of a two-component difference e = (x, y) in the pair terms of `GridFieldLoss`.
public enum PairCost: String, Sendable, CaseIterable, Codable {
  /// |x| + |y|
  case l1
  /// x² + y²
  case sq
  /// Huber(x) + Huber(y), delta 1
  case huber
  /// sqrt(x² + y²)
  case l2
}

/// A masked regression loss for a two-component field on a grid of cells over time, with penalties
/// on the differences between neighbours in time and space.
///
/// The field has `patch x patch` samples in each of the `rows x columns` cells. With e the
/// prediction minus the target, m the mask and q the neighbour of p, each per sample and with every
/// denominator at least 1:
///
/// - reconstruction: Σ m·Huber₁(e) / 2 Σ m
/// - velocity: Σ m_t m_{t-1}·cost(e_t - e_{t-1}) / Σ m_t m_{t-1}
/// - neighbours: Σ_hop w_hop Σ m_p m_q·cost(e_q - e_p) / Σ_hop w_hop Σ m_p m_q, along both grid
///   axes
public struct GridFieldLoss: Sendable {
  /// What one hop of the neighbour term spans.
  public enum HopUnit: String, Sendable, Codable {
    /// One cell (`patch` samples), evaluated at every sample.
    case cell
    /// One sample.
    case pixel
  }

  public var rows: Int
  public var columns: Int
  public var patch: Int
  public var hopUnit: HopUnit
  public var cost: PairCost
  /// Distances of the neighbour term and their weights.
  public var hops: [(distance: Int, weight: Float)] = [(1, 1), (2, 0.5), (4, 0.25)]
  public var reconstructionWeight: Float
  public var velocityWeight: Float
  public var neighborWeight: Float

  public init(
    rows: Int, columns: Int, patch: Int, hopUnit: HopUnit = .cell, cost: PairCost = .l1,
    reconstructionWeight: Float = 1, velocityWeight: Float, neighborWeight: Float
  ) {
    self.rows = rows
    self.columns = columns
    self.patch = patch
    self.hopUnit = hopUnit
    self.cost = cost
    self.reconstructionWeight = reconstructionWeight
    self.velocityWeight = velocityWeight
    self.neighborWeight = neighborWeight
  }

  /// Hops in samples.
  var sampleHops: [(distance: Int, weight: Float)] {
    hops.map { ($0.distance * (hopUnit == .cell ? patch : 1), $0.weight) }
  }
}

/// Where a grid field comes from.
package enum GridField: Sendable {
  /// The field itself, [B, T, N, patch · patch · 2].
  case values(NDArray)
  /// A linear layer over tokens [B, T, N, D], which a backend need not evaluate as a whole.
  case linear(tokens: NDArray, LinearArrays)
}

/// The gradient with respect to what a `GridField` holds.
package enum GridFieldGradient: Sendable {
  case values(NDArray)
  case linear(dTokens: NDArray, LinearArrays)

  /// In the order of the field's arrays.
  var arrays: [NDArray] {
    switch self {
    case .values(let gradient): [gradient]
    case .linear(let dTokens, let layer): [dTokens, layer.weight, layer.bias]
    }
  }
}
