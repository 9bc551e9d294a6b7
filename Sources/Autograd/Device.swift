/// Where an array lives and who computes with it. Arrays of two devices never meet in one op.
public enum Device: Sendable, Equatable, CustomStringConvertible {
  /// The fast backend: OpenBLAS, vector kernels, all cores.
  case cpu
  /// Plain loops with `Double` accumulation: what every fast kernel is tested against.
  case reference

  public var description: String {
    switch self {
    case .cpu: "cpu"
    case .reference: "reference"
    }
  }

  /// Computes on this device, and reports to an `Observation` when there is one.
  package var backend: any Backend {
    guard let observation = Observation.current else { return plainBackend }
    return ObservedBackend(base: plainBackend, observation: observation)
  }

  /// Computes on this device, unobserved.
  var plainBackend: any Backend {
    switch self {
    case .cpu: CPUBackend()
    case .reference: ReferenceBackend()
    }
  }

  /// The device that all `arrays` share.
  /// - Precondition: there is one; the message names `op` and both devices.
  static func common(_ op: StaticString, _ arrays: NDArray...) -> Device {
    common(op, arrays)
  }

  static func common(_ op: StaticString, _ arrays: [NDArray]) -> Device {
    for array in arrays.dropFirst() {
      precondition(
        array.device == arrays[0].device,
        "\(op): one operand is on \(arrays[0].device), another on \(array.device)")
    }
    return arrays[0].device
  }
}
