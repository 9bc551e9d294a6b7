/// A trainable array. The only reference in a module: copying a module shares its weights.
@propertyWrapper
public final class Parameter {
  /// What a forward pass reads.
  public var wrappedValue: Tensor
  public init(wrappedValue: Tensor) { self.wrappedValue = wrappedValue }
}

/// An array that belongs to a checkpoint but is not trained: fixed embeddings, frozen frequencies.
@propertyWrapper
public final class Buffer {
  public var wrappedValue: NDArray
  public init(wrappedValue: NDArray) { self.wrappedValue = wrappedValue }
}

/// A layer or a model: a struct whose arrays are `@Parameter` and `@Buffer` properties, of its own
/// or of the modules it is made of, in arrays and optionals too.
///
/// An array's path is its checkpoint key. Property names are written in Swift's way and read in
/// PyTorch's: `encoderBlocks[0].gateMsa` is `encoder_blocks.0.gate_msa`.
public protocol Module {}

extension Module {
  /// Every parameter with its path, such as `blocks.3.attn.qkv.weight`.
  public func namedParameters() -> [(name: String, parameter: Parameter)] {
    walk(self, []).compactMap { path, leaf in
      (leaf as? Parameter).map { (path.joined(separator: "."), $0) }
    }
  }

  /// Every array of a checkpoint, parameters and buffers, by path.
  public func stateDictionary() -> [String: NDArray] {
    Dictionary(
      uniqueKeysWithValues: walk(self, []).map { path, leaf in
        (path.joined(separator: "."), array(of: leaf))
      })
  }

  /// Replaces every array by the one of the same name.
  ///
  /// - Throws: `StateMismatch` that lists every missing, unknown and wrongly shaped array, with
  ///   nothing replaced.
  public func load(_ state: [String: NDArray]) throws {
    let leaves = walk(self, []).map { (name: $0.joined(separator: "."), leaf: $1) }
    var mismatch = StateMismatch()
    for (name, leaf) in leaves {
      let expected = array(of: leaf).shape
      guard let found = state[name] else {
        mismatch.missing.append(name)
        continue
      }
      if found.shape != expected {
        mismatch.misshaped.append("\(name) (expected \(expected), found \(found.shape))")
      }
    }
    mismatch.unknown = Set(state.keys).subtracting(leaves.map(\.name)).sorted()
    guard mismatch.isEmpty else { throw mismatch }
    for (name, leaf) in leaves { replace(leaf, by: state[name]!) }
  }

  /// Moves every array to `device`.
  public func move(to device: Device) {
    for (_, leaf) in walk(self, []) { replace(leaf, by: array(of: leaf).on(device)) }
  }

  /// Puts `arrays` in the place of the parameters of the same names.
  /// - Returns: the arrays that were there, so that a second call undoes the first.
  package func exchangeParameters(_ arrays: [String: NDArray]) -> [String: NDArray] {
    namedParameters().reduce(into: [:]) { previous, entry in
      guard let array = arrays[entry.name] else { return }
      previous[entry.name] = entry.parameter.wrappedValue.array
      entry.parameter.wrappedValue = Tensor(array)
    }
  }

  /// The number of trained numbers.
  public var parameterCount: Int {
    namedParameters().reduce(0) { $0 + $1.parameter.wrappedValue.array.count }
  }

  private func array(of leaf: AnyObject) -> NDArray {
    (leaf as? Parameter)?.wrappedValue.array ?? (leaf as! Buffer).wrappedValue
  }

  private func replace(_ leaf: AnyObject, by array: NDArray) {
    (leaf as? Parameter)?.wrappedValue = Tensor(array)
    (leaf as? Buffer)?.wrappedValue = array
  }
}

/// What keeps a set of arrays from fitting a model.
public struct StateMismatch: Error, CustomStringConvertible {
  public internal(set) var missing: [String] = []
  public internal(set) var unknown: [String] = []
  public internal(set) var misshaped: [String] = []

  var isEmpty: Bool { missing.isEmpty && unknown.isEmpty && misshaped.isEmpty }

  public var description: String {
    [("missing", missing), ("unknown", unknown), ("wrong shape", misshaped)]
      .filter { !$0.1.isEmpty }
      .map { "\($0.0): \($0.1.joined(separator: ", "))" }
      .joined(separator: "; ")
  }
}

func walk(_ value: Any, _ path: [String]) -> [(path: [String], leaf: AnyObject)] {
  if value is Parameter || value is Buffer { return [(path, value as AnyObject)] }
  let mirror = Mirror(reflecting: value)
  switch mirror.displayStyle {
  case .optional: return mirror.children.flatMap { walk($0.value, path) }
  case .collection: return mirror.children.enumerated().flatMap { walk($1.value, path + ["\($0)"]) }
  case _ where value is any Module:  // a wrapped property `weight` is stored as `_weight`
    return mirror.children.flatMap { label, value in
      walk(value, path + [checkpointName((label ?? "").trimmingPrefix("_"))])
    }
  default: return []  // a hyperparameter
  }
}

/// `gateMsa` → `gate_msa`. A capital starts a word only before a lowercase letter, so `adaLN` stays
/// as it is.
func checkpointName(_ property: some StringProtocol) -> String {
  let letters = Array(property)
  return letters.indices.map { i in
    let startsWord =
      i > 0 && letters[i].isUppercase && i + 1 < letters.count && letters[i + 1].isLowercase
    return startsWord ? "_" + letters[i].lowercased() : String(letters[i])
  }.joined()
}
