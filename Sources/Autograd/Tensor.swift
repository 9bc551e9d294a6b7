/// What models compute with: plain data (`NDArray`, `Sendable`) and its place on a tape.
///
/// A tensor without a place is a constant: nothing that is computed from constants alone is
/// recorded.
public struct Tensor {
  /// The values.
  public let array: NDArray
  let slot: (tape: Tape, index: Int)?

  /// A constant.
  public init(_ constant: NDArray) { self.init(array: constant, slot: nil) }

  /// A constant of the given elements.
  public init(_ scalars: [Float], shape: [Int], device: Device = .cpu) {
    self.init(NDArray(scalars, shape: shape, device: device))
  }

  init(array: NDArray, slot: (tape: Tape, index: Int)?) {
    self.array = array
    self.slot = slot
  }

  public var shape: [Int] { array.shape }
  public var rank: Int { array.rank }
  public var device: Device { array.device }

  /// Whether gradients flow into this tensor. Pullbacks skip what is not tracked.
  var isTracked: Bool { slot != nil }

  /// The same values as a constant: the gradient stops here.
  public var detached: Tensor { Tensor(array) }

  /// The result of an op: records `y` on the inputs' tape, or returns a constant if none is tracked
  /// or inside `withoutGradient`.
  ///
  /// - Parameter pullback: the gradient of each input, in order, given the gradient of `y`; nil
  ///   where it is not needed. It captures arrays, never a `Tensor`, which would hold the tape that
  ///   holds it.
  /// - Precondition: all inputs that are tracked are on one tape, and a gradient has the shape of
  ///   its input.
  public static func recorded(
    _ y: NDArray, from inputs: [Tensor], pullback: @escaping (_ dy: NDArray) -> [NDArray?]
  ) -> Tensor {
    guard let tape = inputs.lazy.compactMap(\.slot?.tape).first, !Tape.isPaused else {
      return Tensor(y)
    }
    return tape.record(
      y,
      from: inputs.map { input in
        precondition(
          input.slot == nil || input.slot!.tape === tape, "operands of one op are on two tapes")
        return input.slot?.index
      },
      pullback: { [shapes = inputs.map(\.shape)] dy in
        let gradients = pullback(dy)
        for case (let gradient?, let shape) in zip(gradients, shapes) {
          precondition(
            gradient.shape == shape,
            "a pullback returned a gradient \(gradient.shape) for an input \(shape)")
        }
        return gradients
      })
  }
}
