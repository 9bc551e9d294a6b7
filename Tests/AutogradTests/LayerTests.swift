import TestSupport
import Testing

@testable import Autograd

private struct Network: Module {
  let layers: [any Layer]
  let dropout = Dropout(0.5, stream: "network")
  let table: Embedding
  @Buffer var scale = NDArray(2)

  init() {
    var initializer = Initializer(seed: 1)
    layers = [
      Convolution2D(1, 2, kernel: 3, stride: 2, padding: 1, &initializer), ReLU(), LayerNorm(2),
      Tanh(), GELU(), SiLU(), Linear(2, 3, &initializer),
    ]
    table = Embedding(5, width: 3, &initializer)
  }

  func callAsFunction(_ x: Tensor, _ classes: [Int], _ mode: LayerMode) -> Tensor {
    let features = dropout(layers(x), mode).mean([1, 2])  // [B, 3]
    return features * Tensor(scale) + table(classes)
  }
}

@Test func layersAreTheirOps() {
  let network = Network()
  let x = Tensor(Philox(seed: 2, stream: "x").normal([2, 5, 7, 1], step: 0))
  let weights = network.stateDictionary().mapValues { Tensor($0) }
  func weight(_ name: String) -> Tensor { weights[name]! }
  let hidden = layerNorm(
    relu(
      convolution2D(x, weight("layers.0.weight"), weight("layers.0.bias"), stride: 2, padding: 1)),
    gain: weight("layers.2.weight"), offset: weight("layers.2.bias"))
  let features = linear(
    silu(gelu(tanh(hidden))), weight("layers.6.weight"), weight("layers.6.bias"))
  let expected = 2 * features.mean([1, 2]) + embedding(weight("table.weight"), [4, 0])
  let actual = network(x, [4, 0], .evaluation)
  #expect(actual.shape == [2, 3])
  let (a, b) = (actual.array.scalars, expected.array.scalars)
  #expect(a == b)
}

@Test func dropoutLayerFollowsItsMode() {
  let network = Network()
  let x = Tensor.ones([2, 5, 7, 1])
  func run(_ mode: LayerMode) -> [Float] { network(x, [0, 1], mode).array.scalars }
  let evaluation = run(.evaluation)
  let first = run(.training(seed: 1, step: 0))
  let again = run(.training(seed: 1, step: 0))
  let next = run(.training(seed: 1, step: 1))
  let seed = run(.training(seed: 2, step: 0))
  #expect(first == again)
  #expect(Set([evaluation, first, next, seed]).count == 4)
}

@Test func dropoutStreamsDiffer() {
  let x = Tensor.ones([1, 64])
  let mode = LayerMode.training(seed: 1, step: 0)
  let a = Dropout(0.5, stream: "a")(x, mode).array.scalars
  let b = Dropout(0.5, stream: "b")(x, mode).array.scalars
  #expect(a != b)
}

@Test func summaryListsEveryArray() {
  let expected = """
    path             shape         elements  kind
    layers.0.weight  [2, 1, 3, 3]        18  trained
    layers.0.bias    [2]                  2  trained
    layers.2.weight  [2]                  2  trained
    layers.2.bias    [2]                  2  trained
    layers.6.weight  [3, 2]               6  trained
    layers.6.bias    [3]                  3  trained
    table.weight     [5, 3]              15  trained
    scale            []                   1  buffer
    48 trained, 1 in buffers, 49 in total, 0.00 MiB
    """
  let summary = Network().summary()
  #expect(summary == expected)
}

@Test func drawsAreTheirDistributions() {
  let stream = Philox(seed: 8, stream: "draws")
  let uniform = stream.uniform([3, 2, 5], step: 7)
  #expect(uniform.shape == [3, 2, 5])
  let samples = (0..<3).flatMap { stream.uniform([1, 2, 5], step: 7, firstSample: $0).scalars }
  #expect(uniform.scalars == samples)
  #expect(uniform.scalars.allSatisfy { (0..<1).contains($0) })
  #expect(Set(uniform.scalars).count == 30)
}
