/// Multi-head self-attention along one axis, `softmax(Q Kᵀ / √d) V` per head.
///
/// - Parameters:
///   - qkv: [..., L, ..., 3D], queries, keys and values one after another in the last axis.
///   - axis: the axis L that attends; every index of the other axes is a sequence of its own. The
///     axis is read with strides, nothing is transposed.
///   - normalizesQK: RMS-normalises every head's query and key first, without a weight (ε 1e-6).
/// - Returns: [..., L, ..., D]
public func selfAttention(
  _ qkv: Tensor, heads: Int, axis: Int, normalizesQK: Bool = false
) -> Tensor {
  let width = qkv.shape.last! / 3
  precondition(
    qkv.shape.last! % 3 == 0 && width % heads == 0 && axis < qkv.rank - 1,
    "selfAttention: qkv \(qkv.shape), \(heads) heads, axis \(axis)")
  let shape = qkv.shape
  let geometry = AttentionGeometry(
    outer: shape[..<axis].reduce(1, *), inner: shape[(axis + 1)..<(shape.count - 1)].reduce(1, *),
    queryLength: shape[axis], keyLength: shape[axis], heads: heads, headSize: width / heads,
    queryChannels: 3 * width, keyChannels: 3 * width, keyOffset: width, valueOffset: 2 * width,
    normalizesQK: normalizesQK)
  let backend = qkv.device.backend
  let (y, statistics) = backend.attention(qkv.array, qkv.array, geometry)
  return .recorded(y, from: [qkv]) { [qkv = qkv.array] dy in
    [backend.attentionGradient(qkv, qkv, y: y, statistics: statistics, dy, geometry).dQuery]
  }
}

/// Multi-head cross-attention along one axis.
///
/// - Parameters:
///   - query: [..., Lq, ..., D]
///   - keyValue: the same with [Lk] along `axis` and [2D] last: keys, then values.
/// - Returns: [..., Lq, ..., D]
public func crossAttention(
  _ query: Tensor, _ keyValue: Tensor, heads: Int, axis: Int, normalizesQK: Bool = false
) -> Tensor {
  let width = query.shape.last!
  var expected = query.shape
  expected[axis] = keyValue.rank > axis ? keyValue.shape[axis] : 0
  expected[query.rank - 1] = 2 * width
  precondition(
    keyValue.shape == expected && width % heads == 0 && axis < query.rank - 1,
    "crossAttention: query \(query.shape), keyValue \(keyValue.shape), \(heads) heads, axis \(axis)"
  )
  let shape = query.shape
  let geometry = AttentionGeometry(
    outer: shape[..<axis].reduce(1, *), inner: shape[(axis + 1)..<(shape.count - 1)].reduce(1, *),
    queryLength: shape[axis], keyLength: keyValue.shape[axis], heads: heads,
    headSize: width / heads, queryChannels: width, keyChannels: 2 * width, keyOffset: 0,
    valueOffset: width, normalizesQK: normalizesQK)
  let backend = Device.common("crossAttention", query.array, keyValue.array).backend
  let (y, statistics) = backend.attention(query.array, keyValue.array, geometry)
  return .recorded(y, from: [query, keyValue]) {
    [query = query.array, keyValue = keyValue.array] dy in
    let gradients = backend.attentionGradient(
      query, keyValue, y: y, statistics: statistics, dy, geometry)
    return [gradients.dQuery, gradients.dKeyValue]
  }
}
