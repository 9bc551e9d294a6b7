import Autograd

/// What the processes of a data-parallel run do together. Everything that one process must not
/// decide or know alone passes through here: gradients, the sums behind what is logged, and
/// decisions to stop.
///
/// All processes call the same functions in the same order. Every process trains on its own slots
/// of each global batch (`BatchPlace`), and the one of rank 0 alone writes.
public protocol Collective {
  /// This process among `count`, from 0.
  var rank: Int { get }
  var count: Int { get }

  /// Replaces every array by its mean over all processes. All have the same names and shapes.
  func average(_ gradient: inout [String: NDArray]) throws

  /// Sums of counters over all processes.
  func sum(_ counters: [Double]) throws -> [Double]

  /// Whether any process says so: the decision that all of them follow.
  func any(_ flag: Bool) throws -> Bool
}

/// A run in one process.
public struct SingleProcess: Collective {
  public let rank = 0
  public let count = 1

  public init() {}

  public func average(_ gradient: inout [String: NDArray]) {}
  public func sum(_ counters: [Double]) -> [Double] { counters }
  public func any(_ flag: Bool) -> Bool { flag }
}
