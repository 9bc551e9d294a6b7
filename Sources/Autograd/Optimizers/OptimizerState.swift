// What the optimisers share: the walk over the parameters, and the arrays that they keep.

extension Module {
  /// Calls `body` with each parameter that has a gradient, as (name, array, gradient), and puts the
  /// array back. A parameter without a gradient stays as it is.
  func updateParameters(
    along gradient: [String: NDArray], _ body: (String, inout NDArray, NDArray) -> Void
  ) {
    for (name, parameter) in namedParameters() {
      guard let gradient = gradient[name] else { continue }
      precondition(
        gradient.shape == parameter.wrappedValue.shape,
        "update: gradient \(gradient.shape) of \(name) \(parameter.wrappedValue.shape)")
      // Taken out of its owner, so that the update finds the array unshared and writes in place.
      var array = parameter.wrappedValue.array
      parameter.wrappedValue = Tensor(NDArray.released)
      body(name, &array, gradient)
      parameter.wrappedValue = Tensor(array)
    }
  }

  /// The arrays of a saved optimiser by parameter name, one for each of `kinds`; the keys of
  /// `state` are `<kind>.<name>`. A parameter that never had a gradient has none.
  /// - Throws: `StateMismatch` for arrays that are unknown, misshaped or half there.
  func optimizerArrays(
    _ kinds: [String], from state: [String: NDArray]
  ) throws -> [String: [NDArray]] {
    var mismatch = StateMismatch()
    var loaded: [String: [NDArray]] = [:]
    var rest = Set(state.keys)
    for (name, parameter) in namedParameters() {
      let keys = kinds.map { "\($0).\(name)" }
      rest.subtract(keys)
      let found = keys.map { state[$0] }
      guard found.contains(where: { $0 != nil }) else { continue }
      for (key, array) in zip(keys, found) {
        let expected = parameter.wrappedValue.shape
        if let array, array.shape != expected {
          mismatch.misshaped.append("\(key) (expected \(expected), found \(array.shape))")
        } else if array == nil {
          mismatch.missing.append(key)
        }
      }
      loaded[name] = found.compactMap { $0 }
    }
    mismatch.unknown = rest.sorted()
    guard mismatch.isEmpty else { throw mismatch }
    return loaded
  }
}

extension NDArray {
  /// Stands in a parameter while its own array is being updated.
  fileprivate static let released = NDArray(0)
}
