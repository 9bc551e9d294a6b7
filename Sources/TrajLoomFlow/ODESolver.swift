import Autograd

/// Fixed-step solvers of dz/dt = v(z, t) from t = 0 to 1.
public enum ODESolver: String, Sendable, CaseIterable {
  case euler, heun, midpoint, rk4

  /// Whether a step looks at its own end. A velocity that leads to a predicted endpoint is nothing
  /// there, in the last step.
  public var looksAtTheEnd: Bool { self == .heun || self == .rk4 }

  /// Flow times are kept inside [1e-5, 1 - 1e-5] in sampling, as published.
  private static func clamped(_ t: Float) -> Float { min(max(t, 1e-5), 1 - 1e-5) }

  /// The state at t = 1 after `steps` equal steps.
  public func solve(
    from source: NDArray, steps: Int, _ velocity: (_ z: Tensor, _ time: Float) -> Tensor
  ) -> NDArray {
    solve(from: source, steps: steps, willStep: { _ in }, velocity)
  }

  /// The same.
  /// - Parameter willStep: called before each step with its number; what it throws ends the solution.
  public func solve(
    from source: NDArray, steps: Int, willStep: (_ step: Int) throws -> Void,
    _ velocity: (_ z: Tensor, _ time: Float) -> Tensor
  ) rethrows -> NDArray {
    precondition(steps > 0, "an ODE solver needs at least one step, found \(steps)")
    let h = 1 / Float(steps)
    var z = Tensor(source)
    for step in 0..<steps {
      try willStep(step)
      func v(_ z: Tensor, _ fraction: Float) -> Tensor {
        velocity(z, Self.clamped((Float(step) + fraction) / Float(steps)))
      }
      let k1 = v(z, 0)
      switch self {
      case .euler:
        z = z + h * k1
      case .heun:
        z = z + h / 2 * (k1 + v(z + h * k1, 1))
      case .midpoint:
        z = z + h * v(z + h / 2 * k1, 0.5)
      case .rk4:
        let k2 = v(z + h / 2 * k1, 0.5)
        let k3 = v(z + h / 2 * k2, 0.5)
        let k4 = v(z + h * k3, 1)
        z = z + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
      }
    }
    return z.array
  }
}
