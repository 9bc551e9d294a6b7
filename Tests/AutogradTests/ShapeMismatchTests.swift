import Testing

@testable import Autograd

// One test per family of ops: a wrong shape stops the program with the op's name and both shapes, in
// optimised builds too. Each runs in a process of its own.

@Test func arithmeticNamesShapesThatDoNotBroadcast() async {
  let result = await #expect(
    processExitsWith: .failure, observing: [\.standardErrorContent]
  ) { _ = Tensor.zeros([2, 3]) + Tensor.zeros([2]) }
  expectMessage(result, "add: shapes [2, 3] and [2] do not broadcast")
}

@Test func comparisonsNameShapesThatDoNotBroadcast() async {
  let result = await #expect(
    processExitsWith: .failure, observing: [\.standardErrorContent]
  ) { _ = (Tensor.zeros([2, 3]) .< Tensor.zeros([2])) }
  expectMessage(result, "less: shapes [2, 3] and [2] do not broadcast")
}

@Test func replacingNamesAllShapes() async {
  let result = await #expect(
    processExitsWith: .failure, observing: [\.standardErrorContent]
  ) { _ = Tensor.zeros([2, 3]).replacing(with: .zeros([3]), where: .zeros([2])) }
  expectMessage(result, "replacing: shapes [2, 3], other [3], mask [2] do not broadcast")
}

@Test func reductionsNameAxesAndShape() async {
  let result = await #expect(
    processExitsWith: .failure, observing: [\.standardErrorContent]
  ) { _ = Tensor.zeros([2, 3]).max([2]) }
  expectMessage(result, "max: axes [2] of shape [2, 3]")
}

@Test func softmaxNamesItsAxis() async {
  let result = await #expect(
    processExitsWith: .failure, observing: [\.standardErrorContent]
  ) { _ = softmax(.zeros([2, 3]), axis: 2) }
  expectMessage(result, "softmax: axis 2 of shape [2, 3]")
}

@Test func shapingNamesBothShapes() async {
  let reshaped = await #expect(
    processExitsWith: .failure, observing: [\.standardErrorContent]
  ) { _ = Tensor.zeros([2, 3]).reshaped([4]) }
  expectMessage(reshaped, "reshape: [2, 3] to [4]")
  let concatenation = await #expect(
    processExitsWith: .failure, observing: [\.standardErrorContent]
  ) { _ = concatenated([.zeros([2, 3]), .zeros([3, 3])], axis: 1) }
  expectMessage(concatenation, "concatenate along 1: [2, 3] and [3, 3]")
  let stack = await #expect(
    processExitsWith: .failure, observing: [\.standardErrorContent]
  ) { _ = stacked([.zeros([2, 3]), .zeros([3, 2])], axis: 1) }
  expectMessage(stack, "stack: [2, 3] and [3, 2]")
}

@Test func indexingNamesRangeAndShapes() async {
  let gathered = await #expect(
    processExitsWith: .failure, observing: [\.standardErrorContent]
  ) { _ = Tensor.zeros([2, 3]).gathered([3], axis: 1) }
  expectMessage(gathered, "gathered: an index is outside 0..<3, axis 1 of shape [2, 3]")
  let scattered = await #expect(
    processExitsWith: .failure, observing: [\.standardErrorContent]
  ) { _ = Tensor.zeros([2, 3]).scatterAdding(.zeros([2, 1]), at: [0, 1], axis: 1) }
  expectMessage(
    scattered, "scatterAdding: updates [2, 1] at 2 indices of axis 1 of shape [2, 3]")
}

@Test func matmulNamesBothShapes() async {
  let inner = await #expect(
    processExitsWith: .failure, observing: [\.standardErrorContent]
  ) { _ = matmul(.zeros([2, 3]), .zeros([2, 3]), transposeA: true, transposeB: true) }
  expectMessage(inner, "matmul: [2, 3]ᵀ · [2, 3]ᵀ")
  let batch = await #expect(
    processExitsWith: .failure, observing: [\.standardErrorContent]
  ) { _ = matmul(.zeros([2, 4, 3]), .zeros([3, 3, 5])) }
  expectMessage(batch, "matmul: leading axes of [2, 4, 3] and [3, 3, 5] do not broadcast")
}

@Test func linearNamesBothShapes() async {
  let result = await #expect(
    processExitsWith: .failure, observing: [\.standardErrorContent]
  ) { _ = linear(.zeros([2, 3]), .zeros([4, 2])) }
  expectMessage(result, "linear: x [2, 3] · weight [4, 2]ᵀ")
}

@Test func normsNameBothShapes() async {
  let rms = await #expect(
    processExitsWith: .failure, observing: [\.standardErrorContent]
  ) { _ = rmsNorm(.zeros([2, 3]), gain: .zeros([2])) }
  expectMessage(rms, "rmsNorm: vectors [2] for x [2, 3]")
  let layer = await #expect(
    processExitsWith: .failure, observing: [\.standardErrorContent]
  ) { _ = layerNorm(.zeros([2, 3]), gain: .zeros([3]), offset: .zeros([2])) }
  expectMessage(layer, "layerNorm: vector [2] for x [2, 3]")
}

@Test func attentionNamesBothShapes() async {
  let result = await #expect(
    processExitsWith: .failure, observing: [\.standardErrorContent]
  ) { _ = crossAttention(.zeros([2, 3, 4]), .zeros([2, 5, 4]), heads: 1, axis: 1) }
  expectMessage(result, "crossAttention: query [2, 3, 4], keyValue [2, 5, 4]")
}

@Test func convolutionsNameAllShapes() async {
  let line = await #expect(
    processExitsWith: .failure, observing: [\.standardErrorContent]
  ) {
    _ = convolution1D(.zeros([1, 5, 2]), .zeros([4, 3, 3]), .zeros([4]), padding: .zeros(1))
  }
  expectMessage(line, "convolution1D: x [1, 5, 2], weight [4, 3, 3], bias [4]")
  let image = await #expect(
    processExitsWith: .failure, observing: [\.standardErrorContent]
  ) { _ = convolution2D(.zeros([1, 5, 5, 2]), .zeros([4, 2, 3, 3]), .zeros([3])) }
  expectMessage(image, "convolution2D: x [1, 5, 5, 2], weight [4, 2, 3, 3], bias [3]")
}

@Test func lossesNameBothShapes() async {
  let squared = await #expect(
    processExitsWith: .failure, observing: [\.standardErrorContent]
  ) { _ = meanSquaredError(.zeros([2, 3]), .zeros([3])) }
  expectMessage(squared, "meanSquaredError: prediction [2, 3], target [3]")
  let entropy = await #expect(
    processExitsWith: .failure, observing: [\.standardErrorContent]
  ) { _ = crossEntropy(logits: .zeros([2, 3]), [1]) }
  expectMessage(entropy, "crossEntropy: logits [2, 3], targets [1]")
}

@Test func dropoutNamesItsProbability() async {
  let result = await #expect(
    processExitsWith: .failure, observing: [\.standardErrorContent]
  ) { _ = dropout(.zeros([2, 3]), probability: 1, Philox(seed: 0, stream: "mask"), step: 0) }
  expectMessage(result, "dropout: probability 1.0 for x [2, 3]")
}

@Test func devicesDoNotMix() async {
  let result = await #expect(
    processExitsWith: .failure, observing: [\.standardErrorContent]
  ) { _ = matmul(.zeros([2, 2]), .zeros([2, 2], device: .reference)) }
  expectMessage(result, "matmul: one operand is on cpu, another on reference")
}

@Test func aGradientNeedsAScalarThatDependsOnSomething() async {
  let vector = await #expect(
    processExitsWith: .failure, observing: [\.standardErrorContent]
  ) { _ = valueWithGradient(at: [.zeros([2])]) { $0[0] * 2 } }
  expectMessage(vector, "a gradient needs a scalar, and the loss has shape [2]")
  let constant = await #expect(
    processExitsWith: .failure, observing: [\.standardErrorContent]
  ) { _ = valueWithGradient(at: [.zeros([2])]) { $0[0].detached.sum() } }
  expectMessage(constant, "the loss does not depend on any of the parameters or inputs")
}

@Test func aGradientHasTheShapeOfItsInput() async {
  let result = await #expect(
    processExitsWith: .failure, observing: [\.standardErrorContent]
  ) {
    _ = valueWithGradient(at: [.zeros([2, 3])]) { inputs in
      Tensor.recorded(.zeros([]), from: inputs) { _ in [.zeros([3])] }
    }
  }
  expectMessage(result, "a pullback returned a gradient [3] for an input [2, 3]")
}

private func expectMessage(
  _ result: ExitTest.Result?, _ message: String, sourceLocation: SourceLocation = #_sourceLocation
) {
  let output = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
  let isThere = output.contains(message)
  #expect(isThere, "expected \"\(message)\", found: \(output)", sourceLocation: sourceLocation)
}
