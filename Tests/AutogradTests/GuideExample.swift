// The code of docs/autograd.md, which `GuideTests` holds to be the same. It imports what a user of
// the library imports.

// guide: classifier
import Autograd

/// 28 x 28 images of a bar in noise: level (class 0), upright (1) or sloping (2).
func barImages(_ count: Int, seed: UInt64) -> (images: NDArray, classes: [Int]) {
  let stream = Philox(seed: seed, stream: "images")
  let classes = (0..<count).map { $0 % 3 }
  let pixels = classes.enumerated().flatMap { index, kind in
    let place = 4 + Int(20 * stream.uniform(1, step: 1, sample: index)[0])
    return stream.normal(28 * 28, sample: index).enumerated().map { pixel, noise in
      let (row, column) = (pixel / 28, pixel % 28)
      let distance = [row - place, column - place, row + column - 2 * place][kind]
      return 0.5 * noise + (abs(distance) <= 1 ? 1 : 0)
    }
  }
  return (NDArray(pixels, shape: [count, 28, 28, 1]), classes)
}

struct Classifier: Module {
  let convolution: Convolution2D
  let dropout = Dropout(0.1, stream: "classifier")
  let output: Linear

  init(seed: UInt64) {
    var initializer = Initializer(seed: seed)
    convolution = Convolution2D(1, 8, kernel: 5, stride: 2, &initializer)
    output = Linear(8, 3, &initializer)
  }

  func callAsFunction(_ images: Tensor, _ mode: LayerMode) -> Tensor {
    output(dropout(relu(convolution(images)).max([1, 2]), mode))  // [B, 28, 28, 1] → [B, 3]
  }
}

/// The share of held-out images that a classifier gets right after 100 steps of training.
func trainClassifier() -> Float {
  let model = Classifier(seed: 1)
  var optimizer = AdamW(weightDecay: 0.01)
  for step in 0..<100 {
    let batch = barImages(48, seed: UInt64(step))
    let (loss, gradient) = valueWithGradient(at: model) {
      crossEntropy(logits: $0(Tensor(batch.images), .training(seed: 1, step: step)), batch.classes)
    }
    optimizer.update(model, along: gradient, learningRate: 0.01)
    if step % 20 == 0 { print("step \(step)  loss \(loss)") }
  }
  let held = barImages(300, seed: 1_000_000)
  let guesses = model(Tensor(held.images), .evaluation).argMax(axis: 1)
  return Float(zip(guesses, held.classes).filter { $0 == $1 }.count) / 300
}
// end

func guideArrays() {
  // guide: arrays
  let x = NDArray([1, 2, 3, 4, 5, 6], shape: [2, 3])  // data: Sendable, immutable
  let y = Tensor(x) * Tensor([10, 100], shape: [2, 1])  // constants: nothing is recorded
  let (value, gradients) = valueWithGradient(at: [x]) { inputs in
    square(inputs[0]).sum()  // recorded: inputs[0] is on the tape of this call
  }
  print(y.array, value, gradients[0]!)
  // end
}

// guide: op
/// x³, elementwise.
func cube(_ x: Tensor) -> Tensor {
  let constant = x.detached
  return .recorded((constant * constant * constant).array, from: [x]) { [x = x.array] dy in
    [(3 * square(Tensor(x)) * Tensor(dy)).array]
  }
}
// end

// guide: module
/// x + gate · MLP(norm(x)), on the last axis.
struct ResidualBlock: Layer {
  let norm: LayerNorm
  let mlp: MLP
  @Parameter var gate: Tensor  // [D]

  init(_ width: Int, _ initializer: inout Initializer) {
    norm = LayerNorm(width)
    mlp = MLP(
      fc1: Linear(width, 4 * width, &initializer), fc2: Linear(4 * width, width, &initializer))
    gate = .zeros([width])
  }

  func callAsFunction(_ x: Tensor) -> Tensor { x + gate * mlp(norm(x)) }
}
// end

func guideState() throws {
  // guide: state
  var initializer = Initializer(seed: 1)
  let block = ResidualBlock(16, &initializer)
  print(block.summary())  // norm.weight, norm.bias, mlp.fc1.weight, ..., gate
  let saved = block.stateDictionary()
  try block.load(saved)  // throws a StateMismatch that lists what is missing, unknown or misshaped
  // end
}

// guide: checkpointed
/// Keeps the input of each block, and computes what is inside again when backward gets there.
func deep(_ blocks: [ResidualBlock], _ x: Tensor) -> Tensor {
  blocks.reduce(x) { x, block in checkpointed(block, [x]) { block, inputs in block(inputs[0]) } }
}
// end

// guide: without gradient
/// Pulls `x` towards what a model makes of it, which is a target and not part of the gradient.
func consistencyLoss(_ model: ResidualBlock, _ x: Tensor) -> Tensor {
  let target = withoutGradient { model(model(x)) }
  return meanSquaredError(model(x), target)
}
// end

func guideMemory() -> Int {
  // guide: memory
  var initializer = Initializer(seed: 1)
  let blocks = (0..<8).map { _ in ResidualBlock(64, &initializer) }
  let x = NDArray(repeating: 1, shape: [256, 64])
  func peak(_ forward: @escaping ([ResidualBlock], Tensor) -> Tensor) -> Int {
    MemoryUse.resetPeak()
    _ = valueWithGradient(at: [x]) { inputs in square(forward(blocks, inputs[0])).mean() }
    return MemoryUse.peak - MemoryUse.live
  }
  let kept = peak { blocks, x in blocks.reduce(x) { $1($0) } }
  let computedAgain = peak(deep)
  print("\(kept) bytes at most, or \(computedAgain) with checkpoints")
  // end
  return kept - computedAgain
}

func guideProfile() -> String {
  // guide: profile
  let x = Tensor([1, -1, 4], shape: [3])
  let (_, profile) = profiled { softmax(x) }
  print(profile.table())  // operation, calls, ms, share, GFLOP/s, GB/s
  let (_, first) = findingNonFinite { exp(sqrt(x)).sum() }
  print(first!)  // sqrt -> [3]: 1 of 3 elements not finite, the first at 1 is NaN; ...
  // end
  return "\(first!)"
}

func guideDraws() -> Bool {
  // guide: draws
  let noise = Philox(seed: 7, stream: "noise")
  let batch = noise.normal([4, 3], step: 12)  // samples 0, 1, 2, 3 of step 12
  let half = noise.normal([2, 3], step: 12, firstSample: 2)  // samples 2 and 3, the same numbers
  // end
  return Array(batch.scalars[6...]) == half.scalars
}
