import Foundation

/// What a checkpoint of PyTorch says beside its numbers: a pickle of which only tensors, containers
/// and plain values are understood (Python's `pickletools` describes every operation).
///
/// Nothing is executed: the few functions that rebuild tensors are recognised by name and done
/// here, every other name or operation is refused. Containers lie in flat tables and refer to each
/// other by index, so that no nesting, and no circle, can exhaust the stack.
struct Pickle {
  enum Value: Equatable {
    case none
    case bool(Bool)
    case integer(Int)
    case number(Double)
    case text(String)
    /// A tuple or a list: an index into `containers`.
    case sequence(Int)
    /// Keys and values in turn: an index into `containers`.
    case dictionary(Int)
    /// An index into `storages`.
    case storage(Int)
    /// An index into `tensors`.
    case tensor(Int)
    /// One of `knownNames`.
    case name(String)
  }

  /// Numbers in a file of the archive.
  struct Storage: Hashable {
    let type: SafetensorsType
    let key: String
    /// In elements.
    let count: Int
  }

  /// A view of a storage, in elements.
  struct TensorView: Equatable {
    let storage: Int
    let offset: Int
    let shape: [Int]
    let strides: [Int]
  }

  private(set) var containers: [[Value]] = []
  private(set) var storages: [Storage] = []
  private(set) var tensors: [TensorView] = []
  let root: Value

  /// - Throws: `PickleFault` for anything that is not understood.
  init(_ bytes: Data) throws {
    var machine = Machine(bytes)
    root = try machine.run()
    (containers, storages, tensors) = (machine.containers, machine.storages, machine.tensors)
  }

  /// The members of a dictionary whose keys are texts, in order; nil for another value.
  func members(_ value: Value) -> [(key: String, value: Value)]? {
    guard case .dictionary(let index) = value else { return nil }
    let flat = containers[index]
    var members: [(String, Value)] = []
    for start in stride(from: 0, to: flat.count, by: 2) {
      guard case .text(let key) = flat[start] else { return nil }
      members.append((key, flat[start + 1]))
    }
    return members
  }

  /// The types of storages that are read.
  fileprivate static let storageTypes: [String: SafetensorsType] = [
    "torch.FloatStorage": .f32, "torch.HalfStorage": .f16, "torch.BFloat16Storage": .bf16,
    "torch.DoubleStorage": .f64, "torch.LongStorage": .i64, "torch.IntStorage": .i32,
    "torch.ShortStorage": .i16, "torch.CharStorage": .i8, "torch.ByteStorage": .u8,
    "torch.BoolStorage": .bool,
  ]
  /// The most axes that a tensor may have, as in PyTorch.
  fileprivate static let mostAxes = 64
  fileprivate static let knownNames = Set(storageTypes.keys).union([
    "collections.OrderedDict", "torch.Size", "torch._utils._rebuild_tensor_v2",
    "torch._utils._rebuild_parameter",
  ])
}

/// Why a pickle is refused.
struct PickleFault: Error {
  let reason: String
  init(_ reason: String) { self.reason = reason }
}

/// The stack machine that a pickle is a program for.
private struct Machine {
  var containers: [[Pickle.Value]] = []
  var storages: [Pickle.Storage] = []
  var tensors: [Pickle.TensorView] = []
  private let bytes: [UInt8]
  private var position = 0
  private var stack: [Pickle.Value] = []
  private var marks: [Int] = []
  private var memo: [Int: Pickle.Value] = [:]
  private var places: [Pickle.Storage: Int] = [:]

  init(_ bytes: Data) { self.bytes = [UInt8](bytes) }

  mutating func run() throws -> Pickle.Value {
    while true {
      let start = position
      let operation = try byte()
      switch operation {
      case 0x80: _ = try byte()  // PROTO
      case 0x95: _ = try take(8)  // FRAME
      case UInt8(ascii: "."): return try pop()  // STOP

      case UInt8(ascii: "N"): stack.append(.none)
      case 0x88: stack.append(.bool(true))
      case 0x89: stack.append(.bool(false))
      case UInt8(ascii: "K"): stack.append(.integer(try unsigned(1)))
      case UInt8(ascii: "M"): stack.append(.integer(try unsigned(2)))
      case UInt8(ascii: "J"): stack.append(.integer(try signed(4)))
      case 0x8A: stack.append(.integer(try signed(Int(byte()))))  // LONG1
      case UInt8(ascii: "G"):
        let bits = try take(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        stack.append(.number(Double(bitPattern: bits)))
      case 0x8C: stack.append(.text(try text(unsigned(1))))  // SHORT_BINUNICODE
      case UInt8(ascii: "X"): stack.append(.text(try text(unsigned(4))))

      case UInt8(ascii: "("): marks.append(stack.count)
      case UInt8(ascii: ")"): push([], Pickle.Value.sequence)
      case UInt8(ascii: "]"): push([], Pickle.Value.sequence)
      case UInt8(ascii: "}"): push([], Pickle.Value.dictionary)
      case UInt8(ascii: "t"): push(try sinceMark(), Pickle.Value.sequence)
      case 0x85, 0x86, 0x87: push(try pop(Int(operation) - 0x84), Pickle.Value.sequence)
      case UInt8(ascii: "a"): try append([pop()])
      case UInt8(ascii: "e"): try append(sinceMark())
      case UInt8(ascii: "s"): try setItems(pop(2))
      case UInt8(ascii: "u"): try setItems(sinceMark())

      case UInt8(ascii: "q"): memo[try unsigned(1)] = try top()
      case UInt8(ascii: "r"): memo[try unsigned(4)] = try top()
      case 0x94: memo[memo.count] = try top()  // MEMOIZE
      case UInt8(ascii: "h"): try recall(unsigned(1))
      case UInt8(ascii: "j"): try recall(unsigned(4))

      case UInt8(ascii: "c"): try pushName(line(), line())
      case 0x93:  // STACK_GLOBAL
        guard case (.text(let module), .text(let name)) = try pair() else {
          throw PickleFault("a name that is no text")
        }
        try pushName(module, name)
      case UInt8(ascii: "Q"): try pushStorage(pop())
      case UInt8(ascii: "R"): try reduce()
      case UInt8(ascii: "b"):
        // State of an ordered dictionary: versions of its modules, which mean nothing here.
        _ = try pop()
        guard case .dictionary = try top() else { throw PickleFault("an object with a state") }
      default:
        throw PickleFault("operation 0x\(String(operation, radix: 16)) at byte \(start)")
      }
    }
  }

  // MARK: Containers

  private mutating func push(_ elements: [Pickle.Value], _ kind: (Int) -> Pickle.Value) {
    containers.append(elements)
    stack.append(kind(containers.count - 1))
  }

  private mutating func append(_ elements: [Pickle.Value]) throws {
    guard case .sequence(let index) = try top() else { throw PickleFault("an item of no list") }
    containers[index] += elements
  }

  private mutating func setItems(_ flat: [Pickle.Value]) throws {
    guard case .dictionary(let index) = try top(), flat.count.isMultiple(of: 2) else {
      throw PickleFault("an item of no dictionary")
    }
    containers[index] += flat
  }

  // MARK: Names and calls

  private mutating func pushName(_ module: String, _ name: String) throws {
    let full = "\(module).\(name)"
    guard Pickle.knownNames.contains(full) else {
      throw PickleFault("the name '\(full.prefix(80))', which is neither a tensor nor a container")
    }
    stack.append(.name(full))
  }

  /// ('storage', type, key, location, count)
  private mutating func pushStorage(_ value: Pickle.Value) throws {
    let parts = try sequence(value)
    guard parts.count == 5, parts[0] == .text("storage"), case .name(let name) = parts[1],
      let type = Pickle.storageTypes[name], case .text(let key) = parts[2],
      case .integer(let count) = parts[4], count >= 0, count <= Int.max / 8
    else { throw PickleFault("a storage in another form") }
    let storage = Pickle.Storage(type: type, key: key, count: count)
    let index = places[storage, default: storages.count]
    if index == storages.count {
      storages.append(storage)
      places[storage] = index
    }
    stack.append(.storage(index))
  }

  private mutating func reduce() throws {
    let (function, argument) = try pair()
    guard case .name(let name) = function else { throw PickleFault("a call of something nameless") }
    let arguments = try sequence(argument)
    switch name {
    case "collections.OrderedDict":
      guard arguments.isEmpty else { throw PickleFault("an ordered dictionary in another form") }
      push([], Pickle.Value.dictionary)
    case "torch.Size":
      guard arguments.count == 1 else { throw PickleFault("a size in another form") }
      push(try integers(arguments[0]).map(Pickle.Value.integer), Pickle.Value.sequence)
    case "torch._utils._rebuild_tensor_v2":
      guard arguments.count >= 6, case .storage(let storage) = arguments[0],
        case .integer(let offset) = arguments[1]
      else { throw PickleFault("a tensor in another form") }
      let (shape, strides) = (try integers(arguments[2]), try integers(arguments[3]))
      guard offset >= 0, shape.count == strides.count, (shape + strides).allSatisfy({ $0 >= 0 })
      else { throw PickleFault("a tensor of shape \(shape) with strides \(strides)") }
      tensors.append(
        .init(storage: storage, offset: offset, shape: shape, strides: strides))
      stack.append(.tensor(tensors.count - 1))
    case "torch._utils._rebuild_parameter":
      guard case .tensor = arguments.first else { throw PickleFault("a parameter of no tensor") }
      stack.append(arguments[0])
    default:
      throw PickleFault("a call of '\(name)'")
    }
  }

  private func sequence(_ value: Pickle.Value) throws -> [Pickle.Value] {
    guard case .sequence(let index) = value else { throw PickleFault("arguments in another form") }
    return containers[index]
  }

  private func integers(_ value: Pickle.Value) throws -> [Int] {
    guard case .sequence(let index) = value, containers[index].count <= Pickle.mostAxes else {
      throw PickleFault("sizes in another form, or of more than \(Pickle.mostAxes) axes")
    }
    return try containers[index].map {
      guard case .integer(let value) = $0 else { throw PickleFault("a size that is no number") }
      return value
    }
  }

  // MARK: Stack and bytes

  private func top() throws -> Pickle.Value {
    guard let value = stack.last else { throw PickleFault("an empty stack") }
    return value
  }

  private mutating func pop() throws -> Pickle.Value { try pop(1)[0] }

  private mutating func pop(_ count: Int) throws -> [Pickle.Value] {
    guard stack.count - (marks.last ?? 0) >= count else { throw PickleFault("an empty stack") }
    defer { stack.removeLast(count) }
    return Array(stack.suffix(count))
  }

  private mutating func pair() throws -> (Pickle.Value, Pickle.Value) {
    let both = try pop(2)
    return (both[0], both[1])
  }

  private mutating func sinceMark() throws -> [Pickle.Value] {
    guard let mark = marks.popLast(), mark <= stack.count else { throw PickleFault("a lost mark") }
    defer { stack.removeLast(stack.count - mark) }
    return Array(stack[mark...])
  }

  private mutating func recall(_ index: Int) throws {
    guard let value = memo[index] else { throw PickleFault("a reference to nothing") }
    stack.append(value)
  }

  private mutating func byte() throws -> UInt8 { try take(1).first! }

  private mutating func take(_ count: Int) throws -> ArraySlice<UInt8> {
    guard count <= bytes.count - position else { throw PickleFault("the end of the data") }
    defer { position += count }
    return bytes[position..<position + count]
  }

  private mutating func unsigned(_ size: Int) throws -> Int {
    try take(size).reversed().reduce(0) { $0 << 8 | Int($1) }
  }

  private mutating func signed(_ size: Int) throws -> Int {
    guard size <= 8 else { throw PickleFault("a number of \(size) bytes") }
    let bits = try take(size).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    let unused = UInt64(64 - 8 * size)
    return size == 0 ? 0 : Int(Int64(bitPattern: bits << unused) >> Int64(unused))
  }

  private mutating func text(_ count: Int) throws -> String {
    guard let text = String(validating: try take(count), as: UTF8.self) else {
      throw PickleFault("a text that is not UTF-8")
    }
    return text
  }

  private mutating func line() throws -> String {
    guard let end = bytes[position...].firstIndex(of: UInt8(ascii: "\n")) else {
      throw PickleFault("the end of the data")
    }
    let line = try text(end - position)
    position += 1
    return line
  }
}
