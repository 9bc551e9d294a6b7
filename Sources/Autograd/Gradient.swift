/// The loss and its gradient by parameter name. The tape lives for this call: nothing to zero or to
/// leak.
///
/// Parameters that the loss does not depend on have no entry.
/// - Precondition: `loss` returns a scalar (one element) that depends on a parameter of `model`.
public func valueWithGradient<M: Module>(
  at model: M, of loss: (M) throws -> Tensor
) rethrows -> (value: Float, gradient: [String: NDArray]) {
  let tape = Tape()
  let parameters = model.namedParameters()
  for (_, parameter) in parameters {  // parameter i becomes entry i
    parameter.wrappedValue = tape.leaf(parameter.wrappedValue.array)
  }
  defer {
    for (_, parameter) in parameters { parameter.wrappedValue = parameter.wrappedValue.detached }
  }
  let value = try loss(model)
  let gradients = tape.gradients(of: value)
  let named = parameters.enumerated().compactMap { index, parameter in
    gradients[index].map { (parameter.name, $0) }
  }
  return (value.array.item, Dictionary(uniqueKeysWithValues: named))
}

/// The value of `f` and its gradient with respect to each of `inputs`; nil for one it does not
/// depend on.
/// - Precondition: `f` returns a scalar (one element) that depends on an input.
public func valueWithGradient(
  at inputs: [NDArray], of f: ([Tensor]) throws -> Tensor
) rethrows -> (value: Float, gradients: [NDArray?]) {
  let tape = Tape()
  let value = try f(inputs.map { tape.leaf($0) })
  let gradients = tape.gradients(of: value)
  return (value.array.item, inputs.indices.map { gradients[$0] })
}

extension Tape {
  fileprivate func gradients(of value: Tensor) -> [Int: NDArray] {
    precondition(
      value.array.count == 1, "a gradient needs a scalar, and the loss has shape \(value.shape)")
    guard let slot = value.slot, slot.tape === self else {
      preconditionFailure("the loss does not depend on any of the parameters or inputs")
    }
    return gradients(
      from: slot.index,
      upstream: NDArray(repeating: 1, shape: value.shape, device: value.device))
  }
}

/// `body(module, inputs)` without keeping its intermediate results: backward computes them again.
///
/// Memory for one block at a time instead of for all of them, at the price of a second forward pass
/// (Chen et al., arXiv 1604.06174). The gradient is the same.
///
/// - Parameter module: whatever `body` reads parameters of.
public func checkpointed<M: Module>(
  _ module: M, _ inputs: [Tensor], _ body: @escaping (M, [Tensor]) -> Tensor
) -> Tensor {
  let parameters = module.namedParameters().map(\.parameter)
  let outside = parameters.map(\.wrappedValue)
  guard (inputs + outside).contains(where: \.isTracked) else { return body(module, inputs) }

  func evaluate(_ values: [Tensor], _ inputs: [Tensor]) -> Tensor {
    let saved = parameters.map(\.wrappedValue)
    for (parameter, value) in zip(parameters, values) { parameter.wrappedValue = value }
    defer {
      for (parameter, value) in zip(parameters, saved) { parameter.wrappedValue = value }
    }
    return body(module, inputs)
  }

  let inputArrays = inputs.map(\.array)
  let parameterArrays = outside.map(\.array)
  let tracked = (inputs + outside).map(\.isTracked)
  let y = evaluate(outside.map(\.detached), inputs.map(\.detached)).array
  return .recorded(y, from: inputs + outside) { dy in
    let tape = Tape()
    let leaves = zip(inputArrays + parameterArrays, tracked).map { array, isTracked in
      isTracked ? tape.leaf(array) : Tensor(array)
    }
    let output = Observation.recomputing {
      evaluate(Array(leaves.suffix(parameterArrays.count)), Array(leaves.prefix(inputArrays.count)))
    }
    guard let root = output.slot else { return leaves.map { _ in nil } }
    let gradients = tape.gradients(from: root.index, upstream: dy)
    return leaves.map { leaf in leaf.slot.flatMap { gradients[$0.index] } }
  }
}
