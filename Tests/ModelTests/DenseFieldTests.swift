import TestSupport
import Testing

@testable import Autograd
@testable import TrajLoomVAE

/// The identities that keep the dense field out of training and sampling.
@Suite struct DenseFieldTests {
  private let model: TrajectoryVAE

  init() throws {
    model = try TrajectoryVAE(TestConfigs.vae(.pixel), seed: 5)
    TestConfigs.randomize(model)
  }

  @Test func thePatchEmbeddingOfTheFieldIsAffineInThePoint() throws {
    let points = TestConfigs.normal([2, 9, 6, 2], "points")
    let wanted = Tensor(TestConfigs.normal([2, 9, 6, model.config.hiddenSize], "wanted"))
    func evaluate(_ embed: () -> Tensor) -> (tokens: NDArray, gradient: [String: NDArray]) {
      var tokens: NDArray?
      let (_, gradient) = valueWithGradient(at: model) { _ in
        let embedded = embed()
        tokens = embedded.array
        return (embedded * wanted).sum()
      }
      return (tokens!, gradient)
    }
    let dense = evaluate { model.embedDense(model.denseOffsets(points)) }
    let collapsed = evaluate { model.embed(points) }
    #expect(maxNormalizedError(collapsed.tokens.scalars, dense.tokens.scalars) < 1e-5)
    for name in ["x_embedder.proj.weight", "x_embedder.proj.bias"] {
      let (a, b) = (collapsed.gradient[name]!, dense.gradient[name]!)
      #expect(a.shape == b.shape && maxNormalizedError(a.scalars, b.scalars) < 1e-5, "\(name)")
    }
    #expect(collapsed.gradient.count == 2 && dense.gradient.count == 2)
  }

  @Test func pointsNeedTwoRowsOfTheLastLayer() throws {
    let z = Tensor(TestConfigs.normal(model.latentShape(batch: 2), "z"))
    let dense = model.points(ofDense: model.decodeDense(z)).array
    let collapsed = model.decodePoints(z).array
    #expect(collapsed.shape == dense.shape)
    #expect(maxNormalizedError(collapsed.scalars, dense.scalars) < 1e-6)
  }

  /// A fresh model reads points as strongly in one encoding as in the other.
  @Test func bothEncodingsStartEquallyStrong() throws {
    func strength(_ encoding: VAEConfig.Encoding) throws -> Float {
      var config = TestConfigs.vae(encoding, hidden: 64)
      (config.patchSize, config.inputHeight, config.inputWidth) = (32, 64, 96)
      let model = try TrajectoryVAE(config, seed: 3)
      let kernel = model.xEmbedder.proj.weight
      let sums = kernel.reshaped([64, 2, kernel.array.count / 128]).sum([2])
      return square(sums).mean().array.item.squareRoot()
    }
    let (pixel, cell) = (try strength(.pixel), try strength(.cell))
    #expect(abs(pixel - 1) < 0.2 && abs(cell - 1) < 0.2, "\(pixel), \(cell)")
  }
}
